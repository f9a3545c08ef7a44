//! Keys of the embedded bucket: each names one file below the bucket, and no other.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use sluice_local::provision::S3Access;

use crate::support::World;
use crate::support::world::start;

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
