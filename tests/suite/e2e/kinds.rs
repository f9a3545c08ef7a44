//! A kind of destination that the product does not know carries real events: nothing on their way knows a kind.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sluice::domain::face::FaceKind;
use sluice::domain::route::RouteKey;

use crate::conformance::destinations::fixture::{Fixture as _, Manner};
use crate::conformance::destinations::tcp_lines::{Endpoint, TcpLines};
use crate::support::{Inbox, SOON, Tenant, World, eventually};

/// Sends an integration's events to another destination. No face offers the kind, so it is set in the record.
async fn redirect(world: &World, tenant: &Tenant, id: &str, parameters: Value) -> Result<()> {
    let (app, scope) = (&world.system.app, tenant.scope());
    tenant.stop(id).await?;
    let mut route =
        app.stores.routes.get(&scope, &RouteKey::new(FaceKind::Integration, id)).await?.context("a route")?;
    (route.destination, _) = app.destinations.accept(&scope, "tcp_lines", parameters, None).await?;
    app.stores.routes.update(&scope, &mut route).await?;
    tenant.start(id).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_go_to_a_kind_that_was_added() -> Result<()> {
    let world = World::with(&[], |destinations| destinations.with(TcpLines::new)).await?;
    let tenant = world.tenant().await?;
    let (inbox, lines, busy) =
        (Inbox::open().await?, Endpoint::start(Manner::Accept).await?, Endpoint::start(Manner::Refuse).await?);
    for id in ["lines", "busy"] {
        tenant.webhook(id, &inbox.url()).await?;
    }
    redirect(&world, &tenant, "lines", lines.parameters()).await?;
    redirect(&world, &tenant, "busy", busy.parameters()).await?;
    let ids = tenant.publish("a.b", 0..5).await?;
    let arrived = eventually("five lines", SOON, async || {
        let arrived = lines.arrived().await?;
        Ok((arrived.len() >= 5).then_some(arrived))
    });
    let mut names = Vec::new();
    for arrival in arrived.await? {
        let envelope: Value = serde_json::from_str(&arrival.content)?;
        ensure!(envelope["tenant"] == tenant.id.to_string() && envelope["name"] == "a.b", "{envelope}");
        names.push(arrival.name);
    }
    names.sort();
    let mut expected = ids.clone();
    expected.sort();
    ensure!(names == expected, "{names:?}");
    // What it refuses is kept like any webhook's rejected events.
    let rejected = eventually("five rejected events", SOON, async || {
        let list = tenant.api.get("/v1/integrations/busy/rejected_events").await?.json(200)?;
        Ok(list["rejected_events"].as_array().is_some_and(|all| all.len() == 5).then_some(list))
    });
    ensure!(rejected.await?["rejected_events"][0]["reason"] == "refused");
    // The face offers no such target, and shows none.
    let shown = tenant.api.get("/v1/integrations/lines").await?.json(200)?;
    ensure!(shown.get("callback_parameters").is_none() && shown.get("s3_parameters").is_none(), "{shown}");
    let patch = json!({"callback_parameters": {"timeout_seconds": 1}});
    tenant.stop("lines").await?;
    tenant.api.patch("/v1/integrations/lines", &patch).await?.error(400, "validation_failed")?;
    ensure!(inbox.len() == 0);
    world.stop().await;
    Ok(())
}
