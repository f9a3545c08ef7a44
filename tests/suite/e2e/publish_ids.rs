//! Publishers' own ids: a repetition is a duplicate, and is not sent again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};

use crate::support::{Inbox, Tenant, quiet, shared};

fn batch(ids: impl IntoIterator<Item = String>) -> Value {
    let events: Vec<Value> =
        ids.into_iter().map(|id| json!({"name": "order.created", "payload": {"id": id}, "id": id})).collect();
    json!({ "events": events })
}

async fn hooked() -> Result<(Tenant, Inbox)> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    Ok((tenant, inbox))
}

#[tokio::test]
async fn repetitions_in_one_batch_and_in_a_later_one() -> Result<()> {
    let (tenant, inbox) = hooked().await?;
    let ids = |list: &[&str]| batch(list.iter().map(|id| (*id).to_owned()));
    let first = tenant.api.publish(&ids(&["a", "b", "a", "a"])).await?.json(202)?;
    ensure!(first["accepted"] == 2 && first["duplicates"] == 2, "{first}");
    let statuses: Vec<&str> =
        first["events"].as_array().context("a list")?.iter().filter_map(|e| e["status"].as_str()).collect();
    ensure!(statuses == ["accepted", "accepted", "duplicate", "duplicate"], "{statuses:?}");
    let again = tenant.api.publish(&ids(&["b", "c"])).await?.json(202)?;
    ensure!(again["accepted"] == 1 && again["events"][0]["status"] == "duplicate", "{again}");
    let again = tenant.api.publish(&ids(&["a", "b", "c"])).await?.json(202)?;
    ensure!(again["accepted"] == 0 && again["duplicates"] == 3, "{again}");
    // The same id with another content is a repetition all the same: the first one stands.
    let other = json!({"name": "order.deleted", "payload": {"id": "other"}, "id": "a"});
    tenant.api.publish(&other).await?.json(202)?;
    let read = tenant.api.get("/v1/events/a").await?.json(200)?;
    ensure!(read["name"] == "order.created", "{read}");
    inbox.exactly(&["a".into(), "b".into(), "c".into()]).await?;
    let page = tenant.api.get("/v1/events").await?.json(200)?;
    ensure!(page["events"].as_array().is_some_and(|events| events.len() == 3), "{page}");
    Ok(())
}

#[tokio::test]
async fn ids_that_look_like_ours_or_like_keys() -> Result<()> {
    let (tenant, inbox) = hooked().await?;
    let generated = tenant.publish("a.b", 0..1).await?;
    let mut ids: Vec<String> =
        ["-", "_", ":", "claim:x", "evt_", "evt_00000000000000000000000", "2F", "null", "0", "A:b-C_d"]
            .map(str::to_owned)
            .to_vec();
    ids.push("x".repeat(100));
    let answer = tenant.api.publish(&batch(ids.clone())).await?.json(202)?;
    ensure!(answer["accepted"] == ids.len(), "{answer}");
    let answer = tenant.api.publish(&batch(ids.clone())).await?.json(202)?;
    ensure!(answer["duplicates"] == ids.len(), "{answer}");
    // An id that the gateway gave is as taken as any other.
    let again = tenant.api.publish(&batch(generated.clone())).await?.json(202)?;
    ensure!(again["duplicates"] == 1, "{again}");
    for id in &ids {
        let mut path = String::from("/v1/events/");
        for byte in id.bytes() {
            path.push_str(&format!("%{byte:02x}"));
        }
        let read = tenant.api.get(&path).await?.json(200).with_context(|| id.clone())?;
        ensure!(read["id"] == id.as_str(), "{read}");
    }
    let read = tenant.api.get(&format!("/v1/events/{}", generated[0])).await?.json(200)?;
    ensure!(read["name"] == "a.b", "{read}");
    ids.extend(generated);
    inbox.exactly(&ids).await?;
    // In another environment the same ids are free: what is copied there keeps them.
    let copied = tenant.api.sandbox().publish(&batch(ids.clone())).await?.json(202)?;
    ensure!(copied["accepted"] == ids.len(), "{copied}");
    let last = ids.last().context("one")?;
    let read = tenant.api.sandbox().get(&format!("/v1/events/{last}")).await?.json(200)?;
    ensure!(read["name"] == "order.created", "{read}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_publishers_of_the_same_ids_at_once() -> Result<()> {
    let (tenant, inbox) = hooked().await?;
    let ids: Vec<String> = (0..50).map(|n| format!("race-{n}")).collect();
    let publish = (0..20).map(|turn| {
        // Each in an order of its own: two that wait for each other would show.
        let mut mine = ids.clone();
        mine.rotate_left(turn * 7 % 50);
        if turn % 2 == 1 {
            mine.reverse();
        }
        let api = tenant.api.clone();
        async move { api.publish(&batch(mine)).await?.json(202) }
    });
    let answers = try_join_all(publish).await?;
    let mut accepted: HashMap<String, usize> = HashMap::new();
    for answer in &answers {
        ensure!(
            answer["accepted"].as_u64().zip(answer["duplicates"].as_u64()).is_some_and(|(a, d)| a + d == 50),
            "{answer}"
        );
        for event in answer["events"].as_array().context("a list")? {
            let count = accepted.entry(event["id"].as_str().unwrap_or_default().to_owned()).or_default();
            *count += usize::from(event["status"] == "accepted");
        }
    }
    ensure!(accepted.len() == 50 && accepted.values().all(|count| *count == 1), "{accepted:?}");
    inbox.exactly(&ids).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overlapping_batches_at_once_lose_and_repeat_nothing() -> Result<()> {
    let (tenant, inbox) = hooked().await?;
    let publish = (0..30_usize).map(|turn| {
        let mine: Vec<String> = (turn * 5..turn * 5 + 20).map(|n| format!("o-{n}")).collect();
        let api = tenant.api.clone();
        async move { api.publish(&batch(mine)).await?.json(202) }
    });
    let answers = try_join_all(publish).await?;
    let accepted: u64 = answers.iter().filter_map(|answer| answer["accepted"].as_u64()).sum();
    ensure!(accepted == 165, "{accepted} of 165 different ids were accepted");
    let ids: Vec<String> = (0..165).map(|n| format!("o-{n}")).collect();
    inbox.exactly(&ids).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_publishers_at_once_are_each_answered_with_their_own() -> Result<()> {
    let (tenant, inbox) = hooked().await?;
    let publish = (0..60_usize).map(|n| {
        let api = tenant.api.clone();
        async move {
            let name = format!("p{n}.done");
            let events: Vec<Value> = (0..=n % 3).map(|i| json!({"name": name, "payload": {"n": n, "i": i}})).collect();
            let answer = api.publish(&json!({ "events": events })).await?.json(202)?;
            let answered = answer["events"].as_array().context("a list")?.clone();
            ensure!(answered.len() == events.len() && answered.iter().all(|e| e["name"] == name.as_str()), "{answer}");
            anyhow::Ok((n, answered))
        }
    });
    let mut ids = Vec::new();
    for (n, answered) in try_join_all(publish).await? {
        for event in answered {
            let id = event["id"].as_str().context("no id")?.to_owned();
            let read = tenant.api.get(&format!("/v1/events/{id}")).await?.json(200)?;
            ensure!(read["payload"]["n"] == n, "another's event under {id}: {read}");
            ids.push(id);
        }
    }
    inbox.exactly(&ids).await?;
    ensure!(quiet(|| inbox.len()).await? == ids.len());
    Ok(())
}

#[tokio::test]
async fn who_waits_for_an_id_in_doubt_holds_up_nobody_else() -> Result<()> {
    let world = shared().await;
    let (tenant, other) = (world.tenant().await?, world.tenant().await?);
    let scope = tenant.scope();
    // What a publish leaves that dies between its claims and its log entry.
    let ids: Vec<String> = (0..4).map(|n| format!("doubt-{n}")).collect();
    for id in &ids {
        world.claim(&scope, id).await?;
    }
    let begun = Instant::now();
    let waiting =
        try_join_all(ids.iter().map(|id| async { tenant.api.publish(&batch([id.clone()])).await?.json(202) }));
    let others = async {
        for n in 0..5 {
            other.publish("a.b", n..n + 1).await?;
        }
        anyhow::Ok(begun.elapsed())
    };
    let (taken, others) = tokio::join!(waiting, others);
    let others = others?;
    ensure!(others < Duration::from_secs(5), "another tenant's publishing took {others:?}");
    // Nobody finished that publish, so that the ids are free again in the end.
    ensure!(taken?.iter().all(|answer| answer["accepted"] == 1));
    Ok(())
}
