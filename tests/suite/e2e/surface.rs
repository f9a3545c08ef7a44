//! What others can make of this process from outside: stalled uploads, its own ports as targets, a browser that is led
//! to its answers.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::{SOON, Tenant, World, eventually, shared};

/// Begins to publish 70 KB, and sends none of it before it is asked for.
async fn begin_upload(address: &str, tenant: &Tenant) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: ApiKey {}\r\ncontent-type: application/json\r\n\
         content-length: 70000\r\nexpect: 100-continue\r\n\r\n",
        tenant.api_key
    );
    stream.write_all(head.as_bytes()).await?;
    Ok(stream)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalled_uploads_of_one_tenant_do_not_delay_another() -> Result<()> {
    let world = World::start(&[]).await?;
    let (stalls, publishes) = (world.tenant().await?, world.tenant().await?);
    let address = world.system.credentials.base_url.trim_start_matches("http://").to_owned();
    let mut uploads = Vec::new();
    for upload in join_all((0..60).map(|_| begin_upload(&address, &stalls))).await {
        uploads.push(upload?);
    }
    // As many as may are being read.
    let mut asked = 0;
    eventually("a dozen are read", SOON, async || {
        for stream in &mut uploads {
            asked += usize::from(stream.try_read(&mut [0; 1024]).is_ok_and(|bytes| bytes > 0));
        }
        Ok((asked >= 12).then_some(()))
    })
    .await?;
    let large = json!({"name": "a.b", "payload": {"text": "x".repeat(70_000)}});
    let begun = Instant::now();
    publishes.api.publish(&large).await?.json(202)?;
    ensure!(begun.elapsed() < Duration::from_secs(1), "it waited for {:?}", begun.elapsed());
    // Small bodies wait for nobody, and those who stall lose their places.
    stalls.publish("a.b", 0..1).await?;
    drop(uploads);
    stalls.api.publish(&large).await?.json(202)?;
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn our_own_ports_are_no_targets() -> Result<()> {
    let (world, tenant) = (shared().await, shared().await.tenant().await?);
    let (api, bucket) = (&world.system.credentials.base_url, &tenant.s3.endpoint_url);
    let elsewhere = |url: &str| url.replace("127.0.0.1", "localhost");
    let refused = async |path: &str, body: Value| {
        let reply = tenant.api.post(path, &body).await?;
        reply.error(400, "forbidden_address").with_context(|| format!("{path}: {body}"))?;
        anyhow::Ok(())
    };
    let integration =
        |kind: &str, parameters: Value| json!({"id": "own", "integration_type": "permanent", kind: parameters});
    for url in [format!("{api}/v1/events"), elsewhere(api), bucket.clone(), elsewhere(bucket)] {
        refused("/v1/integrations", integration("callback_parameters", json!({ "callback_url": url }))).await?;
        let oauth2 = json!({"token_url": url, "client_id": "a", "client_secret": "b"});
        let parameters = json!({"callback_url": "http://127.0.0.1:9/", "oauth2": oauth2});
        refused("/v1/integrations", integration("callback_parameters", parameters)).await?;
        let connection = json!({"system": "genericApi", "baseUrl": url, "auth": {"type": "none"}});
        refused("/v1/connection-profiles", json!({"name": "own", "connection": connection})).await?;
    }
    for url in [api.clone(), elsewhere(api)] {
        let mut parameters = tenant.s3_parameters("p");
        parameters["endpoint_url"] = url.into();
        refused("/v1/integrations", integration("s3_parameters", parameters)).await?;
    }
    // Files go to the bucket.
    tenant.files("files", tenant.s3_parameters("own")).await?;
    Ok(())
}

#[tokio::test]
async fn no_answer_is_run_or_framed_by_a_browser_and_no_secret_is_kept_by_it() -> Result<()> {
    let (world, tenant) = (shared().await, shared().await.tenant().await?);
    let open = world.open()?;
    for path in [
        "/healthz",
        "/openapi.json",
        "/docs",
        "/docs/index.html",
        "/no/such",
        "/v1/integrations",
        "/.well-known/jwks.json",
    ] {
        let answer = open.get(path).await?;
        ensure!(answer.header("x-content-type-options") == "nosniff", "{path}: {:?}", answer.headers);
        let policy = answer.header("content-security-policy");
        ensure!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        ensure!(answer.header("x-frame-options") == "DENY", "{path}: {:?}", answer.headers);
    }
    let client = json!({"client_id": tenant.client_id, "client_secret": tenant.client_secret});
    let webhook = json!({
        "id": "hook", "integration_type": "permanent", "callback_parameters": {"callback_url": "http://127.0.0.1:9/"},
    });
    let subscription = json!({"name": "erp", "url": "http://127.0.0.1:9/", "events": ["a.b"]});
    for (path, body) in [
        ("/v1/auth/token", &client),
        ("/v1/api-keys", &json!({"name": "key", "scopes": ["events:read"]})),
        ("/v1/api-clients", &json!({"name": "client", "scopes": ["events:read"]})),
        ("/v1/integrations", &webhook),
        ("/v1/webhooks/subscriptions", &subscription),
    ] {
        let api = if path == "/v1/auth/token" { &open } else { &tenant.api };
        let answer = api.post(path, body).await?;
        ensure!((200..300).contains(&answer.status), "{path}: {}", answer.text());
        ensure!(answer.header("cache-control") == "no-store", "{path}: {:?}", answer.headers);
    }
    Ok(())
}
