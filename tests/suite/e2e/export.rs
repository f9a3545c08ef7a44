//! Export: every event on exactly one line, in files closed by time or by size.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::support::{Inbox, SOON, World, bucket, shared};

#[tokio::test]
async fn every_event_stands_on_one_line_of_several_files() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    tenant.files("files", tenant.s3_parameters(&format!("/lines-{}/deep/", tenant.id))).await?;
    let prefix = format!("lines-{}/deep/{}/", tenant.id, tenant.id);
    let mut published = 0;
    let begun = Instant::now();
    // Over three intervals, so that there are several files.
    while begun.elapsed() < Duration::from_secs(7) {
        let more = 1 + published % 37;
        tenant.publish("order.created", published..published + more).await?;
        published += more;
        tokio::task::yield_now().await;
    }
    let files = bucket::files_with(&tenant.s3, &prefix, published, SOON).await?;
    bucket::each_once(&files, published)?;
    ensure!(files.len() > 1, "{} files", files.len());
    for file in &files {
        let name = file.key.strip_prefix(&prefix).context("another prefix")?;
        let (millis, random) = name.split_once("-data-").with_context(|| name.to_owned())?;
        let random = random.strip_suffix(".export").with_context(|| name.to_owned())?;
        ensure!(millis.len() == 13 && millis.bytes().all(|b| b.is_ascii_digit()), "{name}");
        ensure!(random.len() >= 8 && random.bytes().all(|b| b.is_ascii_alphanumeric()), "{name}");
        let numbers: Vec<u64> = file.lines()?.iter().filter_map(|line| line["payload"]["n"].as_u64()).collect();
        ensure!(numbers.is_sorted(), "{name} is not in the order of the log");
        for line in file.lines()? {
            let keys: Vec<&String> = line.as_object().context("an object")?.keys().collect();
            ensure!(
                keys == ["name", "payload", "published_at", "tenant"] && line["tenant"] == tenant.id.as_str(),
                "{line}"
            );
        }
    }
    let log = tenant.log("files").await?;
    let exported = log.iter().filter(|(action, _)| action == "file_exported").count();
    ensure!(exported == files.len(), "{} files, {exported} in the log", files.len());
    Ok(())
}

#[tokio::test]
async fn nothing_is_written_where_there_was_no_event() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let empty = format!("empty-{}", tenant.id);
    let mut body =
        json!({"id": "empty", "integration_type": "permanent", "filter_conditions": {"entity_filter": ["never"]}});
    body["s3_parameters"] = tenant.s3_parameters(&empty);
    tenant.api.post("/v1/integrations", &body).await?.json(200)?;
    // Two files of a witness, one interval after the other.
    let witness = format!("witness-{}", tenant.id);
    tenant.files("witness", tenant.s3_parameters(&witness)).await?;
    for n in 0..2 {
        tenant.publish("order.created", n..n + 1).await?;
        bucket::files_with(&tenant.s3, &witness, n + 1, SOON).await?;
    }
    ensure!(bucket::files(&tenant.s3, &empty).await?.is_empty(), "an empty file was written");
    let log = tenant.log("empty").await?;
    ensure!(log.len() == 1, "{log:?}");
    Ok(())
}

#[tokio::test]
async fn lines_are_the_publishers_own_text() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let prefix = format!("text-{}", tenant.id);
    tenant.files("files", tenant.s3_parameters(&prefix)).await?;
    let payload = r#"{"n":1.50,"big":123456789012345678901234567890,"t":"\u00e9 é  \n","u":"🎉"}"#;
    let pretty = payload.replace(",\"", ",\n\t \"");
    tenant.api.post_text("/v1/events", format!("{{\"name\":\"a.b\",\"payload\":{pretty}}}")).await?.json(202)?;
    let files = bucket::files_with(&tenant.s3, &prefix, 1, SOON).await?;
    ensure!(files[0].text.ends_with(&format!(",\"payload\":{payload}}}\n")), "{}", files[0].text);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_file_is_closed_before_its_time() -> Result<()> {
    let settings = [("SLUICE_EXPORT_INTERVAL_SECONDS", "3600"), ("SLUICE_EXPORT_MAX_BYTES", "100000")];
    let world = World::start(&settings).await?;
    let tenant = world.tenant().await?;
    tenant.files("files", tenant.s3_parameters("full")).await?;
    let pad = "x".repeat(900);
    let mut published = 0;
    for _ in 0..12 {
        let events: Vec<Value> =
            (published..published + 50).map(|n| json!({"name": "a.b", "payload": {"n": n, "pad": pad}})).collect();
        tenant.api.publish(&json!({ "events": events })).await?.json(202)?;
        published += 50;
    }
    // About 600 kB: five full files; the rest waits for an hour.
    let files = bucket::files_with(&tenant.s3, "full", 500, SOON).await?;
    crate::support::quiet(|| 0).await?;
    for file in &files {
        ensure!((100_000..101_100).contains(&file.text.len()), "{}: {} bytes", file.key, file.text.len());
    }
    let counts = bucket::numbers(&files)?;
    ensure!(counts.values().all(|count| *count == 1), "an event stands twice");
    let lines = counts.len() as u64;
    ensure!((0..lines).all(|n| counts.contains_key(&n)), "a gap in the first {lines}");
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_goes_up_in_parts_and_is_exact() -> Result<()> {
    let settings = [("SLUICE_EXPORT_INTERVAL_SECONDS", "3"), ("SLUICE_EXPORT_MAX_BYTES", "16000000")];
    let world = World::start(&settings).await?;
    let tenant = world.tenant().await?;
    tenant.files("files", tenant.s3_parameters("large")).await?;
    // Wide events: 12 MB and more in one interval.
    let pad = "p".repeat(60_000);
    let witness = Inbox::open().await?;
    let mut filter =
        json!({"id": "witness", "integration_type": "permanent", "filter_conditions": {"entity_filter": ["none"]}});
    filter["callback_parameters"] = json!({"callback_url": witness.url()});
    tenant.api.post("/v1/integrations", &filter).await?.json(200)?;
    for batch in 0..5_usize {
        let events: Vec<Value> =
            (batch * 50..batch * 50 + 50).map(|n| json!({"name": "a.b", "payload": {"n": n, "pad": pad}})).collect();
        tenant.api.publish(&json!({ "events": events })).await?.json(202)?;
    }
    let files = bucket::files_with(&tenant.s3, "large", 250, SOON).await?;
    bucket::each_once(&files, 250)?;
    for file in &files {
        ensure!(file.lines()?.iter().all(|line| line["payload"]["pad"] == pad.as_str()), "{} is changed", file.key);
    }
    let largest = files.iter().map(|file| file.text.len()).max();
    ensure!(largest > Some(6_000_000), "no file is large enough to go up in parts: {largest:?}");
    let usage = serde_json::to_value(world.system.usage())?;
    ensure!(usage["s3"]["CompleteMultipartUpload"]["calls"].as_u64() > Some(0), "{}", usage["s3"]);
    ensure!(witness.len() == 0);
    world.stop().await;
    Ok(())
}
