//! HEAD: the headers of GET, and no body.

use anyhow::{Context as _, Result, ensure};
use axum::http::Method;

use crate::support::shared;

#[tokio::test]
async fn head_answers_as_get_without_a_body() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    let event = tenant.publish("order.created", 0..1).await?.remove(0);
    let own = [format!("/v1/events/{event}"), "/v1/events".to_owned(), "/v1/integrations".to_owned()];
    let paths = own.iter().map(String::as_str).chain([
        "/v1/events/nothing",
        "/v1/nothing",
        "/sandbox/v1/events",
        "/healthz",
        "/.well-known/jwks.json",
        "/openapi.json",
        "/docs",
        "/docs/index.html",
        "/docs/swagger-ui.css",
        "/docs/nothing",
    ]);
    for path in paths {
        for api in [tenant.api.clone(), world.open()?] {
            let get = api.get(path).await?;
            let head = api.send(Method::HEAD, path, |request| request).await?;
            ensure!((head.status, head.body.len()) == (get.status, 0), "{path}: {head:?}");
            ensure!(head.header("content-length") == get.body.len().to_string(), "{path}: {:?}", head.headers);
            for header in ["content-type", "etag", "cache-control", "location", "www-authenticate"] {
                ensure!(head.header(header) == get.header(header), "{path}: {header}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn head_is_for_what_can_be_read() -> Result<()> {
    let api = shared().await.tenant().await?.api;
    for path in ["/v1/auth/token", "/v1/integrations/x/_start", "/v1/integrations/x/_recover"] {
        let head = api.send(Method::HEAD, path, |request| request).await?;
        ensure!((head.status, head.header("allow")) == (405, "POST"), "{path}: {head:?}");
    }
    let put = api.send(Method::PUT, "/v1/events", |request| request).await?;
    ensure!(put.header("allow").split(',').any(|method| method == "HEAD"), "{:?}", put.headers);
    // Reading is no change: the audit log stays as it is.
    api.send(Method::HEAD, "/v1/integrations", |request| request).await?;
    let log = api.get("/v1/audit-log").await?.json(200)?;
    ensure!(log["entries"].as_array().context("a list")?.is_empty(), "{log}");
    Ok(())
}
