//! When partners' servers are looked at.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sluice::domain::partner::Activity;
use sluice::engine::pickup::{arm, settle};
use sluice::ports::Clock as _;

use super::pickup::Desk;
use super::scope;
use crate::support::sshd::Sshd;

/// Lost without it: a server that is never looked at, or a deleted partner's that is looked at for ever.
#[tokio::test]
async fn a_server_is_looked_at_when_it_is_due() -> Result<()> {
    let sshd = Sshd::start().await?;
    let desk = Desk::before(&sshd, json!({"every_minutes": 60})).await?;
    let scope = scope()?;
    desk.stores.partners.create(&scope, &desk.partner).await?;
    let minutes = |minutes: f64| desk.clock.by(minutes / 60.0);
    let due = async || {
        let dues = desk.stores.pickups.dues().await?.into_iter();
        anyhow::Ok(dues.filter(|due| due.next < desk.clock.now()).collect::<Vec<_>>())
    };
    arm(&desk.stores.pickups, &scope, &desk.partner, desk.clock.now()).await?;
    sshd.put("out/a", b"1")?;
    minutes(0.1);
    let [first] = &due().await?[..] else { anyhow::bail!("a new partner's is due at once") };
    // The file may be growing: it is looked again soon.
    ensure!(desk.fire(first).await?.context("a look")?.waiting == 1 && due().await?.is_empty());
    ensure!(desk.fire(first).await?.is_none(), "a message that came twice");
    minutes(1.1);
    let [second] = &due().await?[..] else { anyhow::bail!("it is due after a minute") };
    ensure!(desk.fire(second).await?.context("a look")?.new == 1);
    minutes(59.0);
    ensure!(due().await?.is_empty());
    // A change leaves the time that is near.
    arm(&desk.stores.pickups, &scope, &desk.partner, desk.clock.now()).await?;
    minutes(1.1);
    let [third] = &due().await?[..] else { anyhow::bail!("it is due after an hour") };
    desk.stores.partners.delete(&scope, &desk.partner.id).await?;
    ensure!(desk.fire(third).await?.is_none());
    minutes(1_000.0);
    ensure!(due().await?.is_empty(), "a partner that is gone");
    desk.close().await;
    Ok(())
}

/// Lost without it: the look knows the partner as it was, and says when the next one is.
#[tokio::test]
async fn a_change_during_a_look_counts() -> Result<()> {
    let sshd = Sshd::start().await?;
    let desk = Desk::before(&sshd, json!({"every_minutes": 60})).await?;
    let (scope, store) = (scope()?, &desk.stores.pickups);
    desk.stores.partners.create(&scope, &desk.partner).await?;
    sshd.put("out/a", b"1")?;
    let fire = async || {
        arm(store, &scope, &desk.partner, desk.clock.now()).await?;
        desk.clock.by(2.0);
        desk.fire(&store.due(&scope, &desk.partner.uid).await?.context("a time")?).await
    };
    ensure!(fire().await?.context("a look")?.waiting == 1);
    let held = desk.documents.hold.lock().await;
    let change = async {
        desk.documents.asked.notified().await;
        let mut changed = desk.partner.clone();
        let inbound = changed.profile.sftp.as_mut().and_then(|sftp| sftp.inbound.as_mut()).context("looked at")?;
        inbound.every_minutes = 5;
        desk.stores.partners.update(&scope, &mut changed).await?;
        settle((&desk.stores.partners, store), (&scope, &changed.id, &changed.uid), desk.clock.now()).await?;
        drop(held);
        anyhow::Ok(())
    };
    let (looked, changed) = tokio::join!(fire(), change);
    changed?;
    ensure!(looked?.context("a look")?.new == 1);
    let next = store.due(&scope, &desk.partner.uid).await?.context("a time")?.next;
    ensure!(next.since(desk.clock.now()) < Duration::from_secs(400), "{next}");
    desk.close().await;
    Ok(())
}

/// Lost without it: a server that is never looked at, since a look or another change came in between.
#[tokio::test]
async fn the_record_that_is_there_says_when() -> Result<()> {
    let sshd = Sshd::start().await?;
    let desk = Desk::before(&sshd, json!({"every_minutes": 60})).await?;
    let (scope, partner) = (scope()?, &desk.partner);
    let (partners, pickups) = (&desk.stores.partners, &desk.stores.pickups);
    let settle = async || settle((partners, pickups), (&scope, &partner.id, &partner.uid), desk.clock.now()).await;
    let minutes = async || {
        let due = pickups.due(&scope, &partner.uid).await?;
        anyhow::Ok(due.map(|due| due.next.since(desk.clock.now()).as_secs() / 60))
    };
    // Its time comes before the record is there.
    arm(pickups, &scope, partner, desk.clock.now()).await?;
    ensure!(desk.fire(&pickups.due(&scope, &partner.uid).await?.context("a time")?).await?.is_none());
    ensure!(minutes().await?.is_none());
    partners.create(&scope, partner).await?;
    settle().await?;
    ensure!(minutes().await? == Some(0));
    // A change that another one forestalled.
    let mut inactive = partner.clone();
    inactive.profile.status = Activity::Inactive;
    arm(pickups, &scope, &inactive, desk.clock.now()).await?;
    ensure!(minutes().await? == Some(0));
    partners.update(&scope, &mut inactive).await?;
    settle().await?;
    ensure!(minutes().await?.is_some_and(|minutes| minutes > 525_600));
    inactive.profile.status = Activity::Active;
    partners.update(&scope, &mut inactive).await?;
    settle().await?;
    ensure!(minutes().await?.is_some_and(|minutes| (50..=60).contains(&minutes)));
    partners.delete(&scope, &partner.id).await?;
    settle().await?;
    ensure!(minutes().await?.is_none());
    desk.close().await;
    Ok(())
}
