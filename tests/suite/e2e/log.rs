//! `GET /v1/events`: order, filters, ranges and paging.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sluice_local::system::System;

use crate::support::{Tenant, shared};

async fn page(tenant: &Tenant, query: &str) -> Result<(Vec<Value>, Option<String>)> {
    let page = tenant.api.get(&format!("/v1/events?{query}")).await?.json(200)?;
    let events = page["events"].as_array().context("a list")?.clone();
    Ok((events, page["next_cursor"].as_str().map(str::to_owned)))
}

/// Every event, page by page, by id.
async fn walk(tenant: &Tenant, query: &str) -> Result<Vec<String>> {
    walk_from(tenant, query, None).await
}

/// Every event from a cursor on.
async fn walk_from(tenant: &Tenant, query: &str, mut cursor: Option<String>) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for _ in 0..1_000 {
        let place = cursor.as_ref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let (events, next) = page(tenant, &format!("{query}{place}")).await?;
        ids.extend(events.iter().filter_map(|event| event["id"].as_str().map(str::to_owned)));
        match next {
            Some(next) => cursor = Some(next),
            None => return Ok(ids),
        }
    }
    anyhow::bail!("the pages do not end")
}

fn now(system: &System) -> String {
    system.app.ports.now().to_string()
}

#[tokio::test]
async fn pages_visit_each_event_once_newest_first() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let mut ids = Vec::new();
    for size in [1, 7, 40, 3, 1, 1, 60, 2] {
        let from = ids.len();
        ids.extend(tenant.publish("order.created", from..from + size).await?);
    }
    ids.reverse();
    for limit in [1, 2, 7, 50, 115, 116, 500] {
        let walked = walk(&tenant, &format!("limit={limit}")).await?;
        ensure!(walked == ids, "{} of {} with limit {limit}", walked.len(), ids.len());
    }
    let (events, _) = page(&tenant, "").await?;
    ensure!(events.len() == 100 && events[0]["payload"]["n"] == 114, "{}", events[0]);
    let times: Vec<&str> = events.iter().filter_map(|event| event["logged_at"].as_str()).collect();
    ensure!(times.is_sorted_by(|a, b| a >= b), "not newest first");
    Ok(())
}

#[tokio::test]
async fn what_is_published_while_one_pages_changes_nothing() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let mut ids = tenant.publish("a.b", 0..30).await?;
    let (first, cursor) = page(&tenant, "limit=10").await?;
    tenant.publish("a.b", 30..60).await?;
    let rest = walk_from(&tenant, "limit=10", Some(cursor.context("no cursor")?)).await?;
    let mut seen: Vec<String> = first.iter().filter_map(|e| e["id"].as_str().map(str::to_owned)).collect();
    seen.extend(rest);
    ids.reverse();
    ensure!(seen == ids, "{} of {}", seen.len(), ids.len());
    Ok(())
}

#[tokio::test]
async fn names_filter() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    for _ in 0..3 {
        let events: Vec<Value> = (0..30)
            .map(|n| json!({"name": if n % 10 == 0 { "rare.one" } else { "common.one" }, "payload": {}}))
            .collect();
        tenant.api.publish(&json!({ "events": events })).await?.json(202)?;
    }
    for limit in [1, 2, 4, 100] {
        ensure!(walk(&tenant, &format!("name=rare.one&limit={limit}")).await?.len() == 9, "limit {limit}");
        ensure!(walk(&tenant, &format!("name=common.one&limit={}", limit * 5)).await?.len() == 81);
    }
    ensure!(walk(&tenant, "name=rare").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn ranges_take_their_beginning_in_and_leave_their_end_out() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    let before = now(&world.system);
    let one = tenant.publish("a.b", 0..1).await?;
    let at = |id: String| {
        let api = tenant.api.clone();
        async move {
            let event = api.get(&format!("/v1/events/{id}")).await?.json(200)?;
            anyhow::Ok(event["logged_at"].as_str().context("no time")?.to_owned())
        }
    };
    let first = at(one[0].clone()).await?;
    let mut two = tenant.publish("a.b", 1..2).await?;
    while at(two[0].clone()).await? == first {
        two = tenant.publish("a.b", 1..2).await?;
    }
    let second = at(two[0].clone()).await?;
    let (last, first_id) = (two[0].as_str(), one[0].as_str());
    let has = |ids: &[String], id: &str| ids.iter().any(|other| other == id);
    let range = walk(&tenant, &format!("from={first}&to={second}")).await?;
    ensure!(has(&range, first_id) && !has(&range, last), "{range:?}");
    let range = walk(&tenant, &format!("from={second}")).await?;
    ensure!(!has(&range, first_id) && has(&range, last), "{range:?}");
    let range = walk(&tenant, &format!("from={before}&to={first}")).await?;
    ensure!(range.is_empty(), "{range:?}");
    let range = walk(&tenant, &format!("from={second}&to={first}")).await?;
    ensure!(range.is_empty(), "{range:?}");
    for far in
        ["from=1970-01-01T00:00:00Z", "to=9999-01-01T00:00:00Z", "from=9999-01-01T00:00:00Z", "to=1970-01-01T00:00:00Z"]
    {
        page(&tenant, far).await.with_context(|| far.to_owned())?;
    }
    ensure!(page(&tenant, "from=9999-01-01T00:00:00Z").await?.0.is_empty());
    Ok(())
}

#[tokio::test]
async fn cursors_of_another_kind_are_refused_and_foreign_ones_tell_nothing() -> Result<()> {
    let world = shared().await;
    let (tenant, other) = (world.tenant().await?, world.tenant().await?);
    tenant.publish("a.b", 0..5).await?;
    other.publish("secret.thing", 0..5).await?;
    let (_, cursor) = page(&other, "limit=2").await?;
    let cursor = cursor.context("no cursor")?;
    let ids = walk_from(&tenant, "limit=10", Some(cursor.clone())).await?;
    ensure!(ids.len() <= 5, "{ids:?}");
    let (events, _) = page(&tenant, &format!("cursor={cursor}")).await?;
    ensure!(events.iter().all(|event| event["name"] == "a.b"));
    for bad in ["AAAA", "eHg", "MDAwMDAwMDAwMDAwMDAwMDAwMDAueA", &cursor[1..], &format!("{cursor}A")] {
        let reply = tenant.api.get(&format!("/v1/events?cursor={bad}")).await?;
        ensure!(matches!(reply.status, 200 | 400), "{bad}: {}", reply.text());
    }
    Ok(())
}

/// Lost without it: a function's answer of more than 6 MB is an error, and what is behind it cannot be read by anyone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_large_events_stays_below_what_a_function_can_answer() -> Result<()> {
    const ANSWER: usize = 4 * 1024 * 1024;
    let tenant = shared().await.tenant().await?;
    let pad = "p".repeat(250 * 1024);
    let mut ids = Vec::new();
    for n in 0..30 {
        let event = json!({"id": format!("large-{n:02}"), "name": "a.b", "payload": {"n": n, "pad": pad}});
        tenant.api.publish(&event).await?.json(202)?;
        ids.push(format!("large-{n:02}"));
    }
    let reversed: Vec<String> = ids.iter().rev().cloned().collect();
    for (order, cursor, wanted) in [("desc", "cursor", &reversed), ("asc", "after", &ids)] {
        let (mut found, mut place, mut pages): (Vec<String>, String, usize) = Default::default();
        crate::support::eventually("every event", crate::support::SOON, async || {
            let path = format!("/v1/events?order={order}&limit=500{place}");
            let reply = tenant.api.get(&path).await?;
            ensure!(reply.body.len() < ANSWER, "a page of {} bytes", reply.body.len());
            let page = reply.json(200)?;
            let events = page["events"].as_array().context("a list")?;
            found.extend(events.iter().filter_map(|event| event["id"].as_str().map(str::to_owned)));
            if let Some(next) = page["next_cursor"].as_str() {
                place = format!("&{cursor}={next}");
            }
            pages += usize::from(!events.is_empty());
            // Oldest first, events come once they are settled.
            Ok((found.len() >= wanted.len()).then_some(()))
        })
        .await?;
        ensure!(found == *wanted && pages > 1, "{order}: {} of {} in {pages} pages", found.len(), wanted.len());
    }
    Ok(())
}
