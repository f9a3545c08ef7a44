//! `Idempotency-Key`: a repeated POST gets the first answer again, and nothing is done twice.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::http::Method;
use futures::future::join_all;
use serde_json::{Value, json};
use sluice::ports::{Clock as _, System};
use sluice::store::idempotency::{Entry, HELD};

use crate::support::target::{Manner, Target};
use crate::support::{Api, ByHand, Inbox, Reply, SOON, Tenant, eventually, shared};

async fn post(api: &Api, key: &str, path: &str, body: &Value) -> Result<Reply> {
    let body = serde_json::to_vec(body)?;
    let with = |request: reqwest::RequestBuilder| {
        request.header("idempotency-key", key).header("content-type", "application/json").body(body)
    };
    api.send(Method::POST, path, with).await
}

fn hook(id: &str, url: &str) -> Value {
    json!({"id": id, "integration_type": "permanent", "callback_parameters": {"callback_url": url}})
}

fn replayed(reply: &Reply) -> bool {
    reply.header("idempotent-replayed") == "true"
}

#[tokio::test]
async fn the_same_request_gets_the_first_answer_again() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    let body = hook("hook", &inbox.url());
    let first = post(&tenant.api, "k-1", "/v1/integrations", &body).await?;
    let made = first.json(200)?;
    let secret = made["callback_parameters"]["signing_secret"].as_str().context("a secret, shown once")?;
    ensure!(secret.starts_with("whsec_") && !replayed(&first));
    let again = post(&tenant.api, "k-1", "/v1/integrations", &body).await?;
    ensure!(again.json(200)? == made && replayed(&again), "{}", again.text());
    ensure!(again.header("x-request-id") != first.header("x-request-id"), "each answer has an id of its own");
    // Without the key it is a second request.
    tenant.api.post("/v1/integrations", &body).await?.error(409, "integration_already_exists")?;
    Ok(())
}

#[tokio::test]
async fn a_publish_that_is_repeated_is_delivered_once() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let events: Vec<Value> = (0..200)
        .map(|n| json!({"name": format!("a.{}", "b".repeat(100)), "id": format!("{n:0>60}"), "payload": {"n": n}}))
        .collect();
    let body = json!({ "events": events });
    let first = post(&tenant.api, "batch", "/v1/events", &body).await?.json(202)?;
    ensure!(first["accepted"] == 200, "{}", first["accepted"]);
    let again = post(&tenant.api, "batch", "/v1/events", &body).await?;
    // Not 200 duplicates: the very first answer.
    ensure!(again.json(202)? == first && replayed(&again));
    let ids: Vec<String> = (0..200).map(|n| format!("{n:0>60}")).collect();
    inbox.exactly(&ids).await?;
    Ok(())
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let event = |n: u32| json!({"name": "a.b", "payload": {"n": n}});
    post(&tenant.api, "key", "/v1/events", &event(1)).await?.json(202)?;
    for other in [event(2), json!({"name": "a.b", "payload": {"n": 1}, "id": "x"}), json!({})] {
        post(&tenant.api, "key", "/v1/events", &other).await?.error(422, "idempotency_key_reused")?;
    }
    let elsewhere = post(&tenant.api, "key", "/v1/integrations", &event(1)).await?;
    elsewhere.error(422, "idempotency_key_reused")?;
    ensure!(replayed(&post(&tenant.api, "key", "/v1/events", &event(1)).await?), "the first is still there");
    // An empty body is a body too.
    tenant.webhook("hook", "http://127.0.0.1:9/").await?;
    let act = async |path: &str| tenant.api.send(Method::POST, path, |r| r.header("idempotency-key", "act")).await;
    act("/v1/integrations/hook/_stop").await?.json(200)?;
    ensure!(replayed(&act("/v1/integrations/hook/_stop").await?));
    act("/v1/integrations/hook/_start").await?.error(422, "idempotency_key_reused")?;
    Ok(())
}

#[tokio::test]
async fn nobody_sees_the_answers_of_others() -> Result<()> {
    let world = shared().await;
    let (tenant, other) = (world.tenant().await?, world.tenant().await?);
    let colleague = world.limited(&tenant, "events:write").await?;
    let event = json!({"name": "a.b", "payload": {}});
    let first = post(&tenant.api, "mine", "/v1/events", &event).await?.json(202)?;
    for api in [colleague, tenant.api.sandbox(), other.api.clone(), other.api.sandbox()] {
        let reply = post(&api, "mine", "/v1/events", &event).await?;
        ensure!(!replayed(&reply) && reply.json(202)? != first, "{}", reply.text());
    }
    // A token of the same client that may do less is another caller, too.
    let token = async |scope: &str| -> Result<Api> {
        let body = json!({"client_id": tenant.client_id, "client_secret": tenant.client_secret, "scope": scope});
        let token = world.open()?.post("/v1/auth/token", &body).await?.json(200)?;
        Ok(tenant.api.with(&format!("Bearer {}", token["access_token"].as_str().context("a token")?)))
    };
    let made = post(&token("").await?, "t", "/v1/integrations", &hook("h", "http://127.0.0.1:9/")).await?.json(200)?;
    ensure!(made["id"] == "h");
    let narrow =
        post(&token("events:write").await?, "t", "/v1/integrations", &hook("h", "http://127.0.0.1:9/")).await?;
    narrow.error(403, "insufficient_scope")?;
    Ok(())
}

#[tokio::test]
async fn an_answer_that_did_nothing_frees_the_key() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let bad = post(&tenant.api, "fix", "/v1/events", &json!({"name": "not ok", "payload": {}})).await?;
    bad.error(400, "validation_failed")?;
    let good = post(&tenant.api, "fix", "/v1/events", &json!({"name": "a.b", "payload": {}})).await?;
    good.json(202)?;
    ensure!(!replayed(&good));
    Ok(())
}

#[tokio::test]
async fn keys_that_are_none_are_refused() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let event = json!({"name": "a.b", "payload": {}});
    let long = "k".repeat(256);
    for bad in ["", &long] {
        post(&tenant.api, bad, "/v1/events", &event).await?.error(400, "invalid_idempotency_key")?;
    }
    let odd = reqwest::header::HeaderValue::from_bytes("ключ".as_bytes())?;
    let sent = tenant
        .api
        .send(Method::POST, "/v1/events", |r| {
            r.header("idempotency-key", odd).header("content-type", "application/json").body(event.to_string())
        })
        .await?;
    sent.error(400, "invalid_idempotency_key")?;
    post(&tenant.api, &long[1..], "/v1/events", &event).await?.json(202)?;
    // Elsewhere it means nothing.
    let get = tenant.api.send(Method::GET, "/v1/events", |r| r.header("idempotency-key", "")).await?;
    get.json(200)?;
    Ok(())
}

#[tokio::test]
async fn of_many_at_once_one_is_carried_out() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let event = json!({"name": "a.b", "payload": {"n": 1}});
    let replies = join_all((0..20).map(|_| post(&tenant.api, "race", "/v1/events", &event))).await;
    let mut first = None;
    for reply in replies {
        let reply = reply?;
        match reply.status {
            202 => {
                let answer = reply.json(202)?;
                ensure!(*first.get_or_insert_with(|| answer.clone()) == answer, "two answers: {answer}");
            }
            _ => drop(reply.error(409, "request_in_progress")?),
        }
    }
    let first = first.context("nobody was answered")?;
    let id = first["events"][0]["id"].as_str().context("an id")?.to_owned();
    inbox.exactly(&[id]).await?;
    Ok(())
}

/// An integration whose target rejects the first event; a retry of it waits for the target.
async fn rejected(tenant: &Tenant, url: &str) -> Result<String> {
    let event = tenant.publish("a.b", 0..1).await?.remove(0);
    let list = "/v1/integrations/hook/rejected_events";
    eventually("a rejected event", SOON, async || {
        let found = tenant.api.get(list).await?.json(200)?;
        Ok((found["rejected_events"] != json!([])).then_some(()))
    })
    .await?;
    tenant.stop("hook").await?;
    let change = json!({"callback_parameters": {"callback_url": url, "signing_secret": null}});
    tenant.api.patch("/v1/integrations/hook", &change).await?.json(200)?;
    Ok(format!("{list}/{event}/_retry"))
}

#[tokio::test]
async fn while_the_first_runs_a_second_is_told_so_and_a_failure_frees_the_key() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let rejecting =
        Inbox::answering(|_, _| sluice_local::receiver::status(axum::http::StatusCode::BAD_REQUEST)).await?;
    tenant.webhook("hook", &rejecting.url()).await?;
    let hanging = Target::start(Manner::Hang).await?;
    let path = rejected(&tenant, &hanging.url).await?;
    let retry = async || tenant.api.send(Method::POST, &path, |r| r.header("idempotency-key", "again")).await;
    let second = async {
        eventually("the retry is on its way", SOON, async || Ok((hanging.requests() > 0).then_some(()))).await?;
        let second = retry().await?;
        second.error(409, "request_in_progress")?;
        ensure!(!second.header("retry-after").is_empty());
        anyhow::Ok(())
    };
    let (first, second) = tokio::join!(retry(), second);
    second?;
    first?.error(502, "delivery_failed")?;
    // 502 is not remembered: the same key goes to the target once more.
    let before = hanging.requests();
    retry().await?.error(502, "delivery_failed")?;
    ensure!(hanging.requests() > before);
    Ok(())
}

#[tokio::test]
async fn a_client_that_hangs_up_finds_its_answer_later() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let rejecting =
        Inbox::answering(|_, _| sluice_local::receiver::status(axum::http::StatusCode::BAD_REQUEST)).await?;
    tenant.webhook("hook", &rejecting.url()).await?;
    let slow = Inbox::answering(|_, _| {
        std::thread::sleep(Duration::from_millis(300));
        sluice_local::receiver::status(axum::http::StatusCode::OK)
    })
    .await?;
    let path = rejected(&tenant, &slow.url()).await?;
    let impatient = |request: reqwest::RequestBuilder| {
        request.header("idempotency-key", "gone").timeout(Duration::from_millis(100))
    };
    ensure!(tenant.api.send(Method::POST, &path, impatient).await.is_err(), "it answered too soon for this test");
    let reply = eventually("the first answer", SOON, async || {
        let reply = tenant.api.send(Method::POST, &path, |r| r.header("idempotency-key", "gone")).await?;
        Ok((reply.status != 409).then_some(reply))
    })
    .await?;
    reply.empty(204)?;
    ensure!(replayed(&reply) && slow.len() == 1, "the target was asked {} times", slow.len());
    Ok(())
}

#[tokio::test]
async fn a_process_that_died_does_not_block_a_key_for_ever() -> Result<()> {
    // A claim of a request that never came to its end, made now and made long ago.
    let hand = ByHand::start(&[]).await?;
    let tenant = hand.tenant().await?;
    let scope = tenant.scope();
    let answers = &hand.app.stores.answers;
    let now = System.now();
    let long_ago = now.minus(HELD + Duration::from_secs(1));
    let claim = async |at| anyhow::Ok(answers.reserve(&scope, "key", "print".into(), at).await?);
    ensure!(matches!(claim(long_ago).await?, Entry::Reserved(_)));
    ensure!(matches!(claim(long_ago.plus(HELD)).await?, Entry::Running), "it is held that long");
    let other = answers.reserve(&scope, "key", "another request".into(), now).await?;
    ensure!(matches!(other, Entry::Reused), "{other:?}");
    let Entry::Reserved(holder) = claim(now).await? else { anyhow::bail!("nobody may take it over") };
    ensure!(matches!(claim(now).await?, Entry::Running));
    answers.release(holder).await?;
    ensure!(matches!(claim(now).await?, Entry::Reserved(_)), "a free key is free");
    // After a day it is as if it had never been, whether or not the record is gone.
    let tomorrow = now.plus(Duration::from_secs(86_402));
    ensure!(matches!(answers.reserve(&scope, "key", "another request".into(), tomorrow).await?, Entry::Reserved(_)));
    hand.stop().await;
    Ok(())
}
