//! Keys of the embedded bucket: each names one file below the bucket, and no other.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use sluice_local::provision::S3Access;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::world::start;
use crate::support::{SOON, World, shared};

fn code<T, E: ProvideErrorMetadata>(result: Result<T, E>) -> String {
    result.err().and_then(|error| error.code().map(str::to_owned)).unwrap_or_default()
}

async fn put(s3: &S3Access, key: &str) -> String {
    let body = ByteStream::from_static(b"other");
    code(
        s3.client()
            .put_object()
            .bucket(&s3.bucket)
            .key(key)
            .body(body)
            .send()
            .await
            .map_err(|e| e.into_service_error()),
    )
}

async fn get(s3: &S3Access, key: &str) -> String {
    code(s3.client().get_object().bucket(&s3.bucket).key(key).send().await.map_err(|e| e.into_service_error()))
}

#[tokio::test]
async fn a_key_with_dots_or_through_a_link_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let world = World::of(start(folder.path(), &[]).await?);
    let s3 = world.system.credentials.s3.clone();
    let (client, bucket) = (s3.client(), folder.path().join("s3").join(&s3.bucket));
    ensure!(put(&s3, "a/b").await.is_empty());
    let outside = folder.path().join("outside");
    fs::create_dir(&outside)?;
    fs::write(outside.join("file"), "outside")?;
    symlink(&outside, bucket.join("link"))?;
    symlink(outside.join("file"), bucket.join("file"))?;

    let dots = ["a/./b", "a/../a/b", "a//b", "../keys.json", "/a/b", "a/b/..", "a/b/", "."];
    for (keys, expected) in [(&dots[..], "InvalidArgument"), (&["link/file", "link/new", "file"], "AccessDenied")] {
        for key in keys {
            ensure!(put(&s3, key).await == expected, "{key} was written");
            ensure!(get(&s3, key).await == expected, "{key} was read");
            let source = format!("{}/{key}", s3.bucket);
            let copy = client.copy_object().bucket(&s3.bucket).key("copy").copy_source(source).send().await;
            ensure!(code(copy.map_err(|e| e.into_service_error())) == expected, "{key} was copied");
            let delete = Delete::builder().objects(ObjectIdentifier::builder().key(*key).build()?).build()?;
            let deleted = client.delete_objects().bucket(&s3.bucket).delete(delete).send().await;
            ensure!(code(deleted.map_err(|e| e.into_service_error())) == expected, "{key} was deleted");
        }
    }
    ensure!(fs::read_to_string(outside.join("file"))? == "outside" && !outside.join("new").exists());
    let kept = client.get_object().bucket(&s3.bucket).key("a/b").send().await?.body.collect().await?;
    ensure!(&kept.into_bytes()[..] == b"other");

    // What a browser is led to does not run.
    let presigned = aws_sdk_s3::presigning::PresigningConfig::expires_in(std::time::Duration::from_secs(60))?;
    let url = client.get_object().bucket(&s3.bucket).key("a/b").presigned(presigned).await?;
    let shown = reqwest::get(url.uri()).await?;
    let policy = shown.headers().get("content-security-policy").context("no policy")?.to_str()?;
    ensure!(shown.status() == 200 && policy.contains("sandbox"), "{:?}", shown.headers());
    ensure!(shown.headers()["x-content-type-options"] == "nosniff");
    world.stop().await;
    Ok(())
}

/// The answer to a form of that type of which nothing but its head is sent.
async fn begin_form(s3: &S3Access, content_type: &str) -> Result<String> {
    let mut stream = TcpStream::connect(s3.endpoint_url.trim_start_matches("http://")).await?;
    let head = format!(
        "POST /{} HTTP/1.1\r\nhost: x\r\ncontent-type: {content_type}\r\ncontent-length: 1000000000\r\n\r\n",
        s3.bucket
    );
    stream.write_all(head.as_bytes()).await?;
    let (mut answer, mut buffer) = (String::new(), [0; 1_024]);
    while !answer.contains("</Error>") {
        let bytes = timeout(SOON, stream.read(&mut buffer)).await??;
        ensure!(bytes > 0, "it hung up after {answer:?}");
        answer.push_str(std::str::from_utf8(&buffer[..bytes])?);
    }
    Ok(answer)
}

#[tokio::test]
async fn a_form_is_refused_before_any_of_it_is_read() -> Result<()> {
    let s3 = &shared().await.system.credentials.s3;
    for content_type in [
        "multipart/form-data; boundary=x",
        "Multipart/Form-Data;boundary=x",
        "multipart/form-data+x; boundary=x",
        "multipart/form-data",
    ] {
        let answer = begin_form(s3, content_type).await.with_context(|| content_type.to_owned())?;
        ensure!(answer.starts_with("HTTP/1.1 501 ") && answer.contains("<Code>NotImplemented<"), "{answer}");
        ensure!(answer.contains("x-content-type-options: nosniff"), "{answer}");
    }
    Ok(())
}
