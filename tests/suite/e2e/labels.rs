//! Names and descriptions are what they look like, whoever gives them.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::pipelines::{load, make, mapping, profile};
use crate::support::shared;

const HIDDEN: [&str; 6] = ["\u{202e}", "\u{2066}", "\u{200b}", "\u{200d}", "\u{feff}", "\u{7}"];

#[tokio::test]
async fn what_hides_in_a_name_is_pointed_at() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    let (api, operator) = (&tenant.api, world.operator()?);
    let source = make(api, "/v1/connection-profiles", &profile("http://127.0.0.1:9")).await?;
    let mapped = make(api, "/v1/mapping-configurations", &mapping()).await?;
    let instance = json!({
        "name": "n", "sourceProfileId": source, "targetProfileId": source,
        "mappings": [{"mappingConfigurationId": mapped, "load": load()}],
    });
    let credential = json!({"name": "n", "scopes": ["events:read"]});
    let partner = json!({
        "name": "n", "transport": "webhook", "contacts": [{"name": "n", "email": "a@example.com", "role": "r"}],
        "identifiers": {"duns": "1"},
    });
    let identity = json!({"id": "main", "name": "n", "as2_id": "US", "key": {"generate": "rsa-3072"}});
    api.post("/v1/identities", &identity).await?.json(201)?;
    let subscription = json!({"name": "n", "url": "http://127.0.0.1:9/", "events": ["a.b"]});
    let named = |body: &Value, pointer: &str, hidden: &str| {
        let mut body = body.clone();
        if let Some(field) = body.pointer_mut(pointer) {
            *field = json!(format!("ERP{hidden} live"));
        }
        body
    };
    for hidden in HIDDEN {
        for (path, body, pointer) in [
            ("/v1/api-clients", &credential, "/name"),
            ("/v1/api-keys", &credential, "/name"),
            ("/v1/partners", &partner, "/name"),
            ("/v1/partners", &partner, "/contacts/0/name"),
            ("/v1/partners", &partner, "/contacts/0/role"),
            ("/v1/partners", &partner, "/contacts/0/email"),
            ("/v1/partners", &partner, "/identifiers/duns"),
            ("/v1/identities", &identity, "/name"),
            ("/v1/webhooks/subscriptions", &subscription, "/name"),
            ("/v1/connection-profiles", &profile("http://127.0.0.1:9"), "/name"),
            ("/v1/mapping-configurations", &mapping(), "/name"),
            ("/v1/mapping-configurations", &mapping(), "/entityType"),
            ("/v1/instances", &instance, "/name"),
        ] {
            let reply = api.post(path, &named(body, pointer, hidden)).await?;
            ensure!(reply.pointers()? == [pointer], "{path} {pointer} {hidden:?}: {}", reply.text());
        }
        let renamed = json!({"name": format!("U{hidden}s")});
        ensure!(api.patch("/v1/identities/main", &renamed).await?.pointers()? == ["/name"], "{hidden:?}");
        let tenant = json!({"id": "hidden-name", "name": format!("A{hidden}")});
        ensure!(operator.post("/v1/tenants", &tenant).await?.pointers()? == ["/name"], "{hidden:?}");
        let described = json!({"description": format!("An order{hidden}")});
        let reply = api.put("/v1/event-types/order.created", &described).await?;
        ensure!(reply.pointers()? == ["/description"], "{hidden:?}: {}", reply.text());
    }
    // Other scripts, signs and lines are seen.
    for name in ["Bestellungen für SAP", "طلبات", "注文", "❤️ 🚚"] {
        api.post("/v1/webhooks/subscriptions", &named(&subscription, "/name", name)).await?.json(201)?;
    }
    let lines = json!({"description": "An order.\nIt was placed."});
    api.put("/v1/event-types/order.created", &lines).await?.json(201)?;
    Ok(())
}
