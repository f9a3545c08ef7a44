//! One tenant's way through the deployed system: every endpoint and every worker is called, each under its own role.
//!
//! A permission that the template forgets shows here: the function answers 500, or an event does not arrive.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sluice::ports::Ports;
use sluice_workers::BOOTSTRAP;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::pipelining::pipelining;
use super::stack::{Answer, PATIENCE, Request, Stack, stack};
use super::trading::trading;

pub(super) const TENANT: &str = "acme";
pub(super) const LONG_AGO: &str = "2026-01-01T00:00:00.000Z";

/// A webhook target: hands on what it takes, and answers events of some names otherwise.
pub(super) struct Target {
    pub(super) url: String,
    received: mpsc::UnboundedReceiver<Value>,
    answers: Answers,
}

type Answers = Arc<Mutex<HashMap<&'static str, StatusCode>>>;

impl Target {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let (sender, received) = mpsc::unbounded_channel();
        let answers = Answers::default();
        let app = Router::new().route("/hook", post(take)).with_state((sender, answers.clone()));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, received, answers }
    }

    pub(super) fn answer<const N: usize>(&self, answers: [(&'static str, StatusCode); N]) {
        *self.answers.lock().expect("the lock") = answers.into();
    }

    /// Waits until events of these names have arrived. Others may between them: on a busy machine a worker is cut off
    /// before it has said that something was delivered, which is then delivered again.
    pub(super) async fn takes<const N: usize>(&mut self, names: [&str; N]) {
        let (mut missing, mut came) = (Vec::from(names), Vec::new());
        let taken = async {
            while !missing.is_empty() {
                let event = self.received.recv().await.expect("the target runs");
                let name = event["name"].as_str().expect("a name").to_owned();
                missing.retain(|missing| *missing != name);
                came.push(name);
            }
        };
        if tokio::time::timeout(PATIENCE, taken).await.is_err() {
            panic!("{missing:?} did not arrive in time, {came:?} did");
        }
    }
}

async fn take(
    State((sender, answers)): State<(mpsc::UnboundedSender<Value>, Answers)>,
    Json(event): Json<Value>,
) -> StatusCode {
    let name = event["name"].as_str().unwrap_or_default();
    let answer = answers.lock().expect("the lock").get(name).copied().unwrap_or(StatusCode::OK);
    if answer.is_success() && sender.send(event).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    answer
}

/// The gateway, with a tenant's access token.
pub(super) struct Session<'a> {
    pub(super) stack: &'a Stack,
    client: Value,
    authorization: String,
}

impl<'a> Session<'a> {
    pub(super) async fn start(stack: &'a Stack, tenant: &str) -> Self {
        let made = stack.invoke(BOOTSTRAP, &json!({ "tenant": tenant })).await;
        assert_eq!(made["status"], "created", "{made}");
        let again = stack.invoke(BOOTSTRAP, &json!({ "tenant": tenant })).await;
        assert_eq!(again, json!({"status": "exists", "tenant": tenant}));
        let client = json!({"client_id": made["client_id"], "client_secret": made["client_secret"]});
        let mut session = Self { stack, client, authorization: String::new() };
        session.sign_in().await;
        session
    }

    /// Gets another token.
    pub(super) async fn sign_in(&mut self) {
        let body = Some(self.client.clone());
        let request = Request { method: "POST", path: "/v1/auth/token", authorization: None, body };
        let token = expect(self.stack.call(&request).await, 200);
        self.authorization = format!("Bearer {}", token["access_token"].as_str().expect("a token"));
    }

    /// The id of the key that signed the token.
    pub(super) fn kid(&self) -> String {
        let token = self.authorization.trim_start_matches("Bearer ");
        jsonwebtoken::decode_header(token).expect("a token").kid.expect("a key's id")
    }

    /// The same caller at another stack.
    pub(super) fn at<'b>(&self, stack: &'b Stack) -> Session<'b> {
        Session { stack, client: self.client.clone(), authorization: self.authorization.clone() }
    }

    pub(super) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.stack.call(&Request { method, path, authorization: Some(&self.authorization), body }).await
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        expect(self.call("GET", path, None).await, 200)
    }

    pub(super) async fn post(&self, path: &str, body: Value, status: u64) -> Value {
        expect(self.call("POST", path, Some(body)).await, status)
    }

    pub(super) async fn publish(&self, name: &str) -> String {
        let answer = self.post("/v1/events", json!({"name": name, "payload": {"n": 1}}), 202).await;
        answer["events"][0]["id"].as_str().expect("an id").to_owned()
    }

    /// What happens every minute.
    pub(super) async fn tick(&self) {
        self.stack.invoke("tick", &json!({})).await;
    }

    /// Looks until there is something at a path.
    pub(super) async fn eventually(&self, path: &str, found: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let look = async {
            loop {
                last = self.get(path).await;
                if found(&last) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let looked = tokio::time::timeout(PATIENCE, look).await;
        assert!(looked.is_ok(), "{path} does not show it in time: {last}");
        last
    }

    pub(super) async fn delete(&self, path: &str) {
        let _ = expect(self.call("DELETE", path, None).await, 204);
    }
}

pub(super) fn expect(answer: Answer, status: u64) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    answer.body
}

pub(super) async fn operator(stack: &Stack) -> aws_config::SdkConfig {
    aws_config::defaults(aws_config::BehaviorVersion::latest())
        .endpoint_url(&stack.endpoint)
        .region("us-east-1")
        .credentials_provider(aws_sdk_dynamodb::config::Credentials::new("test", "test", None, None, "tests"))
        .load()
        .await
}

#[tokio::test]
async fn an_event_finds_its_way_through_the_deployed_functions() {
    let session = Session::start(stack().await, TENANT).await;
    let mut target = Target::start().await;
    // With a rate, so that its turns are reserved too.
    let callback = json!({"callback_url": target.url, "max_per_second": 100});
    let hook = json!({"id": "hook", "integration_type": "permanent", "callback_parameters": callback});
    session.post("/v1/integrations", hook, 200).await;

    let id = session.publish("order.created").await;
    target.takes(["order.created"]).await;
    assert_eq!(session.get(&format!("/v1/events/{id}")).await["name"], "order.created");
    assert_eq!(session.get("/v1/events?limit=1").await["events"][0]["id"], id);
    assert_eq!(session.get("/v1/integrations").await["integrations"][0]["id"], "hook");
    assert_eq!(session.get("/v1/integrations/hook").await["status"], "running");
    assert_eq!(session.get("/sandbox/v1/integrations").await["integrations"], json!([]));

    polling(&session, &id).await;
    stopping_and_starting(&session, &mut target).await;
    recovering(&session, &mut target).await;
    rejecting(&session, &mut target).await;
    suspending(&session, &mut target).await;
    a_window_of_the_past(&session).await;
    exporting(&session).await;
    trading(&session).await;
    subscribing(&session).await;
    pipelining(&session).await;
    administering(&session).await;

    for id in ["hook", "window", "files"] {
        session.delete(&format!("/v1/integrations/{id}")).await;
    }
    assert_eq!(session.get("/v1/integrations").await["integrations"], json!([]));
}

/// The events of the log by polls, once its grace is over.
async fn polling(session: &Session<'_>, first: &str) {
    let page = session.get("/v1/events?order=asc&wait=20&limit=1").await;
    assert_eq!(page["events"][0]["id"], first, "{page}");
    let page = session.get(&format!("/v1/consumers/erp/events?from={LONG_AGO}&wait=20&limit=1")).await;
    assert_eq!(page["events"][0]["id"], first, "{page}");
    let moved = session.post("/v1/consumers/erp/ack", json!({"ack": page["ack"]}), 200).await;
    assert_eq!(session.get("/v1/consumers").await["consumers"], json!([moved]));
    session.delete("/v1/consumers/erp").await;
}

async fn stopping_and_starting(session: &Session<'_>, target: &mut Target) {
    session.post("/v1/integrations/hook/_stop", json!({}), 200).await;
    session.publish("order.missed").await;
    let patch = json!({"filter_conditions": {"entity_filter": ["order"]}});
    expect(session.call("PATCH", "/v1/integrations/hook", Some(patch)).await, 200);
    session.post("/v1/integrations/hook/_start", json!({}), 200).await;
    target.takes(["order.missed"]).await;
    let log = session.get("/v1/integrations/hook/log").await.to_string();
    assert!(log.contains("integration_stopped") && log.contains("integration_started"), "{log}");
}

async fn recovering(session: &Session<'_>, target: &mut Target) {
    session.post("/v1/integrations/hook/_recover", json!({"from": LONG_AGO}), 202).await;
    target.takes(["order.created", "order.missed"]).await;
}

async fn rejecting(session: &Session<'_>, target: &mut Target) {
    let list = "/v1/integrations/hook/rejected_events";
    target.answer([("order.bad", StatusCode::BAD_REQUEST), ("order.worse", StatusCode::BAD_REQUEST)]);
    let (bad, worse) = (session.publish("order.bad").await, session.publish("order.worse").await);
    let both = |answer: &Value| answer["rejected_events"].as_array().is_some_and(|events| events.len() == 2);
    session.eventually(list, both).await;
    assert_eq!(session.get(&format!("{list}/{bad}")).await["name"], "order.bad");
    let refused = session.post(&format!("{list}/{bad}/_retry"), json!({}), 502).await;
    assert_eq!(refused["error_code"], "delivery_failed");
    target.answer([]);
    session.post(&format!("{list}/{bad}/_retry"), json!({}), 204).await;
    target.takes(["order.bad"]).await;
    session.delete(&format!("{list}/{worse}")).await;
    assert_eq!(session.get(list).await["rejected_events"], json!([]));
}

async fn suspending(session: &Session<'_>, target: &mut Target) {
    target.answer([("order.stuck", StatusCode::SERVICE_UNAVAILABLE)]);
    session.publish("order.stuck").await;
    session.eventually("/v1/integrations/hook", |hook| hook["status"] == "suspended").await;
    session.publish("order.behind").await;
    target.answer([]);
    target.takes(["order.behind", "order.stuck"]).await;
    assert_eq!(session.get("/v1/integrations/hook").await["status"], "running");
}

async fn a_window_of_the_past(session: &Session<'_>) {
    let mut target = Target::start().await;
    let (url, now) = (&target.url, Ports::system().now());
    let window = json!({
        "id": "window", "integration_type": "temporary", "starts_at": LONG_AGO, "ends_at": now,
        "callback_parameters": {"callback_url": url}, "filter_conditions": {"event_filter": ["order.created"]},
    });
    session.post("/v1/integrations", window, 200).await;
    target.takes(["order.created"]).await;
    let ended = async {
        while session.get("/v1/integrations/window").await["status"] != "stopped" {
            session.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("it ends in time");
}

async fn exporting(session: &Session<'_>) {
    let stack = session.stack;
    let config = aws_sdk_s3::config::Builder::from(&operator(stack).await).force_path_style(true).build();
    let s3 = aws_sdk_s3::Client::from_conf(config);
    s3.create_bucket().bucket("files").send().await.expect("a bucket");
    let files = json!({
        "id": "files", "integration_type": "permanent",
        "s3_parameters": {
            "aws_access_key_id": "test", "aws_secret_access_key": "test", "aws_region": "us-east-1",
            "bucket": "files", "key_prefix": "out", "endpoint_url": stack.endpoint,
        },
    });
    session.post("/v1/integrations", files, 200).await;
    session.publish("order.filed").await;
    let written = async {
        loop {
            // The schedule would, once a minute.
            stack.invoke("tick", &json!({})).await;
            let found = s3.list_objects_v2().bucket("files").send().await.expect("a list");
            if let Some(key) = found.contents().first().and_then(|object| object.key()) {
                return key.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    let key = tokio::time::timeout(PATIENCE, written).await.expect("a file is written in time");
    assert!(key.starts_with("out/acme/") && key.ends_with(".export"), "{key}");
    let file = s3.get_object().bucket("files").key(key).send().await.expect("the file");
    let text = file.body.collect().await.expect("its bytes").into_bytes();
    let lines: Vec<Value> = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("an envelope"))
        .collect();
    assert_eq!(lines.iter().map(|line| &line["name"]).collect::<Vec<_>>(), ["order.filed"]);
}

/// Subscriptions, callbacks, and what becomes of their deliveries.
async fn subscribing(session: &Session<'_>) {
    let mut target = Target::start().await;
    let wanted = json!({"name": "ERP", "url": target.url.clone(), "events": ["invoice.*"]});
    let made = session.post("/v1/webhooks/subscriptions", wanted, 201).await;
    let path = format!("/v1/webhooks/subscriptions/{}", made["id"].as_str().expect("an id"));
    assert_eq!(session.get("/v1/webhooks/subscriptions").await["subscriptions"][0]["id"], made["id"]);
    session.post(&format!("{path}/secret/rotate"), json!({}), 200).await;
    let patch = json!({"name": "Other", "enabled": true});
    expect(session.call("PATCH", &path, Some(patch)).await, 200);
    assert_eq!(session.get(&path).await["name"], "Other");
    assert_eq!(session.post(&format!("{path}/test"), json!({}), 200).await["status"], "delivered");
    target.takes(["webhook.test"]).await;

    target.answer([("invoice.sent", StatusCode::BAD_REQUEST)]);
    session.publish("invoice.sent").await;
    let rejected = |page: &Value| page["transactions"][0]["event_name"] == "invoice.sent";
    let page = session.eventually("/v1/transactions?status=rejected&limit=1", rejected).await;
    let one = format!("/v1/transactions/{}", page["transactions"][0]["id"].as_str().expect("an id"));
    assert_eq!(session.get(&one).await["attempts"][0]["code"], 400);
    assert_eq!(session.get(&format!("{path}/deliveries")).await["deliveries"][0]["code"], 400);
    target.answer([]);
    session.post(&format!("{one}/retry"), json!({}), 202).await;
    target.takes(["invoice.sent"]).await;
    // Too large for a message, and not to be compressed: it is read from the log.
    let noise = STANDARD.encode(Ports::system().bytes::<190_000>());
    session.post("/v1/events", json!({"name": "invoice.large", "payload": {"noise": noise}}), 202).await;
    target.takes(["invoice.large"]).await;
    session.post(&format!("{path}/recover"), json!({"since": LONG_AGO}), 202).await;
    assert!(session.get("/v1/automations").await["automations"].is_array());
    let run = json!({"workflow": "replay_transactions", "parameters": {"status": "dead", "dry_run": true}});
    let run = session.post("/v1/automations/run", run, 202).await;
    let run = format!("/v1/automations/runs/{}", run["run_id"].as_str().expect("an id"));
    let over = session.eventually(&run, |run| run["status"] == "succeeded").await;
    assert_eq!(session.post(&format!("{run}/cancel"), json!({}), 200).await, over);

    let wanted = json!({"eventType": "a.b", "notificationUrl": target.url});
    let id = session.post("/subscription/v1/subscription", wanted, 201).await;
    let myd3 = format!("/subscription/v1/subscription/{}", id.as_str().expect("a bare id"));
    assert_eq!(session.get(&myd3).await, session.get("/subscription/v1/subscription").await[0]);

    session.post("/v1/partners", json!({"id": "told", "name": "Told", "transport": "webhook"}), 201).await;
    let callback = "/v1/partners/told/callbacks/Notes";
    expect(session.call("PUT", callback, Some(json!({"callbackUrl": target.url}))).await, 201);
    assert_eq!(session.get("/v1/partners/told/callbacks").await["total"], 1);
    let note = json!({"processUniqueId": "p", "noteUniqueId": "n", "message": "m", "createdAt": LONG_AGO});
    assert_eq!(session.post(&format!("{callback}/echo"), note, 200).await["status"], "delivered");
    for path in [path.as_str(), myd3.as_str(), callback, "/v1/partners/told"] {
        session.delete(path).await;
    }
}

async fn administering(session: &Session<'_>) {
    for (path, secret) in [("/v1/api-clients", "client_secret"), ("/v1/api-keys", "key")] {
        let made = session.post(path, json!({"name": "erp", "scopes": ["events:read"]}), 201).await;
        let one = format!("{path}/{}", made["id"].as_str().expect("an id"));
        assert!(session.get(path).await.to_string().contains(made["id"].as_str().expect("an id")));
        let rotated = session.post(&format!("{one}/rotate"), json!({"grace_seconds": 0}), 200).await;
        assert_ne!(rotated[secret], made[secret]);
        if secret == "key" {
            assert_eq!(session.post(&format!("{one}/revoke"), json!({}), 200).await["status"], "revoked");
        }
        session.delete(&one).await;
    }
    session.post("/v1/tenants", json!({"id": "other"}), 201).await;
    expect(session.call("PATCH", "/v1/tenants/other", Some(json!({"events_per_day": 5}))).await, 200);
    assert!(session.get("/v1/tenants").await.to_string().contains("other"));
    session.delete("/v1/tenants/other").await;
}
