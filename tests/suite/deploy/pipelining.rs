//! Pipelines through the deployed functions: each endpoint once, and the sync worker.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::journey::{Session, expect};
use crate::e2e::pipelines::{load, mapping, profile};
use crate::support::Shop;
use crate::support::shop::order;

fn id(made: &Value) -> &str {
    made["id"].as_str().expect("an id")
}

async fn put(session: &Session<'_>, path: &str, body: &Value) -> Value {
    expect(session.call("PUT", path, Some(body.clone())).await, 200)
}

async fn run(session: &Session<'_>, started: &Value) -> Value {
    let path = format!("/v1/sync-events/{}", started["correlationId"].as_str().expect("a run"));
    session.eventually(&path, |run| run["endedAt"].is_string()).await
}

/// From a shop to a shop, and to the event log.
pub(super) async fn pipelining(session: &Session<'_>) {
    let refuse = |received: &sluice_local::receiver::Received, _: usize| {
        (received.path == "/kept/2").then_some(StatusCode::UNPROCESSABLE_ENTITY)
    };
    let (from, to) = (Shop::open(3).await.expect("a shop"), Shop::refusing(0, refuse).await.expect("a shop"));
    let source = profile(&from.url());
    assert_eq!(session.post("/v1/connection-profiles/test", source.clone(), 200).await["success"], true);
    let source_id = session.post("/v1/connection-profiles", source.clone(), 201).await;
    let path = format!("/v1/connection-profiles/{}", id(&source_id));
    assert_eq!(session.post(&format!("{path}/test"), json!({}), 200).await["success"], true);
    assert_eq!(put(session, &path, &source).await["id"], session.get(&path).await["id"]);
    assert_eq!(session.get("/v1/connection-profiles").await["total"], 1);
    let target_id = session.post("/v1/connection-profiles", profile(&to.url()), 201).await;
    let events = json!({"name": "events", "connection": {"system": "eventStream"}});
    let events_id = session.post("/v1/connection-profiles", events, 201).await;

    assert!(session.get("/v1/mapping-configurations/schema").await.is_object());
    let map = session.post("/v1/mapping-configurations", mapping(), 201).await;
    let path = format!("/v1/mapping-configurations/{}", id(&map));
    assert_eq!(put(session, &path, &mapping()).await["id"], session.get(&path).await["id"]);
    assert_eq!(session.get("/v1/mapping-configurations").await["total"], 1);
    let preview = session.post(&format!("{path}/preview"), json!({"sample": order(1)}), 200).await;
    assert_eq!(preview["records"][0]["transformed"]["NumAtCard"], "1");

    let mut body = json!({
        "name": "orders", "sourceProfileId": id(&source_id), "targetProfileId": id(&target_id), "active": true,
        "mappings": [{"mappingConfigurationId": id(&map), "load": load()}],
    });
    let instance = session.post("/v1/instances", body.clone(), 201).await;
    let instance = format!("/v1/instances/{}", id(&instance));
    let event = json!({"instanceId": instance.rsplit('/').next(), "entityType": "order"});
    let first = run(session, &session.post("/v1/sync-events", event.clone(), 202).await).await;
    assert_eq!((&first["status"], &first["counts"]["failed"]), (&json!("partialSuccess"), &json!(1)), "{first}");
    assert_eq!(session.get("/v1/sync-logs").await["items"][0]["correlationId"], first["correlationId"]);
    let logged = format!("/v1/sync-logs/{}", first["correlationId"].as_str().expect("a run"));
    assert_eq!(session.get(&logged).await["counts"], first["counts"]);
    dead_letters(session).await;

    body["targetProfileId"] = json!(id(&events_id));
    body["mappings"][0]["load"] = json!({"system": "eventStream", "name": "order.synced"});
    assert_eq!(put(session, &instance, &body).await["effectiveStatus"], "active");
    assert_eq!(session.post(&format!("{instance}/deactivate"), json!({}), 200).await["effectiveStatus"], "inactive");
    session.post(&format!("{instance}/activate"), json!({}), 200).await;
    assert_eq!(session.get("/v1/instances").await["items"][0], session.get(&instance).await);
    let name = instance.rsplit('/').next().expect("an id");
    let received = session.post(&format!("/v1/inbound/{name}"), order(9), 202).await;
    let received = run(session, &received).await;
    assert_eq!(received["counts"]["success"], 1, "{received}");
    session.eventually("/v1/events?name=order.synced", |page| page["events"][0].is_object()).await;
    for shop in ["shopify", "woocommerce"] {
        let refused = session.call("POST", &format!("/v1/inbound/{shop}/{name}"), Some(order(9))).await;
        assert_eq!(refused.body["error_code"], "invalid_signature", "{refused:?}");
    }
    let started = session.post("/v1/sync-events", event, 202).await;
    let path = format!("/v1/sync-events/{}/cancel", started["correlationId"].as_str().expect("a run"));
    session.post(&path, json!({}), 200).await;
    scheduling(session, name).await;
    let map = format!("/v1/mapping-configurations/{}", id(&map));
    let mut paths = vec![instance.clone(), map];
    paths.extend([&source_id, &target_id, &events_id].map(|made| format!("/v1/connection-profiles/{}", id(made))));
    for path in paths {
        session.delete(&path).await;
    }
}

async fn dead_letters(session: &Session<'_>) {
    let list = session.get("/v1/dlq?kind=record&status=pending").await;
    let path = format!("/v1/dlq/{}", id(&list["items"][0]));
    assert_eq!(session.get(&path).await["stage"], "execute");
    let counted = session.post("/v1/dlq/replay", json!({"dryRun": true}), 202).await;
    assert_eq!(counted["count"], 1, "{counted}");
    let again = run(session, &session.post(&format!("{path}/replay"), json!({}), 202).await).await;
    assert_eq!(again["counts"]["failed"], 1, "{again}");
    let all = session.post("/v1/dlq/replay", json!({}), 202).await;
    run(session, &all["runs"][0]).await;
    let left = session.get("/v1/dlq?kind=record&status=pending").await;
    let path = format!("/v1/dlq/{}/discard", id(&left["items"][0]));
    expect(session.call("POST", &path, Some(json!({}))).await, 204);
}

async fn scheduling(session: &Session<'_>, instance: &str) {
    let body = json!({"instanceId": instance, "entityType": "order", "cron": "* * * * *"});
    let made = session.post("/v1/schedules", body.clone(), 201).await;
    let path = format!("/v1/schedules/{}", id(&made));
    assert_eq!(session.get("/v1/schedules").await["items"][0]["id"], made["id"]);
    assert!(session.get("/v1/schedules/preview?cron=*+*+*+*+*").await["runs"].is_array());
    assert_eq!(put(session, &path, &body).await["enabled"], true);
    // The tick asks for what is due before the next one, so a run comes within a minute.
    session.tick().await;
    session.eventually(&path, |schedule| schedule["lastCorrelationId"].is_string()).await;
    session.delete(&path).await;
}
