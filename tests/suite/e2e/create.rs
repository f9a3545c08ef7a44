//! `POST /v1/integrations`: what is made, what is refused, and that secrets stay hidden.

use anyhow::{Context as _, Result, ensure};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Inbox, shared};

const MASK: &str = "••••••••";
const PATH: &str = "/v1/integrations";

fn with(id: &str, callback: Value) -> Value {
    json!({"id": id, "integration_type": "permanent", "callback_parameters": callback})
}

#[tokio::test]
async fn a_webhook_integration_runs_at_once_and_hides_its_secrets() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let parameters = json!({
        "callback_url": inbox.url(), "api_key": "key-of-the-target", "signing_secret": secret,
        "headers": {"x-team": "blue"}, "timeout_seconds": 7, "max_per_second": 100,
    });
    let made = tenant.webhook_with("hook", parameters, json!({})).await?;
    ensure!(made["status"] == "running" && made["integration_type"] == "permanent" && made["id"] == "hook", "{made}");
    let view = &made["callback_parameters"];
    ensure!(view["api_key"] == MASK && view["signing_secret"] == MASK, "{made}");
    ensure!(view["headers"] == json!({"x-team": "blue"}) && view["timeout_seconds"] == 7, "{made}");
    ensure!(made["starts_at"].is_string() && made["ends_at"].is_null() && made["s3_parameters"].is_null(), "{made}");
    for path in [PATH.to_owned(), format!("{PATH}/hook"), format!("{PATH}/hook/log")] {
        let text = tenant.api.get(&path).await?.text();
        ensure!(!text.contains("key-of-the-target") && !text.contains(&secret[6..]), "{path} shows a secret: {text}");
    }
    ensure!(tenant.stop("hook").await?["callback_parameters"]["api_key"] == MASK);
    Ok(())
}

#[tokio::test]
async fn a_signing_secret_that_was_made_is_shown_once() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    let made = tenant.webhook("hook", &inbox.url()).await?;
    let secret = made["callback_parameters"]["signing_secret"].as_str().context("no secret")?.to_owned();
    ensure!(secret.starts_with("whsec_") && secret.len() > 40, "{secret}");
    ensure!(made["callback_parameters"]["api_key"].is_null(), "{made}");
    for text in [tenant.api.get(PATH).await?.text(), tenant.start("hook").await?.to_string()] {
        ensure!(text.contains(MASK) && !text.contains(&secret), "{text}");
    }
    let ids = tenant.publish("a.b", 0..1).await?;
    inbox.exactly(&ids).await?[0].verify(&secret)
}

#[tokio::test]
async fn an_s3_integration_hides_its_keys() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let made = tenant.files("files", tenant.s3_parameters("some/where")).await?;
    let view = &made["s3_parameters"];
    ensure!(view["aws_access_key_id"] == MASK && view["aws_secret_access_key"] == MASK, "{made}");
    ensure!(
        view["bucket"] == tenant.s3.bucket && view["key_prefix"] == "some/where" && made["status"] == "running",
        "{made}"
    );
    let text = tenant.api.get(PATH).await?.text();
    ensure!(!text.contains(&tenant.s3.secret_access_key) && !text.contains(&tenant.s3.access_key_id), "{text}");
    Ok(())
}

#[tokio::test]
async fn an_id_is_taken_once_even_by_twenty_at_once() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let body = with("same", json!({"callback_url": "http://127.0.0.1:9/"}));
    let replies = join_all((0..20).map(|_| tenant.api.post(PATH, &body))).await;
    let mut made = 0;
    for reply in replies {
        let reply = reply?;
        made += usize::from(reply.status == 200);
        if reply.status != 200 {
            reply.error(409, "integration_already_exists")?;
        }
    }
    ensure!(made == 1, "{made} were made");
    let list = tenant.api.get(PATH).await?.json(200)?;
    ensure!(list["integrations"].as_array().is_some_and(|all| all.len() == 1), "{list}");
    Ok(())
}

#[tokio::test]
async fn twenty_five_is_the_most_even_at_once() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let bodies: Vec<Value> =
        (0..30).map(|n| with(&format!("i-{n:02}"), json!({"callback_url": "http://127.0.0.1:9/"}))).collect();
    let replies = join_all(bodies.iter().map(|body| tenant.api.post(PATH, body))).await;
    let mut made = Vec::new();
    for (n, reply) in replies.into_iter().enumerate() {
        match reply? {
            reply if reply.status == 200 => made.push(n),
            reply => drop(reply.error(400, "integration_limit_exceeded")?),
        }
    }
    ensure!(made.len() == 25, "{} were made", made.len());
    let ids: Vec<String> = made.iter().map(|n| format!("i-{n:02}")).collect();
    let list = tenant.api.get(PATH).await?.json(200)?;
    let listed: Vec<&str> =
        list["integrations"].as_array().context("a list")?.iter().filter_map(|i| i["id"].as_str()).collect();
    ensure!(listed == ids, "{listed:?}");
    // An id that is there is a conflict before the limit is; a deleted one makes room, a stopped one does not.
    tenant.api.post(PATH, &bodies[made[0]]).await?.error(409, "integration_already_exists")?;
    tenant.stop(&ids[0]).await?;
    let more = with("more", json!({"callback_url": "http://127.0.0.1:9/"}));
    tenant.api.post(PATH, &more).await?.error(400, "integration_limit_exceeded")?;
    // Both environments count for themselves.
    tenant.api.sandbox().post(PATH, &more).await?.json(200)?;
    tenant.api.delete(&format!("{PATH}/{}", ids[1])).await?.empty(204)?;
    tenant.api.post(PATH, &more).await?.json(200)?;
    tenant
        .api
        .post(PATH, &with("one-more", json!({"callback_url": "http://127.0.0.1:9/"})))
        .await?
        .error(400, "integration_limit_exceeded")?;
    Ok(())
}

#[tokio::test]
async fn bad_bodies_are_pointed_at_and_make_nothing() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let ok = json!({"callback_url": "http://127.0.0.1:9/"});
    let s3 = tenant.s3_parameters("p");
    let many: serde_json::Map<String, Value> = (0..21).map(|n| (format!("x-{n}"), "v".into())).collect();
    let base = |more: Value| {
        let mut body = json!({"id": "a", "integration_type": "permanent"});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    };
    let callback = |more: Value| {
        let mut parameters = ok.clone();
        for (name, value) in more.as_object().into_iter().flatten() {
            parameters[name] = value.clone();
        }
        base(json!({ "callback_parameters": parameters }))
    };
    let bucket = |name: &str, value: Value| {
        let mut parameters = s3.clone();
        parameters[name] = value;
        base(json!({ "s3_parameters": parameters }))
    };
    let future = "2999-01-01T00:00:00Z";
    let cases = [
        (base(json!({})), ""),
        (base(json!({"callback_parameters": ok, "s3_parameters": s3})), ""),
        (base(json!({"id": "Upper", "callback_parameters": ok})), "/id"),
        (base(json!({"id": "", "callback_parameters": ok})), "/id"),
        (base(json!({"id": "a".repeat(51), "callback_parameters": ok})), "/id"),
        (base(json!({"id": "under_score", "callback_parameters": ok})), "/id"),
        (base(json!({"id": 7, "callback_parameters": ok})), "/id"),
        (base(json!({"integration_type": "eternal", "callback_parameters": ok})), "/integration_type"),
        (base(json!({"callback_parameters": ok, "starts_at": future})), "/starts_at"),
        (base(json!({"callback_parameters": ok, "starts_at": "today"})), "/starts_at"),
        (base(json!({"callback_parameters": ok, "ends_at": future})), "/ends_at"),
        (base(json!({"integration_type": "temporary", "callback_parameters": ok})), "/ends_at"),
        (
            base(
                json!({"integration_type": "temporary", "callback_parameters": ok, "starts_at": future, "ends_at": future}),
            ),
            "/ends_at",
        ),
        (base(json!({"callback_parameters": ok, "more": 1})), "/more"),
        (callback(json!({"more": 1})), "/callback_parameters/more"),
        (callback(json!({"callback_url": 7})), "/callback_parameters/callback_url"),
        (callback(json!({"callback_url": "not a url"})), "/callback_parameters/callback_url"),
        (callback(json!({"callback_url": ""})), "/callback_parameters/callback_url"),
        (callback(json!({"callback_url": "/relative"})), "/callback_parameters/callback_url"),
        (callback(json!({"callback_url": "https://user:pass@example.com/"})), "/callback_parameters/callback_url"),
        (callback(json!({"callback_url": "https://example.com/#x"})), "/callback_parameters/callback_url"),
        (callback(json!({"api_key": ""})), "/callback_parameters/api_key"),
        (callback(json!({"api_key": "a\r\nx-evil: 1"})), "/callback_parameters/api_key"),
        (callback(json!({"signing_secret": "plain"})), "/callback_parameters/signing_secret"),
        (callback(json!({"signing_secret": "whsec_c2hvcnQ="})), "/callback_parameters/signing_secret"),
        (callback(json!({"headers": {"x-a": "b\r\nx-evil: 1"}})), "/callback_parameters/headers/x-a"),
        (callback(json!({"headers": {"x-a\r\nx-evil": "1"}})), "/callback_parameters/headers/x-a\r\nx-evil"),
        (callback(json!({"headers": {"": "1"}})), "/callback_parameters/headers/"),
        (callback(json!({"headers": {"Host": "evil"}})), "/callback_parameters/headers/Host"),
        (callback(json!({"headers": {"Webhook-Id": "1"}})), "/callback_parameters/headers/Webhook-Id"),
        (callback(json!({"headers": {"content-length": "1"}})), "/callback_parameters/headers/content-length"),
        (callback(json!({ "headers": many })), "/callback_parameters/headers"),
        (callback(json!({"timeout_seconds": 0})), "/callback_parameters/timeout_seconds"),
        (callback(json!({"timeout_seconds": 61})), "/callback_parameters/timeout_seconds"),
        (callback(json!({"timeout_seconds": -1})), "/callback_parameters/timeout_seconds"),
        (callback(json!({"max_per_second": 0})), "/callback_parameters/max_per_second"),
        (bucket("bucket", json!("UP")), "/s3_parameters/bucket"),
        (bucket("aws_region", json!("eu central")), "/s3_parameters/aws_region"),
        (bucket("aws_region", json!("evil.example/?")), "/s3_parameters/aws_region"),
        (bucket("key_prefix", json!("a/../b")), "/s3_parameters/key_prefix"),
        (bucket("aws_secret_access_key", json!("")), "/s3_parameters/aws_secret_access_key"),
        (
            base(json!({"callback_parameters": ok, "filter_conditions": {"entity_filter": ["a b"]}})),
            "/filter_conditions/entity_filter/0",
        ),
        (
            base(json!({"callback_parameters": ok, "filter_conditions": {"event_filter": ["x", ""]}})),
            "/filter_conditions/event_filter/1",
        ),
        (
            base(json!({"callback_parameters": ok, "filter_conditions": {"entity_filter": "order"}})),
            "/filter_conditions/entity_filter",
        ),
    ];
    for (body, pointer) in cases {
        let pointers = tenant.api.post(PATH, &body).await?.pointers().with_context(|| body.to_string())?;
        ensure!(pointers == [pointer], "{body}: {pointers:?}");
    }
    let list = tenant.api.get(PATH).await?.json(200)?;
    ensure!(list["integrations"] == json!([]), "{list}");
    Ok(())
}

#[tokio::test]
async fn addresses_that_must_not_be_reached_are_refused() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let refused = async |url: &str, code: &str| {
        let reply = tenant.api.post(PATH, &with("a", json!({ "callback_url": url }))).await?;
        let error = reply.error(400, code).with_context(|| url.to_owned())?;
        ensure!(error["details"][0]["pointer"] == "/callback_parameters/callback_url", "{error}");
        let mut s3 = tenant.s3_parameters("p");
        s3["endpoint_url"] = url.into();
        let body = json!({"id": "a", "integration_type": "permanent", "s3_parameters": s3});
        let error = tenant.api.post(PATH, &body).await?.error(400, code).with_context(|| url.to_owned())?;
        ensure!(error["details"][0]["pointer"] == "/s3_parameters/endpoint_url", "{error}");
        anyhow::Ok(())
    };
    for url in ["http://93.184.216.34/", "http://example.com/hook", "http://[2606:4700::1111]/"] {
        refused(url, "insecure_url").await?;
    }
    for url in [
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://172.16.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://[fd00::1]/",
        "https://[fe80::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::]/",
        "https://0xa000001/",
        "https://167772161/",
        "https://012.0.0.1/",
        "https://10.1/",
    ] {
        refused(url, "forbidden_address").await?;
    }
    for url in ["ftp://example.com/", "file:///etc/passwd", "javascript:alert(1)", "data:,x"] {
        let reply = tenant.api.post(PATH, &with("a", json!({ "callback_url": url }))).await?;
        ensure!(reply.status == 400, "{url}: {}", reply.text());
    }
    Ok(())
}
