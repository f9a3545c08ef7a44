//! Who may work on a route: leases, the places of slow work, and the fence of an ordered route.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sluice::domain::ids::ChunkId;
use sluice::domain::time::Millis;
use sluice::ports::{Ports, System};
use sluice::store::leases::{LEASE, Leases};
use sluice::store::ordered::{self, Ordered};
use sluice::store::shares::Shares;
use sluice::store::{Db, StoreError};

use super::{Store, scope};
use crate::support::Ahead;

/// Lost without it: two workers write one route's file, or none does after one has died.
#[tokio::test]
async fn a_lease_is_its_holders_until_it_ends() -> Result<()> {
    let (store, scope) = (Store::start().await?, scope()?);
    let leases = Leases::new(store.db.clone());
    let take = async |holder: &str, at: Millis| leases.take(&scope, "rt_1", holder, at).await;
    let begun = Millis(1_800_000_000_000);
    let almost = begun.plus(LEASE - Duration::from_millis(1));
    ensure!(take("one", begun).await?, "it was free");
    ensure!(!take("two", almost).await?, "another took what is held");
    ensure!(leases.take(&scope, "rt_2", "two", begun).await?, "another route is another lease");
    let renew = async |holder: &str, at: Millis| leases.renew(&scope, "rt_1", holder, at).await;
    ensure!(!renew("two", almost).await?, "another renewed it");
    // Renewed, it ends later.
    ensure!(renew("one", almost).await?, "its holder could not renew it");
    ensure!(!take("two", begun.plus(LEASE)).await?, "a renewal came to nothing");
    ensure!(take("two", almost.plus(LEASE)).await?, "it was over");
    ensure!(!renew("one", almost.plus(LEASE)).await?, "who had it before renewed another's");
    // Nor can it give another's back.
    leases.release(&scope, "rt_1", "one").await?;
    ensure!(!take("three", almost.plus(LEASE)).await?, "a stranger gave it back");
    leases.release(&scope, "rt_1", "two").await?;
    // Another was at the route since: what the first one knows of it is old.
    ensure!(!renew("one", almost.plus(LEASE)).await?, "who had it before goes on where another was");
    ensure!(take("three", almost.plus(LEASE)).await?, "it was given back");
    store.servers.stop().await;
    Ok(())
}

/// Lost without it: a run that lost its lease writes its progress over that of the run which has the route now.
#[tokio::test]
async fn a_run_that_lost_its_lease_writes_no_progress() -> Result<()> {
    let (store, scope) = (Store::start().await?, scope()?);
    let (one, two) = (Ordered::new(store.db.clone()), Ordered::new(store.db.clone()));
    let begun = Millis(1_800_000_000_000);
    one.create(&scope, "rt_1", begun).await?;
    let mut stale = one.lease(&scope, "rt_1", begun).await?.context("it was free")?;
    one.keep(&mut stale, begun.plus(Duration::from_secs(1))).await?;
    ensure!(two.lease(&scope, "rt_1", begun.plus(ordered::LEASE)).await?.is_none(), "it was renewed");
    let over = begun.plus(ordered::LEASE + Duration::from_secs(1));
    let mut lease = two.lease(&scope, "rt_1", over).await?.context("it is over")?;
    lease.progress.cursor = ChunkId::floor(over);
    two.keep(&mut lease, over).await?;
    ensure!(matches!(one.keep(&mut stale, over).await, Err(StoreError::Conflict)), "it kept what it had lost");
    ensure!(matches!(one.release(stale).await, Err(StoreError::Conflict)), "it gave back what it had lost");
    ensure!(one.lease(&scope, "rt_1", over).await?.is_none(), "the other's lease is gone");
    two.release(lease).await?;
    let progress = one.progress(&scope, "rt_1").await?.context("it is there")?;
    ensure!(progress.cursor == ChunkId::floor(over), "{progress:?}");
    store.servers.stop().await;
    Ok(())
}

/// Lost without it: places of workers that died are never free again, and in the end a route gets no worker at all.
#[tokio::test]
async fn places_are_counted_given_back_and_freed_from_the_dead() -> Result<()> {
    let (store, scope, ahead) = (Store::start().await?, scope()?, Ahead::default());
    let ports = Ports::new(ahead.clone(), System);
    let shares = Shares::new(Db::new(store.client.clone(), store.tables.clone(), ports));
    let count = async |subject: &str| Ok::<_, StoreError>(shares.taken(&scope, subject).await?.count);
    let take = async |holder: &str| {
        let known = shares.taken(&scope, "rt_1").await?;
        shares.take(&scope, "rt_1", holder, &known).await
    };
    for n in 0..30 {
        take(&format!("early{n}")).await?;
    }
    take("late").await?;
    ensure!((count("rt_1").await?, count("rt_2").await?) == (31, 0), "{}", count("rt_1").await?);
    shares.give_back(&scope, "rt_1", "late").await?;
    // Twice, and what was never taken, changes nothing.
    shares.give_back(&scope, "rt_1", "late").await?;
    shares.give_back(&scope, "rt_1", "never").await?;
    ensure!(count("rt_1").await? == 30, "{}", count("rt_1").await?);
    // Longer than any call: whoever had these is dead. What they left is cleared away by who comes next.
    ahead.by(0.1);
    ensure!(count("rt_1").await? == 0, "{}", count("rt_1").await?);
    take("next").await?;
    take("another").await?;
    ensure!(count("rt_1").await? == 2, "{}", count("rt_1").await?);
    let key = aws_sdk_dynamodb::types::AttributeValue::S("rt_1".to_owned());
    let scan = store.client.scan().table_name(&store.tables.activity).filter_expression("sk = :sk");
    let items = scan.expression_attribute_values(":sk", key).send().await?.items.unwrap_or_default();
    let places = items.iter().flat_map(|item| item.keys()).filter(|name| name.starts_with("at_")).count();
    ensure!(places == 2, "{places} places are kept");
    store.servers.stop().await;
    Ok(())
}
