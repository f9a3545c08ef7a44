//! `"ordering": "key"`: events of one key come strictly one after the other, and a failing one holds back its own key.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::{Value, json};
use sluice::ports::Ports;
use sluice_local::receiver::status;

use crate::support::inbox::Post;
use crate::support::{Inbox, SOON, Tenant, World, eventually, shared};

/// Registers an ordered webhook integration with more fields, and gives the answer.
async fn ordered(tenant: &Tenant, id: &str, url: &str, more: Value) -> Result<Value> {
    let mut body = json!({
        "id": id, "integration_type": "permanent", "ordering": "key", "callback_parameters": {"callback_url": url},
    });
    let fields = more.as_object().context("an object")?.clone();
    body.as_object_mut().context("an object")?.extend(fields);
    tenant.api.post("/v1/integrations", &body).await?.json(200)
}

/// Publishes events `n` of the range, one of each key in turn; the payload says which key it was.
async fn publish(tenant: &Tenant, keys: &[&str], numbers: std::ops::Range<usize>) -> Result<()> {
    let event = |n: usize| {
        let key = keys[n % keys.len()];
        json!({"name": "order.changed", "ordering_key": key, "payload": {"n": n, "key": key}})
    };
    let numbers: Vec<usize> = numbers.collect();
    for batch in numbers.chunks(7) {
        let events: Vec<Value> = batch.iter().map(|n| event(*n)).collect();
        tenant.api.publish(&json!({ "events": events })).await?.json(202)?;
    }
    Ok(())
}

fn key_of(post: &Post) -> String {
    let body = post.json().unwrap_or_default();
    body["payload"]["key"].as_str().unwrap_or_default().to_owned()
}

/// Waits for so many different events, then checks that each key's came in order and none was begun before the one
/// ahead of it was taken. What was taken is what `taken` says.
async fn in_order(inbox: &Inbox, count: usize, taken: impl Fn(&Post, usize) -> bool) -> Result<()> {
    eventually("every event is taken", SOON, async || {
        let mut tries: BTreeMap<usize, usize> = BTreeMap::new();
        let mut numbers = HashSet::new();
        for post in inbox.posts() {
            let before = tries.entry(post.number()).or_default();
            if taken(&post, *before) {
                numbers.insert(post.number());
            }
            *before += 1;
        }
        Ok((numbers.len() >= count).then_some(()))
    })
    .await?;
    crate::support::quiet(|| inbox.len()).await?;
    let (mut done, mut tries): (BTreeMap<String, Vec<usize>>, BTreeMap<usize, usize>) = Default::default();
    for post in inbox.posts() {
        let (key, n) = (key_of(&post), post.number());
        let before = tries.entry(n).or_default();
        let list = done.entry(key.clone()).or_default();
        ensure!(list.last().is_none_or(|last| *last < n), "{n} of {key} came after {:?}", list.last());
        if taken(&post, *before) {
            list.push(n);
        }
        *before += 1;
    }
    let arrived: usize = done.values().map(Vec::len).sum();
    ensure!(arrived == count, "{arrived} of {count} were taken");
    Ok(())
}

#[tokio::test]
async fn each_key_keeps_its_order_whatever_fails() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    // Every fifth event fails twice before it is taken.
    let takes = |post: &Post, before: usize| !post.number().is_multiple_of(5) || before >= 2;
    let answer = move |post: &Post, before| {
        status(if takes(post, before) { StatusCode::NO_CONTENT } else { StatusCode::SERVICE_UNAVAILABLE })
    };
    let inbox = Inbox::answering(answer).await?;
    let made = ordered(&tenant, "in-order", &inbox.url(), json!({})).await?;
    ensure!(made["ordering"] == "key", "{made}");
    publish(&tenant, &["a", "b", "c", "d", "e", "f", "g"], 0..300).await?;
    in_order(&inbox, 300, takes).await
}

#[tokio::test]
async fn a_failing_event_holds_back_its_own_key_alone() -> Result<()> {
    let settings = [("SLUICE_RETRY_STREAM", "300ms,300ms,300ms,300ms,300ms,300ms,300ms,300ms,300ms,300ms")];
    let world = World::start(&settings).await?;
    let tenant = world.tenant().await?;
    let works = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&works);
    let inbox = Inbox::answering(move |post, _| {
        let takes = key_of(post) != "bad" || asked.load(Ordering::Relaxed);
        status(if takes { StatusCode::NO_CONTENT } else { StatusCode::BAD_GATEWAY })
    })
    .await?;
    ordered(&tenant, "in-order", &inbox.url(), json!({})).await?;
    publish(&tenant, &["good", "bad", "fine"], 0..90).await?;
    eventually("the others", SOON, async || {
        let posts = inbox.posts();
        Ok((posts.iter().filter(|post| key_of(post) != "bad").count() == 60).then_some(()))
    })
    .await?;
    let held: HashSet<usize> = inbox.posts().iter().filter(|p| key_of(p) == "bad").map(Post::number).collect();
    ensure!(held.iter().all(|n| *n == 1), "only the first of the key may be tried: {held:?}");
    let refused = inbox.posts().iter().filter(|post| key_of(post) == "bad").count();
    works.store(true, Ordering::Relaxed);
    in_order(&inbox, 90, move |post, before| post.number() != 1 || before >= refused).await?;
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_stop_leaves_no_gap_and_no_disorder() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    ordered(&tenant, "in-order", &inbox.url(), json!({})).await?;
    publish(&tenant, &["a", "b"], 0..40).await?;
    inbox.wait_for(40).await?;
    tenant.stop("in-order").await?;
    publish(&tenant, &["a", "b"], 40..80).await?;
    crate::support::quiet(|| inbox.len()).await?;
    ensure!(inbox.len() == 40, "{} came to a stopped integration", inbox.len() - 40);
    tenant.start("in-order").await?;
    publish(&tenant, &["a", "b"], 80..120).await?;
    in_order(&inbox, 120, |_, _| true).await
}

#[tokio::test]
async fn history_comes_first_and_a_window_ends_itself() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    publish(&tenant, &["a", "b", "c"], 0..60).await?;
    let ports = Ports::system();
    let second = std::time::Duration::from_secs(1);
    let window = json!({
        "integration_type": "temporary",
        "starts_at": ports.now().minus(60 * second), "ends_at": ports.now().plus(3 * second),
    });
    ordered(&tenant, "window", &inbox.url(), window).await?;
    publish(&tenant, &["a", "b", "c"], 60..90).await?;
    in_order(&inbox, 90, |_, _| true).await?;
    eventually("its end", SOON, async || {
        let log = tenant.log("window").await?;
        let ended =
            |(action, reason): &(String, String)| action == "integration_stopped" && reason.contains("end date");
        Ok(log.iter().any(ended).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_dead_target_is_probed_and_then_gets_everything_in_order() -> Result<()> {
    let settings = [
        ("SLUICE_SUSPEND_AFTER_FAILURES", "5"),
        ("SLUICE_PROBE_DELAYS", "1s"),
        ("SLUICE_RETRY_STREAM", "1s,1s,1s,1s,1s,1s,1s,1s,1s,1s"),
    ];
    let world = World::start(&settings).await?;
    let tenant = world.tenant().await?;
    let works = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&works);
    let inbox = Inbox::answering(move |_, _| {
        let up = asked.load(Ordering::Relaxed);
        status(if up { StatusCode::NO_CONTENT } else { StatusCode::SERVICE_UNAVAILABLE })
    })
    .await?;
    ordered(&tenant, "dead", &inbox.url(), json!({})).await?;
    publish(&tenant, &["a", "b", "c", "d", "e", "f"], 0..60).await?;
    let becomes = async |wanted: &str| {
        eventually(wanted, SOON, async || {
            let now = tenant.api.get("/v1/integrations/dead").await?.json(200)?;
            Ok((now["status"] == wanted).then_some(()))
        })
        .await
    };
    becomes("suspended").await?;
    crate::support::quiet(|| inbox.len()).await?;
    let before = inbox.len();
    publish(&tenant, &["a", "b", "c", "d", "e", "f"], 60..120).await?;
    inbox.wait_for(before + 2).await?;
    let probes: HashSet<usize> = inbox.posts().split_off(before).iter().map(Post::number).collect();
    ensure!(probes.len() == 1, "a probe is the same event each time: {probes:?}");
    let failed = inbox.len();
    works.store(true, Ordering::Relaxed);
    becomes("running").await?;
    eventually("every event", SOON, async || {
        let taken: HashSet<usize> = inbox.posts().split_off(failed).iter().map(Post::number).collect();
        Ok((taken.len() == 120).then_some(()))
    })
    .await?;
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    for post in inbox.posts().split_off(failed) {
        let before = last.insert(key_of(&post), post.number());
        ensure!(before.is_none_or(|n| n <= post.number()), "{} came after {before:?}", post.number());
    }
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_rate_and_a_rejection_do_not_disturb_the_order() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::answering(|post, _| {
        status(if post.number() == 4 { StatusCode::BAD_REQUEST } else { StatusCode::NO_CONTENT })
    })
    .await?;
    let target = json!({"callback_parameters": {"callback_url": inbox.url(), "max_per_second": 20}});
    ordered(&tenant, "in-order", &inbox.url(), target).await?;
    publish(&tenant, &["a", "b"], 0..60).await?;
    in_order(&inbox, 60, |_, _| true).await?;
    let posts = inbox.posts();
    let took = posts[59].at.duration_since(posts[0].at);
    ensure!(took.as_millis() > 2_500, "60 at 20 a second came within {took:?}");
    let rejected = tenant.api.get("/v1/integrations/in-order/rejected_events").await?.json(200)?;
    ensure!(rejected.to_string().contains("order.changed"), "{rejected}");
    Ok(())
}

#[tokio::test]
async fn what_makes_no_sense_with_an_order_is_refused() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    let files = json!({
        "id": "files", "integration_type": "permanent", "ordering": "key", "s3_parameters": tenant.s3_parameters("x"),
    });
    let answer = tenant.api.post("/v1/integrations", &files).await?.json(400)?;
    ensure!(answer["details"][0]["pointer"] == "/ordering", "{answer}");
    ordered(&tenant, "in-order", &inbox.url(), json!({})).await?;
    let window = json!({"from": "2026-01-01T00:00:00Z"});
    let answer = tenant.api.post("/v1/integrations/in-order/_recover", &window).await?.json(400)?;
    ensure!(answer["error_code"] == "integration_ordered", "{answer}");
    Ok(())
}
