//! `GET /v1/events?order=asc`: polls of the log, with and without waiting.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::support::{Api, SOON, Tenant, World, eventually, shared};

/// Much less than a poll may wait, also on a busy machine.
const PROMPT: Duration = Duration::from_secs(12);

/// A page, and the cursor that every page has.
async fn poll(api: &Api, query: &str) -> Result<(Vec<Value>, String)> {
    let page = api.get(&format!("/v1/events?order=asc&{query}")).await?.json(200)?;
    let events = page["events"].as_array().context("a list")?.clone();
    Ok((events, page["next_cursor"].as_str().context("a cursor")?.to_owned()))
}

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().filter_map(|event| event["id"].as_str().map(str::to_owned)).collect()
}

/// Polls until there are `count` events, and once more: with the cursor where they end.
async fn poll_all(api: &Api, query: &str, count: usize) -> Result<(Vec<Value>, String)> {
    let (mut events, mut place) = (Vec::new(), String::new());
    eventually("the events appear", SOON, async || {
        let (page, cursor) = poll(api, &format!("{query}&wait=1{place}")).await?;
        let over = page.is_empty() && events.len() >= count;
        events.extend(page);
        place = format!("&after={cursor}");
        Ok(over.then_some(()))
    })
    .await?;
    Ok((events, place))
}

#[tokio::test]
async fn events_of_many_publishers_come_once_each_in_order() -> Result<()> {
    const PUBLISHERS: usize = 4;
    const SIZES: [usize; 12] = [1, 7, 40, 1, 3, 120, 1, 1, 60, 2, 300, 5];
    let tenant = shared().await.tenant().await?;
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|_| {
            let tenant = tenant.clone();
            tokio::spawn(async move {
                let mut published = Vec::new();
                for size in SIZES.into_iter().cycle().take(30) {
                    published.extend(tenant.publish("order.created", 0..size).await?);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                anyhow::Ok(published)
            })
        })
        .collect();
    // Polls while they publish, and until everything has come.
    let count = PUBLISHERS * SIZES.iter().cycle().take(30).sum::<usize>();
    let (events, place) = poll_all(&tenant.api, "limit=37", count).await?;
    let mut expected = HashSet::new();
    for publisher in publishers {
        expected.extend(publisher.await??);
    }
    let seen = ids(&events);
    ensure!(seen.len() == count && seen.iter().cloned().collect::<HashSet<_>>() == expected, "{} events", seen.len());
    let times: Vec<&str> = events.iter().filter_map(|event| event["logged_at"].as_str()).collect();
    ensure!(times.len() == count && times.is_sorted(), "not in the order of the log");
    // Pages of another size meet in other places, and are the same log.
    let again = poll_all(&tenant.api, "limit=500", count).await?.0;
    ensure!(ids(&again) == seen);
    ensure!(poll(&tenant.api, &place).await?.0.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_waiting_poll_is_answered_soon_after_a_publish() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let begun = Instant::now();
    let (events, cursor) = poll(&tenant.api, "wait=2").await?;
    let waited = begun.elapsed();
    ensure!(events.is_empty() && waited >= Duration::from_secs(2) && waited < PROMPT, "{waited:?}");
    let (api, query) = (tenant.api.clone(), format!("wait=20&after={cursor}"));
    let waiting = tokio::spawn(async move { poll(&api, &query).await });
    tokio::time::sleep(Duration::from_millis(700)).await;
    let published = (Instant::now(), tenant.publish("order.created", 0..3).await?);
    let (events, cursor) = waiting.await??;
    // The grace of the tests' settings is 1.5 s, a pause 2 s.
    ensure!(ids(&events) == published.1 && published.0.elapsed() < PROMPT, "{:?}", published.0.elapsed());
    // A range that is over is not waited for.
    let (begun, to) = (Instant::now(), "2026-01-01T00:00:00.000Z");
    ensure!(poll(&tenant.api, &format!("wait=20&to={to}&after={cursor}")).await?.0.is_empty());
    ensure!(begun.elapsed() < PROMPT, "{:?}", begun.elapsed());
    Ok(())
}

#[tokio::test]
async fn an_empty_page_continues_after_what_it_has_searched() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let common = tenant.publish("common.one", 0..40).await?;
    poll_all(&tenant.api, "", 40).await?;
    let (events, cursor) = poll(&tenant.api, "name=rare.one").await?;
    ensure!(events.is_empty());
    ensure!(poll(&tenant.api, &format!("after={cursor}")).await?.0.is_empty(), "it is searched again");
    // The same cursor, however often, and `from` no longer counts.
    let rare = tenant.publish("rare.one", 0..2).await?;
    for _ in 0..2 {
        let (events, _) = poll(&tenant.api, &format!("wait=20&name=rare.one&after={cursor}")).await?;
        ensure!(ids(&events) == rare);
    }
    let query = format!("from=2026-01-01T00:00:00.000Z&after={cursor}");
    ensure!(ids(&poll(&tenant.api, &query).await?.0) == rare);
    // Ranges.
    let (first, _) = poll(&tenant.api, "limit=1").await?;
    let start = first[0]["logged_at"].as_str().context("a time")?;
    ensure!(poll(&tenant.api, &format!("to={start}")).await?.0.is_empty());
    ensure!(ids(&poll(&tenant.api, &format!("from={start}&limit=40")).await?.0) == common);
    ensure!(poll(&tenant.api, "from=9999-01-01T00:00:00.000Z").await?.0.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_rare_name_is_searched_for_a_part_of_the_log_at_a_time() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    // One after the other: each is a chunk of its own, and a page reads 200.
    for n in 0..230 {
        tenant.publish("common.one", n..n + 1).await?;
    }
    let rare = tenant.publish("rare.one", 0..1).await?;
    poll_all(&tenant.api, "limit=500", 231).await?;
    let begun = Instant::now();
    let (none, cursor) = poll(&tenant.api, "wait=20&name=rare.one").await?;
    ensure!(none.is_empty() && begun.elapsed() < PROMPT, "{:?}", begun.elapsed());
    ensure!(poll(&tenant.api, &format!("limit=500&after={cursor}")).await?.0.len() == 31);
    ensure!(ids(&poll(&tenant.api, &format!("name=rare.one&after={cursor}")).await?.0) == rare);
    Ok(())
}

#[tokio::test]
async fn pages_of_large_events_are_limited_in_bytes() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    // Quotes, which take two bytes inside of a response of Lambda.
    let payloads = [json!({"text": "x".repeat(250_000)}), json!({ "list": vec![""; 80_000] })];
    let mut expected = Vec::new();
    for batch in 0..3 {
        let events: Vec<Value> =
            (0..10).map(|n| json!({"name": "a.large", "payload": payloads[(batch + n) % 2]})).collect();
        let answer = tenant.api.publish(&json!({ "events": events })).await?.json(202)?;
        expected.extend(ids(answer["events"].as_array().context("a list")?));
    }
    let (mut seen, mut place, mut pages) = (Vec::new(), String::new(), 0);
    eventually("every page", SOON, async || {
        let page = tenant.api.get(&format!("/v1/events?order=asc&wait=2&limit=500{place}")).await?;
        let (size, shown) = (Value::from(page.text()).to_string().len(), page.json(200)?);
        ensure!(size <= 4 * 1024 * 1024 + 10_000, "a response of {size} bytes");
        seen.extend(ids(shown["events"].as_array().context("a list")?));
        place = format!("&after={}", shown["next_cursor"].as_str().context("a cursor")?);
        pages += usize::from(size > 10_000);
        Ok((seen.len() >= 30).then_some(()))
    })
    .await?;
    ensure!(seen == expected && (3..10).contains(&pages), "{} events in {pages} pages", seen.len());
    Ok(())
}

#[tokio::test]
async fn parameters_that_do_not_fit_are_pointed_at() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let after = poll(&tenant.api, "").await?.1;
    tenant.publish("a.b", 0..2).await?;
    let page = tenant.api.get("/v1/events?limit=1").await?.json(200)?;
    let cursor = page["next_cursor"].as_str().context("a cursor")?;
    for (query, pointers) in [
        (format!("after={after}"), vec!["?after"]),
        (format!("order=desc&after={after}"), vec!["?after"]),
        ("wait=5".to_owned(), vec!["?wait"]),
        (format!("wait=5&after={after}"), vec!["?after", "?wait"]),
        (format!("order=asc&cursor={cursor}"), vec!["?cursor"]),
        ("order=asc&wait=21".to_owned(), vec!["?wait"]),
        ("order=asc&limit=0".to_owned(), vec!["?limit"]),
        ("order=asc&name=no/name".to_owned(), vec!["?name"]),
        // The cursors of one order are none of the other.
        (format!("order=asc&after={cursor}"), vec!["?after"]),
        (format!("cursor={after}"), vec!["?cursor"]),
        ("order=asc&after=YWZ0ZXIv".to_owned(), vec!["?after"]),
        (format!("order=asc&after={after}A"), vec!["?after"]),
    ] {
        let found = tenant.api.get(&format!("/v1/events?{query}")).await?.pointers()?;
        ensure!(found == pointers, "{query}: {found:?}");
    }
    for bad in ["order=up", "order=asc&wait=x", "order=asc&wait=-1"] {
        ensure!(tenant.api.get(&format!("/v1/events?{bad}")).await?.pointers()?.len() == 1, "{bad}");
    }
    tenant.api.get("/v1/events?order=desc").await?.json(200)?;
    Ok(())
}

/// A poll that waits as long as it may.
async fn begin(tenant: &Tenant, api: &Api) -> Result<tokio::task::JoinHandle<Result<crate::support::Reply>>> {
    let cursor = poll(&tenant.api, "").await?.1;
    let (api, path) = (api.clone(), format!("/v1/events?order=asc&wait=20&after={cursor}"));
    let waiting = tokio::spawn(async move { api.get(&path).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok(waiting)
}

#[tokio::test]
async fn of_many_polls_of_one_tenant_some_wait_and_others_find_room() -> Result<()> {
    const WAIT: usize = 32;
    const POLLS: usize = 70;
    let world = World::start(&[]).await?;
    let (tenant, other) = (world.tenant().await?, world.tenant().await?);
    let query = format!("wait=20&after={}", poll(&tenant.api, "").await?.1);
    let polls: Vec<_> = (0..POLLS)
        .map(|_| {
            let (api, query) = (tenant.api.clone(), query.clone());
            tokio::spawn(async move { poll(&api, &query).await })
        })
        .collect();
    eventually("the rest is answered at once", PROMPT, async || {
        Ok((polls.iter().filter(|poll| poll.is_finished()).count() == POLLS - WAIT).then_some(()))
    })
    .await?;
    let waiting = begin(&other, &other.api).await?;
    ensure!(!waiting.is_finished(), "another tenant's does not wait");
    for (tenant, name) in [(&tenant, "a.b"), (&other, "c.d")] {
        tenant.publish(name, 0..1).await?;
    }
    let page = waiting.await??.json(200)?;
    ensure!(page["events"][0]["name"] == "c.d", "{page}");
    let mut told = 0;
    for poll in polls {
        told += poll.await??.0.len();
    }
    ensure!(told == WAIT, "{told} waited");
    // They have left their places.
    let begun = Instant::now();
    ensure!(poll(&tenant.api, "wait=2&name=c.d").await?.0.is_empty() && begun.elapsed() >= Duration::from_secs(2));
    world.stop().await;
    Ok(())
}

#[tokio::test]
async fn credentials_that_are_revoked_meanwhile_get_nothing() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let key = tenant.api.post("/v1/api-keys", &json!({"name": "k", "scopes": ["events:read"]})).await?.json(201)?;
    let (id, text) = (key["id"].as_str().context("an id")?, key["key"].as_str().context("a key")?);
    let api = tenant.api.with(&format!("ApiKey {text}"));
    let waiting = begin(&tenant, &api).await?;
    tenant.api.act(&format!("/v1/api-keys/{id}/revoke")).await?.json(200)?;
    eventually("it is refused", SOON, async || Ok((api.get("/v1/events").await?.status == 401).then_some(()))).await?;
    tenant.publish("a.b", 0..1).await?;
    waiting.await??.error(401, "unauthorized")?;
    Ok(())
}

#[tokio::test]
async fn a_waiting_poll_reads_little_and_ends_with_the_system() -> Result<()> {
    let world = World::start(&[("SLUICE_EXPORT_INTERVAL_SECONDS", "3600")]).await?;
    let tenant = world.tenant().await?;
    let cursor = poll(&tenant.api, "").await?.1;
    let queries =
        || world.system.usage().get("dynamodb").and_then(|calls| Some(calls.get("Query")?.calls)).unwrap_or(0);
    let before = queries();
    ensure!(poll(&tenant.api, &format!("wait=10&after={cursor}")).await?.0.is_empty());
    // 8 looks at 4 shards, and a tick may come meanwhile; at midnight, two days.
    let read = queries() - before;
    ensure!((20..80).contains(&read), "{read} queries in 10 s");

    let waiting = begin(&tenant, &tenant.api).await?;
    let begun = Instant::now();
    world.stop().await;
    let page = waiting.await??.json(200)?;
    ensure!(page["events"] == json!([]) && page["next_cursor"].is_string(), "{page}");
    ensure!(begun.elapsed() < PROMPT, "{:?}", begun.elapsed());
    Ok(())
}
