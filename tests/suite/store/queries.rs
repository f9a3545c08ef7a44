//! Queries over more than one page of the database, and over records that cannot be read.

use anyhow::{Result, ensure};
use sluice::domain::credentials::{CredentialKind, Grant, Permissions};
use sluice::domain::time::Millis;
use sluice::ports::Ports;
use sluice::store::credentials::Credentials;
use sluice::store::parked::ParkingLot;

use super::{Store, scope};

#[tokio::test]
async fn messages_of_several_pages_come_in_their_order() -> Result<()> {
    let (store, scope) = (Store::start().await?, scope()?);
    let parked = ParkingLot::new(store.db.clone());
    // The database ends a page at 1 MB.
    let messages: Vec<String> = (0..10).map(|n| n.to_string().repeat(240 * 1024)).collect();
    for (at, message) in (1..).zip(&messages) {
        parked.park(&scope, "rt_1", message.clone(), Millis(at)).await?;
    }
    let found = parked.oldest(&scope, "rt_1").await?;
    ensure!(found.iter().map(|one| &one.message).eq(&messages), "{} of 10", found.len());
    parked.forget(&scope, "rt_1", &found[0]).await?;
    ensure!(parked.oldest(&scope, "rt_1").await?.len() == 9);
    store.servers.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_record_that_cannot_be_read_does_not_hide_the_others() -> Result<()> {
    let (store, scope) = (Store::start().await?, scope()?);
    let credentials = Credentials::new(store.db.clone());
    let mut ids = Vec::new();
    for name in ["one", "two", "three"] {
        let (tenant, name) = (scope.tenant.clone(), name.to_owned());
        let grant = Grant { kind: CredentialKind::Key, tenant, name, scopes: Permissions::all(), ends_at: None };
        ids.push(credentials.issue(grant, &Ports::system()).await?.0.id);
    }
    store.set(&store.tables.config, ("acme#both#credentials", &ids[1]), "created_at", "never").await?;
    let found = credentials.list(&scope.tenant, CredentialKind::Key).await?;
    ensure!(found.iter().map(|one| &one.id).eq([&ids[0], &ids[2]]), "{} of 2", found.len());
    store.servers.stop().await;
    Ok(())
}
