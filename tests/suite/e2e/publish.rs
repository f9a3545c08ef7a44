//! `POST /v1/events`: what is taken, what is refused, and that a refused batch leaves nothing behind.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::support::{Inbox, Tenant, shared};

/// Whether nothing is in the tenant's log.
async fn log_is_empty(tenant: &Tenant) -> Result<bool> {
    let page = tenant.api.get("/v1/events").await?.json(200)?;
    Ok(page["events"] == json!([]) && page["next_cursor"].is_null())
}

#[tokio::test]
async fn one_event_and_a_batch() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let one = tenant.api.publish(&json!({"name": "order.created", "payload": {"n": 1}})).await?.json(202)?;
    ensure!(one["accepted"] == 1 && one["duplicates"] == 0, "{one}");
    let event = &one["events"][0];
    ensure!(event["name"] == "order.created" && event["status"] == "accepted", "{one}");
    let id = event["id"].as_str().context("no id")?;
    let read = tenant.api.get(&format!("/v1/events/{id}")).await?.json(200)?;
    ensure!(read["payload"] == json!({"n": 1}) && read["name"] == "order.created", "{read}");
    ensure!(read["published_at"] == read["logged_at"], "{read}");

    let events: Vec<Value> = (0..1_000).map(|n| json!({"name": format!("e.{n}"), "payload": {"n": n}})).collect();
    let many = tenant.api.publish(&json!({ "events": events })).await?.json(202)?;
    ensure!(many["accepted"] == 1_000, "{}", many["accepted"]);
    let answered = many["events"].as_array().context("a list")?;
    for (n, event) in answered.iter().enumerate() {
        ensure!(event["name"] == format!("e.{n}"), "out of order: {event}");
    }
    // The ids name their own events, wherever they ended up.
    for n in [0, 1, 499, 999] {
        let id = answered[n]["id"].as_str().context("no id")?;
        let read = tenant.api.get(&format!("/v1/events/{id}")).await?.json(200)?;
        ensure!(read["payload"]["n"] == n, "{read}");
    }
    Ok(())
}

#[tokio::test]
async fn every_field_comes_back() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let event = json!({
        "name": "A-b_c.1.2", "payload": {}, "id": "my:id_-1", "published_at": "2020-02-29T23:59:59.999+05:30",
        "partner_id": "p1", "document_type": "invoice", "ordering_key": "k",
    });
    tenant.api.publish(&event).await?.json(202)?;
    let read = tenant.api.get("/v1/events/my:id_-1").await?.json(200)?;
    ensure!(read["published_at"] == "2020-02-29T18:29:59.999Z", "{read}");
    for field in ["name", "payload", "id", "partner_id", "document_type", "ordering_key"] {
        ensure!(read[field] == event[field], "{field}: {read}");
    }
    Ok(())
}

#[tokio::test]
async fn bad_items_reject_the_whole_batch_with_a_pointer_to_each() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let long = "x".repeat(129);
    let batch = json!({"events": [
        {"name": "good.one", "payload": {}},
        {"name": "not good", "payload": {}},
        {"name": "", "payload": {}},
        {"name": long, "payload": {}},
        {"name": "a.b", "payload": []},
        {"name": "a.b", "payload": null},
        {"name": "a.b", "payload": "text"},
        {"name": "a.b"},
        {"payload": {}},
        {"name": "a.b", "payload": {}, "more": 1},
        {"name": "a.b", "payload": {}, "id": ""},
        {"name": "a.b", "payload": {}, "id": "with space"},
        {"name": "a.b", "payload": {}, "id": "a/b"},
        {"name": "a.b", "payload": {}, "id": "ümlaut"},
        {"name": "a.b", "payload": {}, "id": "a.b"},
        {"name": "a.b", "payload": {}, "id": "x".repeat(101)},
        {"name": "a.b", "payload": {}, "id": 7},
        {"name": "a.b", "payload": {}, "published_at": "soon"},
        {"name": "a.b", "payload": {}, "partner_id": ""},
        7,
        null,
        [],
        ["a.b", {}],
    ]});
    let pointers = tenant.api.publish(&batch).await?.pointers()?;
    let want = [
        "/events/1/name",
        "/events/2/name",
        "/events/3/name",
        "/events/4/payload",
        "/events/5/payload",
        "/events/6/payload",
        "/events/7",
        "/events/8",
        "/events/9/more",
        "/events/10/id",
        "/events/11/id",
        "/events/12/id",
        "/events/13/id",
        "/events/14/id",
        "/events/15/id",
        "/events/16/id",
        "/events/17/published_at",
        "/events/18/partner_id",
        "/events/19",
        "/events/20",
        "/events/21",
        "/events/22",
    ];
    ensure!(pointers == want, "{pointers:#?}");
    for (bad, pointer) in [
        (json!({"name": "a b", "payload": {}}), "/name"),
        (json!({"name": "a.b", "payload": 7}), "/payload"),
        (json!({"events": []}), "/events"),
        (json!({"events": {}}), "/events"),
        (json!({"events": [], "name": "x"}), "/name"),
    ] {
        let pointers = tenant.api.publish(&bad).await?.pointers()?;
        ensure!(pointers == [pointer], "{bad}: {pointers:?}");
    }
    ensure!(log_is_empty(&tenant).await?, "something was logged");
    let ids = tenant.publish("good.two", 0..1).await?;
    inbox.exactly(&ids).await?;
    Ok(())
}

#[tokio::test]
async fn a_key_that_is_there_twice_rejects_the_whole_batch() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    for (body, pointers) in [
        (r#"{"name":"a.b","payload":{"a":1,"a":1}}"#, &["/payload/a"][..]),
        (r#"{"name":"a.b","payload":{"a":[{"b~/":{"c":1,"\u0063":2}}]}}"#, &["/payload/a/0/b~0~1/c"]),
        (r#"{"name":"a.b","payload":{},"id":"x","id":"y"}"#, &["/id"]),
        (
            r#"{"events":[{"name":"a.b","payload":{"a":1,"a":2}},{"name":"a.b","payload":{}},
                {"name":"a.b","payload":{"x":{"y":0,"z":0,"y":0}}}]}"#,
            &["/events/0/payload/a", "/events/2/payload/x/y"],
        ),
    ] {
        let error = tenant.api.post_text("/v1/events", body).await?.error(400, "duplicate_key")?;
        let told = error["details"].as_array().context("a list")?.iter().map(|detail| &detail["pointer"]);
        ensure!(told.eq(pointers), "{error}");
        ensure!(error["details"][0]["message"].is_string(), "{error}");
    }
    let deep = format!("{{\"name\":\"a.b\",\"payload\":{}1{}}}", "{\"a\":".repeat(65), "}".repeat(65));
    let error = tenant.api.post_text("/v1/events", deep).await?.error(400, "nesting_too_deep")?;
    ensure!(error["details"][0]["pointer"] == "/payload", "{error}");
    ensure!(log_is_empty(&tenant).await?, "something was logged");
    // Bodies of other endpoints too.
    let twice = r#"{"id":"hook","integration_type":"permanent","callback_parameters":{"callback_url":"https://a.example/",
        "headers":{"x-a":"1","x-a":"2"}}}"#;
    let error = tenant.api.post_text("/v1/integrations", twice).await?.error(400, "duplicate_key")?;
    ensure!(error["details"][0]["pointer"] == "/callback_parameters/headers/x-a", "{error}");
    Ok(())
}

#[tokio::test]
async fn limits_of_number_and_size() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let events: Vec<Value> = (0..1_001).map(|n| json!({"name": "a.b", "payload": {"n": n}})).collect();
    let pointers = tenant.api.publish(&json!({ "events": events })).await?.pointers()?;
    ensure!(pointers == ["/events"], "{pointers:?}");

    let text = |bytes: usize| "x".repeat(bytes);
    let event = |bytes: usize| json!({"name": "a.b", "payload": {"t": text(bytes)}});
    tenant.api.publish(&event(256 * 1024)).await?.error(413, "payload_too_large")?;
    let reply = tenant.api.publish(&json!({"events": [event(10), event(256 * 1024)]})).await?;
    ensure!(matches!(reply.status, 400 | 413), "{}", reply.text());
    let events: Vec<Value> = (0..21).map(|_| event(250 * 1024)).collect();
    tenant.api.publish(&json!({ "events": events })).await?.error(413, "payload_too_large")?;
    ensure!(log_is_empty(&tenant).await?, "something was logged");

    // Just within each limit, of bytes that do not compress.
    let noise = |seed: usize, bytes: usize| -> String {
        let mut state = seed as u64 + 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-"[(state >> 58) as usize])
        };
        (0..bytes).map(|_| next()).collect()
    };
    let inbox = Inbox::open().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let events: Vec<Value> =
        (0..20).map(|n| json!({"name": "a.b", "payload": {"n": n, "t": noise(n, 255 * 1024)}})).collect();
    let answer = tenant.api.publish(&json!({ "events": events })).await?.json(202)?;
    let ids: Vec<String> = answer["events"]
        .as_array()
        .context("a list")?
        .iter()
        .filter_map(|e| e["id"].as_str().map(str::to_owned))
        .collect();
    ensure!(ids.len() == 20);
    for post in inbox.exactly(&ids).await? {
        let text = post.json()?["payload"]["t"].as_str().map(str::to_owned);
        ensure!(text == Some(noise(post.number(), 255 * 1024)), "event {} arrived changed", post.number());
    }
    for (n, id) in ids.iter().enumerate() {
        let read = tenant.api.get(&format!("/v1/events/{id}")).await?.json(200)?;
        ensure!(read["payload"]["n"] == n, "another event under {id}");
    }
    Ok(())
}

#[tokio::test]
async fn payloads_keep_every_digit_and_character_on_one_line() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let payloads = [
        (r#"{"a":123456789012345678901234567890.123456789012345678901234567890}"#, None),
        (r#"{"a":1.50,"b":1e400,"c":-0,"d":1E+2,"e":0.10}"#, None),
        (r#"{"a":9007199254740993,"b":18446744073709551616}"#, None),
        (
            "{\n  \"a\" : [ 1 ,\t2 ],\r\n  \"b\": \"keep  these \\n spaces \\\" \\\\\"\n}",
            Some(r#"{"a":[1,2],"b":"keep  these \n spaces \" \\"}"#),
        ),
        (r#"{"a":"Ünïcödé 漢字 🎉","b":"\u00e9\ud83c\udf89\u2028","c":"\/"}"#, None),
        ("{\"line\":\"\u{2028}\u{2029}\u{85}\"}", None),
        (r#"{"b":1,"a":2,"B":3}"#, None),
        (r#"{"":{"":[{},[],"",null,true]}}"#, None),
        ("{ }", Some("{}")),
    ];
    let mut want = Vec::new();
    for (sent, expected) in payloads {
        let body = format!("{{\"name\":\"digits.kept\",\"payload\":{sent}}}");
        let answer = tenant.api.post_text("/v1/events", body).await?.json(202)?;
        let id = answer["events"][0]["id"].as_str().context("no id")?.to_owned();
        let payload = expected.unwrap_or(sent);
        let read = tenant.api.get(&format!("/v1/events/{id}")).await?;
        ensure!(read.text().contains(&format!("\"payload\":{payload}")), "{payload} was read as {}", read.text());
        want.push((id, payload));
    }
    let ids: Vec<String> = want.iter().map(|(id, _)| id.clone()).collect();
    let posts = inbox.exactly(&ids).await?;
    for (id, payload) in want {
        let post = posts.iter().find(|post| post.id() == id).context("missing")?;
        let text = post.text();
        ensure!(text.ends_with(&format!("\"payload\":{payload}}}")), "{payload} was sent as {text}");
        ensure!(!text.contains(['\n', '\r']), "more than one line: {text}");
        ensure!(post.received.header("content-type") == "application/json");
    }
    Ok(())
}

#[tokio::test]
async fn a_lone_surrogate_and_broken_escapes_are_refused_or_kept_as_they_are() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    for payload in [r#"{"a":"\ud800"}"#, r#"{"a":"\udc00\ud800"}"#] {
        let body = format!("{{\"name\":\"a.b\",\"payload\":{payload}}}");
        let reply = tenant.api.post_text("/v1/events", body).await?;
        if reply.status == 202 {
            // Taken: then it must be readable, or the log could never be listed again.
            let page = tenant.api.get("/v1/events").await?;
            ensure!(page.status == 200 && page.text().contains(payload), "{}", page.text());
        } else {
            ensure!(reply.status == 400, "{}", reply.text());
        }
    }
    for payload in [r#"{"a":"\x"}"#, r#"{"a":"\u12"}"#, "{\"a\":\"tab\there\"}", "{\"a\":NaN}", "{\"a\":01}"] {
        let body = format!("{{\"name\":\"a.b\",\"payload\":{payload}}}");
        tenant
            .api
            .post_text("/v1/events", body)
            .await?
            .error(400, "malformed_json")
            .with_context(|| payload.to_owned())?;
    }
    Ok(())
}
