//! Every error has one shape, whoever answers it.

use anyhow::{Context as _, Result, ensure};
use axum::http::Method;
use serde_json::{Value, json};

use crate::support::shared;

#[tokio::test]
async fn unknown_paths_and_methods() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    let paths = [
        "/",
        "/v1",
        "/v1/",
        "/v2/events",
        "/v1/events/",
        "/v1/nothing",
        "/sandbox/v1/nothing",
        "/v1/events/a/b",
        "/docs/x.js",
    ];
    for path in paths {
        for api in [world.open()?, tenant.api.clone()] {
            api.get(path).await?.error(404, "not_found").with_context(|| path.to_owned())?;
        }
    }
    // The token and the documents stand outside the environments.
    for path in ["/sandbox/healthz", "/sandbox/openapi.json", "/sandbox/.well-known/jwks.json"] {
        world.open()?.get(path).await?.error(404, "not_found")?;
    }
    for (method, path, allowed) in [
        (Method::PUT, "/v1/events", ["GET", "POST"]),
        (Method::PATCH, "/sandbox/v1/integrations", ["GET", "POST"]),
        (Method::GET, "/v1/integrations/x/_start", ["POST", "POST"]),
        (Method::POST, "/healthz", ["GET", "GET"]),
        (Method::POST, "/.well-known/jwks.json", ["GET", "HEAD"]),
    ] {
        let reply = tenant.api.send(method.clone(), path, |request| request).await?;
        reply.error(405, "method_not_allowed").with_context(|| format!("{method} {path}"))?;
        ensure!(allowed.iter().all(|m| reply.header("allow").contains(m)), "{path}: {:?}", reply.headers);
    }
    Ok(())
}

#[tokio::test]
async fn problem_json_has_the_same_facts() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    let bad = |request: reqwest::RequestBuilder| {
        let request = request.header("accept", "text/html, application/problem+json;q=0.9");
        request.header("content-type", "application/json").body(r#"{"name":"a b","payload":{}}"#)
    };
    let reply = tenant.api.send(Method::POST, "/v1/events", bad).await?;
    ensure!(reply.status == 400 && reply.header("content-type") == "application/problem+json", "{reply:?}");
    let problem: Value = serde_json::from_slice(&reply.body)?;
    ensure!(
        problem["status"] == 400 && problem["title"] == "Bad Request" && problem["type"] == "about:blank",
        "{problem}"
    );
    ensure!(problem["error_code"] == "validation_failed" && problem["details"][0]["pointer"] == "/name", "{problem}");
    ensure!(problem["request_id"] == reply.header("x-request-id") && problem["detail"].is_string(), "{problem}");

    for (method, path, status) in
        [(Method::GET, "/nothing", 404), (Method::PUT, "/v1/events", 405), (Method::GET, "/v1/events?cursor=x", 400)]
    {
        let reply = tenant.api.send(method, path, |r| r.header("accept", "application/problem+json")).await?;
        ensure!(reply.status == status && reply.header("content-type") == "application/problem+json", "{reply:?}");
    }
    let open =
        world.open()?.send(Method::GET, "/v1/events", |r| r.header("accept", "application/problem+json")).await?;
    ensure!(open.status == 401 && !open.header("www-authenticate").is_empty(), "{open:?}");
    Ok(())
}

#[tokio::test]
async fn bodies_of_another_kind_size_or_shape() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    for path in ["/v1/events", "/v1/integrations"] {
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data"] {
            let reply = tenant.api.send(Method::POST, path, |r| r.header("content-type", kind).body("{}")).await?;
            reply.error(415, "unsupported_media_type").with_context(|| kind.to_owned())?;
        }
        let reply = tenant.api.send(Method::POST, path, |r| r.body("{}")).await?;
        reply.error(415, "unsupported_media_type")?;
        for broken in ["", "{", "nul", "\u{feff}{}", "{'a':1}", "[1,"] {
            let reply = tenant.api.post_text(path, broken).await?;
            reply.error(400, "malformed_json").with_context(|| format!("{path} {broken:?}"))?;
        }
        let reply = tenant.api.post_text(path, vec![0xff, 0xfe, b'{', b'}']).await?;
        reply.error(400, "malformed_json")?;
        // A list must not be taken for the fields in their order.
        for shape in [
            "[]",
            "7",
            "null",
            "\"x\"",
            "true",
            r#"["a.b",{}]"#,
            r#" ["a","permanent",{"callback_url":"http://127.0.0.1:9/"}]"#,
        ] {
            let reply = tenant.api.post_text(path, shape).await?;
            ensure!(reply.pointers()? == [""], "{path} {shape}: {}", reply.text());
        }
        // Deep nesting must cost neither the stack nor the process.
        let deep = format!("{{\"name\":\"a.b\",\"payload\":{}1{}}}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        let reply = tenant.api.post_text(path, deep).await?;
        ensure!(matches!(reply.status, 400 | 413), "{path}: {}", reply.status);
    }
    let large = vec![b' '; 300 * 1024];
    tenant.api.post_text("/v1/integrations", large).await?.error(413, "payload_too_large")?;
    let reply = tenant.api.post("/v1/integrations/x/_start", &json!({"a": 1})).await?;
    ensure!(reply.pointers()? == ["/a"]);
    tenant.api.post("/v1/integrations/x/_start", &json!({})).await?.error(404, "not_found")?;
    tenant.api.post_text("/v1/integrations/x/_start", "nonsense").await?.error(400, "malformed_json")?;
    tenant.api.post_text("/v1/integrations/x/_stop", vec![b' '; 5_000]).await?.error(413, "payload_too_large")?;
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_sent_in_pieces_is_measured_too() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    // Without a length: nobody can say 413 before the bytes have come.
    let head = format!(
        "POST /v1/integrations HTTP/1.1\r\nhost: x\r\nauthorization: ApiKey {}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n",
        tenant.api_key
    );
    let base = shared().await.system.credentials.base_url.clone();
    let answer = raw(&base, head, vec![b' '; 300 * 1024]).await?;
    ensure!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    ensure!(answer.contains("payload_too_large") && answer.contains("x-request-id: req_"), "{answer}");
    Ok(())
}

/// Sends a head and one chunk; gives what is answered.
async fn raw(base: &str, head: String, chunk: Vec<u8>) -> Result<String> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = base.strip_prefix("http://").context("an http URL")?;
    let (mut read, mut write) = tokio::net::TcpStream::connect(address).await?.into_split();
    let sending = tokio::spawn(async move {
        write.write_all(head.as_bytes()).await?;
        write.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await?;
        write.write_all(&chunk).await?;
        write.write_all(b"\r\n0\r\n\r\n").await?;
        anyhow::Ok(write)
    });
    let mut answer = vec![0; 4_096];
    let mut length = 0;
    while !String::from_utf8_lossy(&answer[..length]).contains("request_id") {
        match read.read(&mut answer[length..]).await? {
            0 => break,
            n => length += n,
        }
    }
    sending.abort();
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

#[tokio::test]
async fn parameters_that_are_wrong_are_named() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    for query in [
        "limit=0",
        "limit=501",
        "limit=-1",
        "limit=x",
        "limit=1.5",
        "cursor=x",
        "cursor=",
        "cursor=%00",
        "from=yesterday",
        "from=2026-01-01",
        "to=1",
        "name=a%20b",
        "name=",
        "nothing=1",
        "limit=1&limit=2",
    ] {
        let reply = tenant.api.get(&format!("/v1/events?{query}")).await?;
        let pointers = reply.pointers().with_context(|| query.to_owned())?;
        ensure!(pointers.iter().all(|pointer| pointer.starts_with('?')), "{query}: {pointers:?}");
    }
    for path in
        ["/v1/events/%00", "/v1/events/%ff", "/v1/integrations/%2e%2e", "/v1/integrations/A%23b", "/v1/events/evt_"]
    {
        tenant.api.get(path).await?.error(404, "not_found").with_context(|| path.to_owned())?;
    }
    let long = format!("/v1/events/{}", "x".repeat(3_000));
    tenant.api.get(&long).await?.error(404, "not_found")?;
    let long = format!("/v1/integrations/{}", "x".repeat(3_000));
    tenant.api.get(&long).await?.error(404, "not_found")?;
    Ok(())
}

#[tokio::test]
async fn open_documents_need_no_credentials() -> Result<()> {
    let open = shared().await.open()?;
    let health = open.get("/healthz").await?.json(200)?;
    ensure!(health["status"] == "ok", "{health}");
    let document = open.get("/openapi.json").await?.json(200)?;
    ensure!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{}", document["openapi"]);
    let docs = open.get("/docs").await?;
    ensure!(docs.status == 303 && docs.header("location") == "/docs/index.html", "{docs:?}");
    let page = open.get("/docs/index.html").await?;
    ensure!(page.status == 200 && page.header("content-type").starts_with("text/html"), "{:?}", page.headers);
    ensure!(page.text().to_lowercase().contains("swagger"), "not the explorer");
    let script = open.get("/docs/swagger-ui-bundle.js").await?;
    ensure!(script.status == 200 && script.body.len() > 100_000, "{}", script.status);
    Ok(())
}
