//! `/docs` and `/openapi.json`: kept by browsers, compressed, and unable to run what is not theirs.

use anyhow::{Result, ensure};
use axum::http::Method;

use crate::support::{Api, Reply, shared};

const FILES: [&str; 4] =
    ["/openapi.json", "/docs/index.html", "/docs/swagger-ui-bundle.js", "/docs/swagger-initializer.js"];

async fn get(api: &Api, path: &str, header: &str, value: &str) -> Result<Reply> {
    api.send(Method::GET, path, |request| request.header(header, value)).await
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() -> Result<()> {
    let open = shared().await.open()?;
    for path in FILES {
        let first = open.get(path).await?;
        let etag = first.header("etag").to_owned();
        ensure!(first.status == 200 && etag.starts_with('"') && etag.len() > 20, "{path}: {:?}", first.headers);
        ensure!(first.header("cache-control") == "no-cache", "{path}: {:?}", first.headers);
        for known in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
            let again = get(&open, path, "if-none-match", &known).await?;
            again.empty(304)?;
            ensure!(again.header("etag") == etag && again.header("cache-control") == "no-cache", "{path}: {again:?}");
        }
        let other = get(&open, path, "if-none-match", "\"other\"").await?;
        ensure!((other.status, &other.body) == (200, &first.body), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn large_files_are_compressed_for_those_who_take_it() -> Result<()> {
    let open = shared().await.open()?;
    for path in FILES {
        let plain = open.get(path).await?;
        let small = get(&open, path, "accept-encoding", "br, gzip").await?;
        ensure!(small.header("content-encoding") == "gzip", "{path}: {:?}", small.headers);
        ensure!(small.body.starts_with(&[0x1f, 0x8b]) && small.body.len() < plain.body.len(), "{path}");
        ensure!(small.header("vary") == "accept-encoding" && plain.header("vary") == "accept-encoding", "{path}");
        ensure!(small.header("content-type") == plain.header("content-type"), "{path}: {:?}", small.headers);
        // Other bytes, another strong tag.
        ensure!(small.header("etag") != plain.header("etag"), "{path}: {:?}", small.headers);
        let refused = get(&open, path, "accept-encoding", "gzip;q=0").await?;
        ensure!(refused.header("content-encoding").is_empty() && refused.body == plain.body, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn the_explorer_runs_its_own_scripts_only() -> Result<()> {
    let open = shared().await.open()?;
    for path in &FILES[1..] {
        let file = open.get(path).await?;
        let policy = file.header("content-security-policy");
        ensure!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"), "{path}: {policy}");
        ensure!(!policy.contains("unsafe") && !policy.contains('*'), "{path}: {policy}");
        ensure!(policy.contains("frame-ancestors 'none'") && file.header("x-frame-options") == "DENY", "{path}");
        ensure!(file.header("x-content-type-options") == "nosniff", "{path}");
        ensure!(file.header("referrer-policy") == "no-referrer", "{path}");
    }
    // The page asks for nothing that the policy forbids.
    let page = open.get("/docs/index.html").await?.text();
    ensure!(!page.contains("<style") && !page.contains("style=") && !page.contains("onload="), "{page}");
    for script in page.split("<script").skip(1) {
        ensure!(script.trim_start().starts_with("src=\"./"), "a script in the page: {script}");
    }
    let start = open.get("/docs/swagger-initializer.js").await?.text();
    ensure!(start.contains("/openapi.json") && start.contains("\"validatorUrl\": \"none\""), "{start}");
    Ok(())
}
