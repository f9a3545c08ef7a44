//! A disk that is full: writes are refused in plain words, nothing that was acknowledged is lost, and all goes on once there
//! is room. What was deleted gives its space back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use axum::http::Method;
use serde_json::{Value, json};
use sluice::app::{Clients, Patience};
use sluice::ports::Ports;
use sluice_local::embedded::{S3Keys, Servers};
use sluice_local::folder::Folder;
use sluice_local::provision;

use crate::support::process::Serve;
use crate::support::{Api, Inbox, Reply, SOON, bucket, eventually};

const SETTINGS: [(&str, &str); 4] = [
    ("SLUICE_EXPORT_INTERVAL_SECONDS", "2"),
    ("SLUICE_LOG_GRACE_MILLISECONDS", "1500"),
    ("SLUICE_RETRY_STREAM", "1s,1s,1s,1s,1s,1s,1s,1s,1s,1s"),
    ("SLUICE_PROBE_DELAYS", "1s"),
];
const MEGABYTES: u32 = 48;
/// A queue gives a message again that could not be deleted: nothing else is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes all the room that is left.
fn fill(ballast: &Path) -> Result<()> {
    let mut file = File::create(ballast)?;
    for block in [vec![0; 1024 * 1024], vec![0; 4096]] {
        while file.write_all(&block).is_ok() {}
    }
    Ok(())
}

/// Text that no compression makes much smaller.
fn noise(seed: u64) -> String {
    let mut state = seed.wrapping_add(1);
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + ((state >> 33) % 43) as u8)
    };
    (0..60_000).map(|_| letter()).map(|letter| if letter == '\\' { '!' } else { letter }).collect()
}

/// Publishes one event under the key of its number.
async fn publish(api: &Api, number: u64) -> Result<Reply> {
    let body = serde_json::to_vec(&json!({"name": "a.b", "payload": {"n": number, "noise": noise(number)}}))?;
    let with = |request: reqwest::RequestBuilder| {
        let request = request.header("idempotency-key", format!("event {number}"));
        request.header("content-type", "application/json").body(body)
    };
    api.send(Method::POST, "/v1/events", with).await
}

fn id(reply: &Reply) -> Result<String> {
    Ok(reply.json(202)?["events"][0]["id"].as_str().context("an id")?.to_owned())
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_all_goes_on_when_there_is_room() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let Some(serve) = Serve::start_on_small_disk(folder.path(), MEGABYTES, &SETTINGS).await? else {
        println!("skipped: this machine lets nobody mount a file system in a namespace of their own");
        return Ok(());
    };
    let api = Api::open(&serve.credentials.base_url)?.with(&format!("ApiKey {}", serve.credentials.api_key));
    let inbox = Inbox::open().await?;
    let hook =
        json!({"id": "hook", "integration_type": "permanent", "callback_parameters": {"callback_url": inbox.url()}});
    api.post("/v1/integrations", &hook).await?.json(200)?;
    let s3 = &serve.credentials.s3;
    let files = json!({"id": "files", "integration_type": "permanent", "s3_parameters": {
        "aws_access_key_id": s3.access_key_id, "aws_secret_access_key": s3.secret_access_key, "aws_region": s3.region,
        "bucket": s3.bucket, "key_prefix": "disk", "endpoint_url": s3.endpoint_url,
    }});
    api.post("/v1/integrations", &files).await?.json(200)?;

    let (mut kept, mut refused) = (BTreeMap::new(), Vec::new());
    for number in 0..5 {
        kept.insert(number, id(&publish(&api, number).await?)?);
    }
    let ballast = serve.reach(folder.path()).join("ballast");
    fill(&ballast)?;
    // Some fit still, into files that were larger before.
    for number in 5..200 {
        let reply = publish(&api, number).await?;
        if reply.status == 202 {
            kept.insert(number, id(&reply)?);
            continue;
        }
        reply.error(503, "storage_full")?;
        ensure!(!reply.header("retry-after").is_empty(), "{reply:?}");
        refused.push(number);
        if refused.len() == 3 {
            break;
        }
    }
    ensure!(refused.len() == 3, "there is room for {} events", kept.len());
    // Every write is refused so, and what only reads is not.
    fill(&ballast)?;
    let other =
        json!({"id": "x", "integration_type": "permanent", "callback_parameters": {"callback_url": inbox.url()}});
    api.post("/v1/integrations", &other).await?.error(503, "storage_full")?;
    api.delete("/v1/integrations/hook").await?.error(503, "storage_full")?;
    let listed = api.get("/v1/events?limit=1").await?.json(200)?;
    ensure!(listed["events"].as_array().is_some_and(|events| events.len() == 1), "{listed}");

    fs::remove_file(&ballast)?;
    for number in refused {
        let reply = eventually("there is room", SOON, async || {
            let reply = publish(&api, number).await?;
            Ok((reply.status != 503).then_some(reply))
        });
        kept.insert(number, id(&reply.await?)?);
    }
    let mut missing = Vec::new();
    let delivered = eventually("every event has come", PATIENCE, async || {
        let came: Vec<(u64, String)> = inbox.posts().iter().map(|post| (post.number() as u64, post.id())).collect();
        missing = kept.iter().filter(|(n, id)| !came.contains(&(**n, (*id).clone()))).map(|(n, _)| *n).collect();
        Ok(missing.is_empty().then_some(()))
    });
    delivered.await.with_context(|| format!("{missing:?} did not come"))?;
    let files = bucket::files_with(s3, "disk", kept.len(), PATIENCE).await?;
    bucket::each_once(&files, kept.len())?;
    let page = api.get("/v1/events?limit=500").await?.json(200)?;
    let events: &Vec<Value> = page["events"].as_array().context("a list")?;
    let logged: BTreeMap<u64, String> = events
        .iter()
        .map(|event| Ok((event["payload"]["n"].as_u64().context("n")?, event["id"].as_str().context("id")?.to_owned())))
        .collect::<Result<_>>()?;
    ensure!(logged == kept && events.len() == kept.len(), "{} in the log, {} acknowledged", events.len(), kept.len());
    ensure!(serve.signal("TERM").await? == Some(0), "SIGTERM");
    Ok(())
}

#[tokio::test]
async fn what_is_deleted_gives_its_space_back() -> Result<()> {
    let (temporary, ports) = (tempfile::tempdir()?, Ports::system());
    let folder = Folder::open(temporary.path())?;
    let keys = S3Keys { access_key_id: "test".to_owned(), secret_access_key: "test-secret".to_owned() };
    let servers = Servers::start(&folder, &keys, &ports).await?;
    let (dynamodb, sqs) = servers.configs().await;
    let clients = Clients::new(&dynamodb, &sqs, Patience::LOCAL, None);
    let resources = provision::resources(&clients).await?;
    let (table, queue) = (&resources.tables.events, &resources.queues.sync);
    let (text, size) =
        (noise(1).repeat(3), |name: &str| Ok::<_, anyhow::Error>(fs::metadata(folder.file(name))?.len()));
    let key = |n: usize| AttributeValue::S(format!("{n}"));
    for n in 0..150 {
        let put = clients.dynamodb.put_item().table_name(table).item("pk", key(n)).item("sk", key(n));
        put.item("body", AttributeValue::S(text.clone())).send().await?;
        clients.sqs.send_message().queue_url(queue).message_body(&text).send().await?;
    }
    let databases = ["dynamodb.sqlite", "sqs.sqlite"];
    let before = databases.map(size).into_iter().collect::<Result<Vec<u64>>>()?;
    ensure!(before.iter().all(|size| *size > 15_000_000), "{before:?}");
    for n in 0..150 {
        clients.dynamodb.delete_item().table_name(table).key("pk", key(n)).key("sk", key(n)).send().await?;
    }
    clients.sqs.purge_queue().queue_url(queue).send().await?;
    for name in databases {
        let shrunk = eventually("the file is small again", SOON, async || {
            // Its next writes bring what was given back out of the journal.
            clients.sqs.send_message().queue_url(queue).message_body("x").send().await?;
            let put = clients.dynamodb.put_item().table_name(table).item("pk", key(0)).item("sk", key(0));
            put.send().await?;
            Ok((size(name)? < 9_000_000).then_some(()))
        });
        shrunk.await.with_context(|| format!("{name}: {:?} bytes of {before:?}", size(name).ok()))?;
    }
    servers.stop().await;
    Ok(())
}
