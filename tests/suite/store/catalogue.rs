//! The catalogue, with a record of its own: every family that uses it has these properties.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use sluice::domain::partition::ScopeFamily;
use sluice::ports::Ports;
use sluice::rings::RingText;
use sluice::secrets::Keyring;
use sluice::store::catalogue::{Catalogue, CreateError, Placed, Record, Sealer};
use sluice::store::{Item, StoreError};

use super::{Store, scope};

const KIND: &str = "thing";
const PARTITION: &str = "acme#p#event_types";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Thing {
    id: String,
    uid: String,
    secret: String,
    values: Vec<u32>,
    revision: u64,
}

fn thing(id: &str, uid: &str) -> Thing {
    Thing { id: id.to_owned(), uid: uid.to_owned(), secret: "hidden".to_owned(), values: Vec::new(), revision: 1 }
}

/// A thing, and how often it was compiled.
#[derive(Debug)]
struct Compiled {
    thing: Thing,
    compilations: Arc<()>,
}

impl Record for Thing {
    type Compiled = Compiled;
    const FAMILY: ScopeFamily<'static> = ScopeFamily::EventTypes;

    fn kind(&self) -> &'static str {
        KIND
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn uid(&self) -> Option<&str> {
        Some(&self.uid)
    }

    fn revision_mut(&mut self) -> &mut u64 {
        &mut self.revision
    }

    fn compile(self, known: Option<&Compiled>) -> Option<Compiled> {
        let known = known.filter(|known| known.thing.values == self.values);
        let compilations = known.map(|known| Arc::clone(&known.compilations)).unwrap_or_default();
        Some(Compiled { thing: self, compilations })
    }

    fn seal(&self, item: &mut Item, sealer: &Sealer<'_>) -> Result<(), StoreError> {
        sealer.seal(item, "secret", &self.secret)
    }

    fn unseal(item: &mut Item, sealer: &Sealer<'_>) -> Result<(), StoreError> {
        sealer.unseal::<String>(item, "secret")
    }
}

fn things(store: &Store) -> Catalogue<Thing> {
    Catalogue::new(store.db.clone(), store.keys.clone())
}

fn ids(things: &[Thing]) -> Vec<&str> {
    things.iter().map(|thing| thing.id.as_str()).collect()
}

#[tokio::test]
async fn a_malformed_record_is_left_out_alone() -> Result<()> {
    let (store, scope) = (Store::start().await?, scope()?);
    let things = things(&store);
    for id in ["a", "b", "c", "d"] {
        things.create(&scope, &thing(id, "1"), 10).await?;
    }
    // Another process has cached nothing.
    let other = self::things(&store);
    store.set(&store.tables.config, (PARTITION, "thing#b"), "values", "no list").await?;
    store.set(&store.tables.config, (PARTITION, "thing#c"), "secret", "v1.k1.tampered").await?;
    ensure!(ids(&other.list(&scope).await?) == ["a", "d"], "{:?}", other.list(&scope).await?);
    let snapshot = other.snapshot(&scope).await?;
    ensure!(snapshot.entries.len() == 2 && snapshot.entry(KIND, "b").is_none());
    ensure!(snapshot.entry(KIND, "d").is_some_and(|entry| entry.thing == thing("d", "1")));
    let (page, next) = other.page(&scope, KIND, None, 3).await?;
    ensure!(ids(&page) == ["a"] && next.as_deref() == Some("c"), "{page:?} {next:?}");
    let (page, next) = other.page(&scope, KIND, next.as_deref(), 3).await?;
    ensure!(ids(&page) == ["d"] && next.is_none(), "{page:?} {next:?}");
    ensure!(matches!(other.get(&scope, KIND, "b").await, Err(StoreError::Malformed(_))));
    // Its id is still taken.
    let again = things.create(&scope, &thing("b", "2"), 10).await;
    ensure!(matches!(again, Err(CreateError::Exists)), "{again:?}");
    store.servers.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_record_under_a_key_that_is_not_loaded_yet_is_not_left_out() -> Result<()> {
    let (store, scope) = (Store::start().await?, scope()?);
    let text = RingText::generate(&Ports::system());
    let rotated = RingText::rotated(&text, &Ports::system())?;
    let (old, new) = (Keyring::from_json(&text)?, Keyring::from_json(&rotated)?);
    Catalogue::new(store.db.clone(), new.clone()).create(&scope, &thing("a", "1"), 10).await?;
    let things: Catalogue<Thing> = Catalogue::new(store.db.clone(), old.clone());
    let unopened = things.snapshot(&scope).await.map(|snapshot| snapshot.entries.len());
    ensure!(matches!(unopened, Err(StoreError::Unavailable(_))), "{unopened:?}");
    old.replace(&new);
    ensure!(things.snapshot(&scope).await?.entries.len() == 1);
    let item = store.client.scan().table_name(&store.tables.config).send().await?;
    ensure!(!format!("{item:?}").contains("hidden"), "stored in plain");
    store.servers.stop().await;
    Ok(())
}

#[tokio::test]
async fn concurrent_changes_all_count() -> Result<()> {
    let (store, scope) = (Store::start().await?, scope()?);
    let things = things(&store);
    things.create(&scope, &thing("a", "1"), 10).await?;
    let before = things.snapshot(&scope).await?;
    let changes = (0..6).map(|n| {
        let (things, scope) = (things.clone(), scope.clone());
        async move {
            let push = |thing: &mut Thing| {
                thing.values.push(n);
                true
            };
            things.change(&scope, (KIND, "a"), Some("1"), push).await
        }
    });
    ensure!(try_join_all(changes).await?.iter().all(Option::is_some));
    let mut now = things.get(&scope, KIND, "a").await?.context("gone")?;
    ensure!(now.revision == 7, "{now:?}");
    now.values.sort_unstable();
    ensure!(now.values == [0, 1, 2, 3, 4, 5], "{now:?}");

    let unchanged = things.change(&scope, (KIND, "a"), None, |_| false).await?.context("gone")?;
    ensure!(unchanged.revision == 7, "{unchanged:?}");
    ensure!(things.change(&scope, (KIND, "a"), Some("2"), |_| true).await?.is_none(), "another uid");
    ensure!(things.change(&scope, (KIND, "b"), None, |_| true).await?.is_none(), "no such record");
    let after = things.snapshot(&scope).await?;
    let compiled = after.entry(KIND, "a").context("not cached")?;
    ensure!(!Arc::ptr_eq(&compiled.compilations, &before.entries[0].compilations), "not compiled anew");
    store.servers.stop().await;
    Ok(())
}

#[tokio::test]
async fn only_what_has_changed_is_compiled_and_only_changes_are_read() -> Result<()> {
    let (store, scope) = (Store::start().await?, scope()?);
    let (things, other) = (things(&store), things(&store));
    things.create(&scope, &thing("a", "1"), 10).await?;
    let first = other.snapshot(&scope).await?;
    ensure!(Arc::ptr_eq(&first, &other.snapshot(&scope).await?), "nothing has changed");
    things.create(&scope, &thing("b", "1"), 10).await?;
    let second = other.snapshot(&scope).await?;
    ensure!(second.entries.len() == 2);
    ensure!(Arc::ptr_eq(&first.entries[0].compilations, &second.entries[0].compilations), "compiled again");

    // Believed for an hour, but not by the process that changed it.
    things.snapshot(&scope).await?;
    things.create(&scope, &thing("c", "1"), 10).await?;
    let hour = Duration::from_secs(3_600);
    ensure!(other.recent(&scope, hour).await?.entries.len() == 2);
    ensure!(things.recent(&scope, hour).await?.entries.len() == 3);
    ensure!(other.snapshot(&scope).await?.entries.len() == 3);
    store.servers.stop().await;
    Ok(())
}

#[tokio::test]
async fn the_limit_counts_what_is_there() -> Result<()> {
    let (store, scope) = (Store::start().await?, scope()?);
    let things = things(&store);
    let keep = |_: &mut Thing, _: &Thing| {};
    ensure!(things.put(&scope, &mut thing("a", "1"), 2, keep).await? == Placed::Created);
    things.create(&scope, &thing("b", "1"), 2).await?;
    let third = things.create(&scope, &thing("c", "1"), 2).await;
    ensure!(matches!(third, Err(CreateError::LimitReached)), "{third:?}");
    ensure!(things.put(&scope, &mut thing("c", "1"), 2, keep).await? == Placed::LimitReached);
    ensure!(things.put(&scope, &mut thing("a", "1"), 2, keep).await? == Placed::Replaced);
    ensure!(things.remove(&scope, KIND, "a").await?.is_some() && things.remove(&scope, KIND, "a").await?.is_none());
    things.create(&scope, &thing("c", "1"), 2).await?;
    // What was read is what is deleted.
    let mut stale = things.get(&scope, KIND, "c").await?.context("gone")?;
    things.change(&scope, (KIND, "c"), None, |_| true).await?;
    ensure!(matches!(things.delete(&scope, &stale).await, Err(StoreError::Conflict)));
    ensure!(matches!(things.update(&scope, &mut stale).await, Err(StoreError::Conflict)) && stale.revision == 1);
    store.servers.stop().await;
    Ok(())
}
