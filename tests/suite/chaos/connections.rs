//! Clients that open many connections, or keep a process waiting: others are served all the same.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sluice_local::provision::S3Access;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::Api;
use crate::support::process::Serve;

/// How long anything may take beside them.
const SOON_ENOUGH: Duration = Duration::from_secs(3);
const HALF: &[u8] = b"POST /v1/events HTTP/1.1\r\nhost: x\r\n";
const BODY_WITHOUT_END: &[u8] = b"PUT /x/y HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n";

async fn half_open(url: &str, count: usize) -> Result<Vec<TcpStream>> {
    open(url, count, &[HALF, BODY_WITHOUT_END, b""]).await
}

/// Opens connections, and sends one of these texts over each.
async fn open(url: &str, count: usize, texts: &[&[u8]]) -> Result<Vec<TcpStream>> {
    let address = url.trim_start_matches("http://");
    let mut open = Vec::with_capacity(count);
    for n in 0..count {
        let mut stream = TcpStream::connect(address).await?;
        // The server may have cut it already: then another took its place.
        let _ = stream.write_all(texts[n % texts.len()]).await;
        open.push(stream);
    }
    Ok(open)
}

/// Health, a publish and a file, each over a connection of its own.
async fn others_are_served(serve: &Serve) -> Result<()> {
    let begun = Instant::now();
    let open = Api::open(&serve.credentials.base_url)?;
    open.get("/healthz").await?.json(200)?;
    let publisher = Api::open(&serve.credentials.base_url)?.with(&format!("ApiKey {}", serve.credentials.api_key));
    publisher.publish(&json!({"name": "a.b", "payload": {}})).await?.json(202)?;
    put(&serve.credentials.s3, "file").await?;
    ensure!(begun.elapsed() < SOON_ENOUGH, "they waited for {:?}", begun.elapsed());
    Ok(())
}

async fn put(s3: &S3Access, key: &str) -> Result<()> {
    let body = aws_sdk_s3::primitives::ByteStream::from_static(b"text");
    s3.client().put_object().bucket(&s3.bucket).key(key).body(body).send().await?;
    Ok(())
}

#[tokio::test]
async fn half_open_requests_leave_the_api_and_the_bucket_to_others() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let serve = Serve::start_limited(folder.path(), &[], 1_024).await?;
    others_are_served(&serve).await?;
    let _of_api = half_open(&serve.credentials.base_url, 1_000).await?;
    let _of_s3 = half_open(&serve.credentials.s3.endpoint_url, 1_000).await?;
    for _ in 0..3 {
        others_are_served(&serve).await?;
    }
    Ok(())
}

#[tokio::test]
async fn polls_that_wait_leave_the_api_to_others() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let serve = Serve::start_limited(folder.path(), &[], 1_024).await?;
    others_are_served(&serve).await?;
    // They wait for what nobody has logged yet.
    let poll = format!(
        "GET /v1/events?order=asc&wait=20&from=9999-01-01T00:00:00.000Z HTTP/1.1\r\nhost: x\r\n\
         authorization: ApiKey {}\r\n\r\n",
        serve.credentials.api_key
    );
    let _polls = open(&serve.credentials.base_url, 400, &[poll.as_bytes()]).await?;
    for _ in 0..3 {
        others_are_served(&serve).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_process_without_a_free_descriptor_goes_on() -> Result<()> {
    /// What a request needs beside its connection.
    const SPARE: usize = 24;
    let folder = tempfile::tempdir()?;
    let serve = Serve::start(folder.path(), &[]).await?;
    others_are_served(&serve).await?;
    let used = fs::read_dir(format!("/proc/{}/fd", serve.id()))?.count();
    serve.signal("TERM").await?;

    let serve = Serve::start_limited(folder.path(), &[], used + SPARE).await?;
    let publisher = Api::open(&serve.credentials.base_url)?.with(&format!("ApiKey {}", serve.credentials.api_key));
    for _ in 0..4 {
        let _open = half_open(&serve.credentials.base_url, SPARE).await?;
        others_are_served(&serve).await.context("newcomers")?;
        publisher.publish(&json!({"name": "a.b", "payload": {}})).await?.json(202)?;
    }
    Ok(())
}
