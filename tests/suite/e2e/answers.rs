//! What follows a target's answer: retries, waiting, giving up, the end of the route.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::http::{HeaderValue, StatusCode};
use serde_json::json;
use sluice_local::receiver::status;

use crate::support::{Inbox, SOON, World, eventually, quiet, shared};

fn code(code: u16) -> sluice_local::receiver::Answer {
    status(StatusCode::from_u16(code).unwrap_or_default())
}

#[tokio::test]
async fn failures_are_retried_with_the_same_id_until_they_are_taken() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    // Each event is refused once, in another way.
    let refusals = [500, 503, 404, 429, 401, 403, 408, 302, 301, 418];
    let inbox = Inbox::answering(move |post, before| {
        code(if before == 0 { refusals[post.number() % refusals.len()] } else { 200 })
    });
    let inbox = inbox.await?;
    let made = tenant.webhook("hook", &inbox.url()).await?;
    let secret = made["callback_parameters"]["signing_secret"].as_str().context("no secret")?.to_owned();
    let ids = tenant.publish("order.created", 0..10).await?;
    inbox.wait_for(20).await?;
    ensure!(quiet(|| inbox.len()).await? == 20, "{} attempts", inbox.len());
    let posts = inbox.posts();
    for id in &ids {
        let mine: Vec<_> = posts.iter().filter(|post| post.id() == *id).collect();
        ensure!(mine.len() == 2 && mine[0].text() == mine[1].text(), "{id}: {}", mine.len());
        mine[1].verify(&secret)?;
    }
    let log = tenant.log("hook").await?;
    ensure!(log.iter().any(|(action, reason)| action == "retry_triggered" && reason.contains("HTTP")), "{log:?}");
    let rejected = tenant.api.get("/v1/integrations/hook/rejected_events").await?.json(200)?;
    ensure!(rejected["rejected_events"] == json!([]), "{rejected}");
    Ok(())
}

#[tokio::test]
async fn retry_after_is_waited_for() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::answering(|_, before| {
        let mut answer = code(if before == 0 { 503 } else { 200 });
        answer.headers_mut().insert("retry-after", HeaderValue::from_static("3"));
        answer
    });
    let inbox = inbox.await?;
    tenant.webhook("hook", &inbox.url()).await?;
    tenant.publish("a.b", 0..1).await?;
    let posts = inbox.wait_for(2).await?;
    let waited = posts[1].at - posts[0].at;
    ensure!((Duration::from_secs(3)..Duration::from_secs(8)).contains(&waited), "{waited:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn out_of_retries_is_a_dead_letter_and_the_stream_goes_on() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let system = crate::support::world::start(folder.path(), &[("SLUICE_RETRY_STREAM", "100ms,100ms")]).await?;
    let world = World::of(system);
    let tenant = world.tenant().await?;
    let inbox = Inbox::answering(|post, _| code(if post.number() == 1 { 500 } else { 200 })).await?;
    tenant.webhook("hook", &inbox.url()).await?;
    let ids = tenant.publish("a.b", 0..3).await?;
    let log = eventually("event_dead in the log", SOON, async || {
        let log = tenant.log("hook").await?;
        Ok(log.iter().any(|(action, _)| action == "event_dead").then_some(log))
    })
    .await?;
    ensure!(log.iter().any(|(action, reason)| action == "event_dead" && reason.contains(&ids[1])), "{log:?}");
    ensure!(log.iter().filter(|(action, _)| action == "retry_triggered").count() == 2, "{log:?}");
    quiet(|| inbox.len()).await?;
    let attempts = |n: usize| inbox.posts().iter().filter(|post| post.number() == n).count();
    ensure!((attempts(0), attempts(1), attempts(2)) == (1, 3, 1), "{} attempts", inbox.len());

    let scope = sluice::domain::scope::Scope {
        tenant: tenant.id.clone(),
        environment: sluice::domain::scope::Environment::Production,
    };
    let route = world.system.app.stores.routes.list(&scope).await?.remove(0);
    let letters = world
        .system
        .app
        .stores
        .letters
        .newest(&scope, sluice::store::undelivered::UndeliveredKind::DeadLetter, &route.uid)
        .await?;
    ensure!(letters.len() == 1 && letters[0].event_id == ids[1] && letters[0].status == Some(500), "{letters:?}");
    ensure!(letters[0].attempts == 3, "{} attempts", letters[0].attempts);

    let more = tenant.publish("a.b", 5..8).await?;
    eventually("the next ones", SOON, async || {
        Ok(more.iter().all(|id| inbox.posts().iter().any(|post| post.id() == *id)).then_some(()))
    })
    .await?;
    world.stop().await;
    // It is a record. The dead-letter queue is for what the worker cannot take.
    is_empty(folder.path(), "sluice-deliver-dlq").await
}

/// Whether a queue of the folder holds no message; its server is started once more for that.
async fn is_empty(folder: &std::path::Path, queue: &str) -> Result<()> {
    let server = sluice_sqs::Server::open(&folder.join("sqs.sqlite")).await?;
    let client = crate::conformance::client_of(&server).await;
    let url = client.get_queue_url().queue_name(queue).send().await?.queue_url.context("no queue")?;
    let receive = client.receive_message().queue_url(url).send().await?;
    ensure!(receive.messages().is_empty(), "{queue} has {:?}", receive.messages());
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn gone_stops_the_route_and_what_waits_arrives_once_it_is_started() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (inbox, healthy) =
        (Inbox::answering(|_, before| code(if before == 0 { 410 } else { 200 })).await?, Inbox::open().await?);
    tenant.webhook("gone", &inbox.url()).await?;
    tenant.webhook("healthy", &healthy.url()).await?;
    let mut ids = tenant.publish("a.b", 0..1).await?;
    eventually("the route is stopped", SOON, async || {
        let route = tenant.api.get("/v1/integrations/gone").await?.json(200)?;
        Ok((route["status"] == "stopped").then_some(()))
    })
    .await?;
    let log = tenant.log("gone").await?;
    ensure!(log[0].0 == "integration_stopped" && log[0].1.contains("410"), "{log:?}");
    ids.extend(tenant.publish("a.b", 1..10).await?);
    healthy.exactly(&ids).await?;
    ensure!(inbox.len() == 1, "{} came to a stopped route", inbox.len());

    // Now it answers the first one by 200, and the others, new to it, by 410: stopped again, and so on to the end.
    eventually("all events are taken", SOON * 2, async || {
        tenant.start("gone").await?;
        let taken = |id: &String| inbox.posts().iter().filter(|post| post.id() == *id).count() >= 2;
        Ok(ids.iter().all(taken).then_some(()))
    })
    .await?;
    Ok(())
}
