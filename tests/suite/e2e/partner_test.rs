//! Testing a partner's server before anything is sent to it.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use sluice::domain::time::Millis;
use sluice::ports::Ports;

use crate::support::sshd::{Sshd, keys};
use crate::support::{SOON, eventually, shared};

const PATH: &str = "/v1/partners/example/test";

/// The steps and whether they went well.
fn steps(tried: &Value) -> Vec<(&str, bool)> {
    let steps = tried["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    steps.iter().map(|step| (step["name"].as_str().unwrap_or_default(), step["ok"] == true)).collect()
}

#[tokio::test]
async fn a_server_is_tried_pinned_and_tried_again() -> Result<()> {
    let (tenant, sshd) = (shared().await.tenant().await?, Sshd::start().await?);
    tenant.api.post(PATH, &json!({})).await?.error(404, "not_found")?;
    let mut sftp = sshd.parameters()?;
    sftp["host_key_fingerprints"] = json!([]);
    sftp["inbound"] = json!({"directory": "out", "after": "delete"});
    let partner = json!({"id": "example", "name": "n", "transport": "sftp", "sftp": sftp});
    tenant.api.post("/v1/partners", &partner).await?.json(201)?;

    let seen = tenant.api.post(PATH, &json!({})).await?.json(200)?;
    ensure!(
        seen["ok"] == false && steps(&seen) == [("configuration", true), ("connect", true), ("host_key", false)],
        "{seen}"
    );
    let fingerprint = &keys()?.hosts[0].fingerprint;
    ensure!(seen["host_key_fingerprint"] == fingerprint.as_str(), "{seen}");
    // It was seen, and no more.
    let shown = tenant.api.get("/v1/partners/example").await?.json(200)?;
    ensure!(shown["sftp"]["host_key_fingerprints"] == json!([]), "{shown}");

    let pinned = json!({"sftp": {"host_key_fingerprints": [fingerprint]}});
    tenant.api.patch("/v1/partners/example", &pinned).await?.json(200)?;
    let tried = tenant.api.post(PATH, &json!({})).await?.json(200)?;
    ensure!(steps(&tried).last() == Some(&("list", false)), "{tried}");
    sshd.put("out/", b"")?;
    let tried = tenant.api.post(PATH, &json!({})).await?.json(200)?;
    let all = ["configuration", "connect", "host_key", "authenticate", "list"];
    ensure!(tried["ok"] == true && steps(&tried) == all.map(|step| (step, true)), "{tried} {}", sshd.log());
    ensure!(tried["steps"][0]["duration_ms"].is_u64(), "{tried}");

    let pickups = &shared().await.system.app.stores.pickups;
    let due = async || {
        let dues = pickups.dues().await?.into_iter().filter(|due| due.scope.tenant == tenant.id);
        anyhow::Ok(dues.map(|due| due.next).collect::<Vec<_>>())
    };
    let now = Ports::system().now();
    let looked = async |what: &str, is_so: fn(&[Duration]) -> bool| {
        eventually(what, SOON, async || {
            let times: Vec<Duration> = due().await?.iter().map(|next: &Millis| next.since(now)).collect();
            Ok(is_so(&times).then_some(()))
        })
        .await
    };
    looked("its server is looked at", |times| matches!(times, [time] if *time < Duration::from_secs(600))).await?;
    tenant.api.patch("/v1/partners/example", &json!({"sftp": null})).await?.json(200)?;
    let tried = tenant.api.post(PATH, &json!({})).await?.json(200)?;
    ensure!(steps(&tried) == [("configuration", false)], "{tried}");
    // Perhaps it is being looked at now, and then no more.
    looked("it is not looked at", |times| times.iter().all(|time| *time > Duration::from_secs(86_400))).await?;
    tenant.api.delete("/v1/partners/example").await?.empty(204)?;
    looked("its time is forgotten", <[Duration]>::is_empty).await
}
