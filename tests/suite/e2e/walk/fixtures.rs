//! What stands for each path parameter and each body when the walk calls an operation.
//!
//! A new endpoint whose parameter or body is not here makes the walk fail, and say so.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_local::receiver::status;

use super::operations::Operation;
use crate::e2e::pipelines;
use crate::support::{Api, Inbox, SOON, Tenant, eventually};

/// The things of one tenant, by the path that names them.
pub(super) struct Fixtures {
    values: BTreeMap<String, String>,
    event: String,
    target: Inbox,
}

const INTEGRATION: &str = "walk-integration";
const EVENT_TYPE: &str = "walk.event_type";
const CONSUMER: &str = "walk-consumer";
const PARTNER: &str = "walk-partner";
/// So short that it may be shown: the own sandbox has it in its list.
const SANDBOX_PARTNER: &str = "walk-box";

impl Fixtures {
    /// Makes one of each thing that the operations speak of.
    pub(super) async fn make(owner: &Tenant, operations: &[Operation]) -> Result<Self> {
        let target = Inbox::answering(|_, _| status(StatusCode::BAD_REQUEST)).await?;
        owner.webhook(INTEGRATION, &target.url()).await?;
        let event = owner.publish("walk.done", 0..1).await?.remove(0);
        let path = format!("/v1/integrations/{INTEGRATION}/rejected_events/{event}");
        eventually("the event is rejected", SOON, async || {
            Ok((owner.api.get(&path).await?.status == 200).then_some(()))
        })
        .await?;
        let mut made = Self { values: BTreeMap::new(), event, target };
        for parameter in operations.iter().filter(|operation| !operation.is_open()).flat_map(Operation::parameters) {
            if !made.values.contains_key(parameter) {
                let value = made.one(owner, parameter).await?;
                made.values.insert(parameter.to_owned(), value);
            }
        }
        Ok(made)
    }

    async fn one(&self, owner: &Tenant, parameter: &str) -> Result<String> {
        Ok(match parameter {
            "/v1/events/{id}" | "/v1/integrations/{id}/rejected_events/{event_id}" => self.event.clone(),
            "/v1/integrations/{id}" => INTEGRATION.to_owned(),
            "/v1/api-clients/{id}" | "/v1/api-keys/{id}" => credential(owner, parameter).await?,
            "/v1/event-types/{name}" => {
                let path = format!("/v1/event-types/{EVENT_TYPE}");
                let put =
                    owner.api.send(Method::PUT, &path, |request| with_json(request, &body("event_types.put"))).await?;
                ensure!((200..300).contains(&put.status), "{}", put.text());
                EVENT_TYPE.to_owned()
            }
            "/v1/consumers/{consumer}" => {
                owner.api.get(&format!("/v1/consumers/{CONSUMER}/events")).await?.json(200)?;
                CONSUMER.to_owned()
            }
            "/v1/partners/{id}/callbacks/{notification_type}" => {
                let path = format!("/v1/partners/{PARTNER}/callbacks/Notes");
                owner.api.put(&path, &body("callbacks.put")).await?.json(201)?;
                "Notes".to_owned()
            }
            "/v1/partners/{id}" => partner(&owner.api, PARTNER).await?,
            "/sandbox/v1/partners/{id}" => partner(&owner.api.sandbox(), SANDBOX_PARTNER).await?,
            "/v1/identities/{id}" => {
                let wanted = json!({"name": "walk", "as2_id": "WALK", "key": {"generate": "rsa-3072"}});
                text(&owner.api.post("/v1/identities", &wanted).await?.json(201)?["id"])?
            }
            "/v1/tenants/{id}" => owner.id.to_string(),
            "/v1/webhooks/subscriptions/{id}" => {
                let wanted = json!({"name": "walk", "url": self.target.url(), "events": ["walk.none"]});
                text(&owner.api.post("/v1/webhooks/subscriptions", &wanted).await?.json(201)?["id"])?
            }
            "/subscription/v1/subscription/{id}" => {
                let wanted = json!({"eventType": "walk.none", "notificationUrl": self.target.url()});
                text(&owner.api.post("/subscription/v1/subscription", &wanted).await?.json(201)?)?
            }
            "/v1/automations/runs/{id}" => {
                let wanted = json!({"workflow": "resend_invoice", "parameters": {"invoice_number": "walk"}});
                text(&owner.api.post("/v1/automations/run", &wanted).await?.json(202)?["run_id"])?
            }
            "/v1/transactions/{id}" => {
                let first =
                    async || Ok(owner.api.get("/v1/transactions").await?.json(200)?["transactions"].get(0).cloned());
                text(&eventually("a transaction", SOON, first).await?["id"])?
            }
            "/v1/connection-profiles/{id}" => {
                pipelines::make(&owner.api, "/v1/connection-profiles", &pipelines::profile(&self.target.url())).await?
            }
            "/v1/mapping-configurations/{id}" => {
                pipelines::make(&owner.api, "/v1/mapping-configurations", &pipelines::mapping()).await?
            }
            "/v1/instances/{id}" | "/v1/inbound/{instanceId}" => self.instance(owner).await?,
            "/v1/schedules/{id}" => {
                let instance = self.instance(owner).await?;
                let schedule = json!({"instanceId": instance, "entityType": "order", "cron": "0 0 1 1 *"});
                pipelines::make(&owner.api, "/v1/schedules", &schedule).await?
            }
            "/v1/sync-events/{correlationId}" | "/v1/sync-logs/{id}" => {
                let run = pipelines::sync(&owner.api, &self.instance(owner).await?, json!({})).await?;
                text(&run["correlationId"])?
            }
            "/v1/dlq/{id}" => {
                let instance = self.instance(owner).await?;
                owner.api.post(&format!("/v1/inbound/{instance}"), &json!({"id": "walk"})).await?.json(202)?;
                let first =
                    async || Ok(owner.api.get("/v1/dlq?kind=record").await?.json(200)?["items"].get(0).cloned());
                text(&eventually("a dead letter", SOON, first).await?["id"])?
            }
            unknown => bail!("{unknown} is new: say in {} what stands for it", file!()),
        })
    }

    async fn instance(&self, owner: &Tenant) -> Result<String> {
        let make = async |path: &str, body: Value| pipelines::make(&owner.api, path, &body).await;
        let profile = make("/v1/connection-profiles", pipelines::profile(&self.target.url())).await?;
        let mapping = make("/v1/mapping-configurations", pipelines::mapping()).await?;
        let instance = json!({
            "name": "walk", "sourceProfileId": profile, "targetProfileId": profile, "active": true,
            "mappings": [{"mappingConfigurationId": mapping, "load": pipelines::load()}],
        });
        make("/v1/instances", instance).await
    }

    /// What stands for a parameter.
    pub(super) fn value(&self, parameter: &str) -> String {
        self.values.get(parameter).cloned().unwrap_or_default()
    }

    /// Everything that nobody else may see.
    pub(super) fn values(&self) -> impl Iterator<Item = &String> {
        self.values.values().filter(|value| value.len() > 8)
    }
}

fn text(value: &Value) -> Result<String> {
    Ok(value.as_str().with_context(|| format!("{value} is no text"))?.to_owned())
}

async fn partner(api: &Api, id: &str) -> Result<String> {
    api.post("/v1/partners", &json!({"id": id, "name": "walk", "transport": "as2"})).await?.json(201)?;
    Ok(id.to_owned())
}

async fn credential(owner: &Tenant, parameter: &str) -> Result<String> {
    let collection = parameter.trim_end_matches("/{id}");
    let made = owner.api.post(collection, &json!({"name": "walk", "scopes": ["events:read"]})).await?.json(201)?;
    let id = made.get("id").or_else(|| made.get("client_id")).and_then(Value::as_str);
    Ok(id.with_context(|| format!("{made} has no id"))?.to_owned())
}

/// A good body of an operation, so that it is refused for nothing else than what it names.
pub(super) fn body(operation: &str) -> Value {
    match operation {
        "callbacks.put" => json!({"callbackUrl": "http://127.0.0.1:9/"}),
        "callbacks.echo" => {
            json!({"processUniqueId": "p", "noteUniqueId": "n", "message": "m", "createdAt": "2026-01-01T00:00:00.000Z"})
        }
        "subscriptions.recover" => json!({"since": "2026-01-01T00:00:00.000Z"}),
        "integrations.recover" => json!({"from": "2026-01-01T00:00:00.000Z"}),
        "integrations.update" => json!({"filter_conditions": {}}),
        "partners.update" => json!({"name": "changed"}),
        "identities.update" => json!({"name": "changed"}),
        "identities.rotate" => json!({"key": {"generate": "rsa-3072"}}),
        "event_types.put" => json!({"description": "walk"}),
        // A token as it should be, of nobody.
        "consumers.ack" => json!({"ack": "Y3NtXzEvMDAwMDAwMDAwMDAwMDAwMDAwMDAuMDAwMA"}),
        "tenants.update" => json!({"name": "walk"}),
        "connection_profiles.update" => pipelines::profile("http://127.0.0.1:9"),
        "mapping_configurations.update" => pipelines::mapping(),
        "mapping_configurations.preview" => json!({"sample": {}}),
        "instances.update" => json!({
            "name": "walk", "sourceProfileId": "p", "targetProfileId": "p",
            "mappings": [{"mappingConfigurationId": "m", "load": pipelines::load()}],
        }),
        "schedules.update" => json!({"instanceId": "i", "entityType": "order", "cron": "0 0 1 1 *"}),
        _ => json!({}),
    }
}

/// What a good call of an operation asks for in its query.
pub(super) fn query(operation: &str) -> &'static str {
    if operation == "schedules.preview" { "?cron=0%200%201%201%20*" } else { "" }
}

pub(super) fn with_json(request: reqwest::RequestBuilder, body: &Value) -> reqwest::RequestBuilder {
    request.header("content-type", "application/json").body(body.to_string())
}
