//! `/v1/consumers`: polls of the log from positions that the server keeps.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use futures::future::try_join_all;
use serde_json::{Value, json};
use sluice::domain::scope::{Environment, Scope};

use crate::support::{Api, SOON, Tenant, World, eventually, shared};

const PATH: &str = "/v1/consumers";
const LONG_AGO: &str = "from=2026-01-01T00:00:00.000Z";

/// The ids of a page, and its token.
async fn read(api: &Api, name: &str, query: &str) -> Result<(Vec<String>, String)> {
    let page = api.get(&format!("{PATH}/{name}/events?{query}")).await?.json(200)?;
    let events = page["events"].as_array().context("a list")?;
    let ids = events.iter().filter_map(|event| event["id"].as_str().map(str::to_owned)).collect();
    Ok((ids, page["ack"].as_str().context("a token")?.to_owned()))
}

async fn ack(api: &Api, name: &str, token: &str) -> Result<Value> {
    api.post(&format!("{PATH}/{name}/ack"), &json!({ "ack": token })).await?.json(200)
}

/// The pointer of a refused token.
async fn refused(api: &Api, name: &str, token: &str) -> Result<()> {
    let found = api.post(&format!("{PATH}/{name}/ack"), &json!({ "ack": token })).await?.pointers()?;
    ensure!(found == ["/ack"], "{token}: {found:?}");
    Ok(())
}

async fn list(api: &Api) -> Result<Vec<Value>> {
    Ok(api.get(PATH).await?.json(200)?["consumers"].as_array().context("a list")?.clone())
}

/// Publishes, and waits until it has settled.
async fn publish(tenant: &Tenant, name: &str, count: usize) -> Result<Vec<String>> {
    let ids = tenant.publish(name, 0..count).await?;
    let last = ids.last().context("an event")?;
    eventually("it has settled", SOON, async || {
        let page = tenant.api.get("/v1/events?order=asc&limit=500").await?.json(200)?;
        Ok(page["events"].to_string().contains(last.as_str()).then_some(()))
    })
    .await?;
    Ok(ids)
}

#[tokio::test]
async fn events_come_again_until_they_are_acknowledged() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let ids = publish(&tenant, "order.created", 25).await?;
    let (first, one) = read(api, "erp", &format!("{LONG_AGO}&limit=10")).await?;
    ensure!(first == ids[..10]);
    // `from` was for the first time only.
    let (again, same) = read(api, "erp", "limit=10&from=2026-02-01T00:00:00.000Z").await?;
    ensure!(again == first && same == one, "a page is not the same again");
    ack(api, "erp", &one).await?;
    let (second, two) = read(api, "erp", "limit=10").await?;
    ensure!(second == ids[10..20]);
    let moved = ack(api, "erp", &two).await?;
    // The older token, and the same one again, with and without a key: nothing moves.
    for token in [&one, &two] {
        ensure!(ack(api, "erp", token).await? == moved, "it moved back");
        let keyed = |request: reqwest::RequestBuilder| {
            let body = json!({ "ack": token }).to_string();
            request.header("idempotency-key", token).header("content-type", "application/json").body(body)
        };
        for _ in 0..2 {
            let reply = api.send(axum::http::Method::POST, &format!("{PATH}/erp/ack"), keyed).await?;
            ensure!(reply.json(200)? == moved);
        }
    }
    let (rest, three) = read(api, "erp", "limit=10").await?;
    ensure!(rest == ids[20..]);
    ack(api, "erp", &three).await?;
    // Caught up: an empty page has a token too, and what comes next is found from either place.
    let (none, empty) = read(api, "erp", "wait=1").await?;
    ensure!(none.is_empty());
    ack(api, "erp", &empty).await?;
    ensure!(ack(api, "erp", &three).await? == list(api).await?[0]);
    let begun = Instant::now();
    let more = tenant.publish("order.created", 0..3).await?;
    ensure!(read(api, "erp", "wait=20").await?.0 == more);
    ensure!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_consumer_begins_now_or_where_it_is_told() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let old = publish(&tenant, "a.b", 3).await?;
    let (none, _) = read(api, "fresh", "").await?;
    // A time to come is now.
    read(api, "future", "from=9999-01-01T00:00:00.000Z").await?;
    ensure!(none.is_empty() && read(api, "history", LONG_AGO).await?.0 == old);
    let new = publish(&tenant, "a.c", 2).await?;
    ensure!(read(api, "fresh", "").await?.0 == new && read(api, "future", "").await?.0 == new);
    // A filter passes over the others, for good.
    let (filtered, token) = read(api, "history", "name=a.c").await?;
    ensure!(filtered == new);
    ack(api, "history", &token).await?;
    ensure!(read(api, "history", "").await?.0.is_empty());

    let shown = list(api).await?;
    let names: Vec<&Value> = shown.iter().map(|one| &one["name"]).collect();
    ensure!(names == ["fresh", "future", "history"], "{shown:?}");
    for one in &shown {
        let fields: Vec<&String> = one.as_object().context("an object")?.keys().collect();
        ensure!(fields == ["created_at", "name", "position", "updated_at"], "{one}");
    }
    let is_at = |one: &Value, name: &str| one["position"] == one[name];
    ensure!(is_at(&shown[0], "created_at") && is_at(&shown[1], "created_at"), "{shown:?}");
    ensure!(shown[2]["updated_at"].as_str() > shown[2]["created_at"].as_str(), "{shown:?}");
    Ok(())
}

#[tokio::test]
async fn tokens_of_others_and_what_is_no_token_are_refused() -> Result<()> {
    let world = shared().await;
    let (tenant, other) = (world.tenant().await?, world.tenant().await?);
    let api = &tenant.api;
    let token = read(api, "one", "").await?.1;
    for foreign in [read(api, "two", "").await?.1, read(&other.api, "one", "").await?.1] {
        refused(api, "one", &foreign).await?;
    }
    refused(api, "one", &read(&api.sandbox(), "one", "").await?.1).await?;
    let plain = String::from_utf8(BASE64.decode(&token)?)?;
    let uid = plain.split_once('/').context("a uid")?.0;
    // Garbage, and a place that no page can have reached.
    for bad in ["", "x", "/", &plain, &token[1..], &format!("{token}A")] {
        refused(api, "one", bad).await?;
    }
    refused(api, "one", &BASE64.encode(format!("{uid}/{}.0000", "v".repeat(19) + "g"))).await?;
    refused(api, "one", &BASE64.encode(format!("/{}.0000", "0".repeat(20)))).await?;
    for body in [json!({}), json!({"ack": 1}), json!({"ack": token, "more": 1})] {
        ensure!(api.post(&format!("{PATH}/one/ack"), &body).await?.pointers()?.len() == 1, "{body}");
    }
    ack(api, "one", &token).await?;
    // Of an earlier consumer of the name.
    api.delete(&format!("{PATH}/one")).await?.empty(204)?;
    let post = async |name: &str| api.post(&format!("{PATH}/{name}/ack"), &json!({ "ack": token })).await;
    for unknown in ["one", "never", "Not%20a%20name", &"x".repeat(3_000)] {
        post(unknown).await?.error(404, "not_found")?;
        api.delete(&format!("{PATH}/{unknown}")).await?.error(404, "not_found")?;
    }
    read(api, "one", "").await?;
    refused(api, "one", &token).await?;
    Ok(())
}

#[tokio::test]
async fn a_scope_has_25_consumers() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let names: Vec<String> = (0..24).map(|n| format!("c-{n:02}")).collect();
    try_join_all(names.iter().map(|name| read(api, name, ""))).await?;
    // Many at once make one.
    let same = try_join_all((0..5).map(|_| read(api, "same", LONG_AGO))).await?;
    ensure!(same.iter().all(|(ids, token)| ids.is_empty() && BASE64.decode(token).is_ok()));
    ensure!(list(api).await?.len() == 25);
    api.get(&format!("{PATH}/more/events")).await?.error(400, "consumer_limit_exceeded")?;
    read(api, "same", "").await?;
    read(&api.sandbox(), "more", "").await?;
    api.delete(&format!("{PATH}/c-07")).await?.empty(204)?;
    read(api, "more", "").await?;
    let bad = "A,a_b,%C3%A9,a%2Fb".split(',').map(str::to_owned).chain(["x".repeat(51)]);
    for name in bad {
        let found = api.get(&format!("{PATH}/{name}/events")).await?.pointers()?;
        ensure!(found == ["?consumer"], "{name}: {found:?}");
    }
    for (query, pointer) in [("limit=0", "?limit"), ("limit=501", "?limit"), ("wait=21", "?wait"), ("name=/", "?name")]
    {
        ensure!(api.get(&format!("{PATH}/same/events?{query}")).await?.pointers()? == [pointer], "{query}");
    }
    for query in ["from=x", "after=x", "order=asc", "to=2026-01-01T00:00:00Z"] {
        ensure!(api.get(&format!("{PATH}/same/events?{query}")).await?.pointers()?.len() == 1, "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn consumers_of_one_name_are_their_own_scopes() -> Result<()> {
    let world = shared().await;
    let (tenant, other) = (world.tenant().await?, world.tenant().await?);
    let apis = [tenant.api.clone(), tenant.api.sandbox(), other.api.clone()];
    let mut tokens = Vec::new();
    for (n, api) in apis.iter().enumerate() {
        let event = json!({"name": "a.b", "payload": {}, "id": format!("of-{n}")});
        api.publish(&event).await?.json(202)?;
        let (ids, token) = read(api, "mine", &format!("{LONG_AGO}&wait=20")).await?;
        ensure!(ids == [format!("of-{n}")], "{ids:?}");
        tokens.push(token);
    }
    ack(&apis[0], "mine", &tokens[0]).await?;
    ensure!(read(&apis[0], "mine", "").await?.0.is_empty());
    apis[1].delete(&format!("{PATH}/mine")).await?.empty(204)?;
    ensure!(list(&apis[0]).await?.len() == 1 && list(&apis[1]).await?.is_empty());
    ensure!(read(&apis[2], "mine", "").await?.0 == ["of-2"], "somebody else's acknowledgement counted");
    Ok(())
}

#[tokio::test]
async fn making_and_deleting_one_is_recorded_and_acknowledging_is_not() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let token = read(&tenant.api, "erp", LONG_AGO).await?.1;
    read(&tenant.api, "erp", "").await?;
    ack(&tenant.api, "erp", &token).await?;
    tenant.api.delete(&format!("{PATH}/erp")).await?.empty(204)?;
    let log = tenant.api.get("/v1/audit-log").await?.json(200)?;
    let entries = log["entries"].as_array().context("a list")?;
    let actions: Vec<&Value> = entries.iter().map(|entry| &entry["action"]).collect();
    ensure!(actions == ["consumers.delete", "consumers.create"], "{log}");
    for entry in entries {
        ensure!(entry["entity_type"] == "consumer" && entry["entity_id"] == "erp", "{entry}");
        ensure!(entry["source_ip"] == "127.0.0.1" && entry["details"]["request_id"].is_string(), "{entry}");
    }
    ensure!(entries[1]["details"]["from"] == "2026-01-01T00:00:00.000Z", "{log}");
    Ok(())
}

#[tokio::test]
async fn a_deleted_tenants_consumers_are_gone() -> Result<()> {
    let world = World::start(&[]).await?;
    let tenant = world.tenant().await?;
    let mut scopes = Vec::new();
    for (api, environment) in
        [(tenant.api.clone(), Environment::Production), (tenant.api.sandbox(), Environment::Sandbox)]
    {
        read(&api, "erp", "").await?;
        scopes.push(Scope { tenant: tenant.id.clone(), environment });
    }
    world.operator()?.delete(&format!("/v1/tenants/{}?force=true", tenant.id)).await?.empty(204)?;
    for scope in &scopes {
        ensure!(world.system.app.stores.consumers.list(scope).await?.is_empty(), "{scope}");
    }
    world.stop().await;
    Ok(())
}
