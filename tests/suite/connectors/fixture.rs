//! What a connector brings to the suite, and the connectors it is tried with.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value as Json;
use sluice::connectors::{ConnectorSettings, Connectors, Events, Source, SourceSpec, Target, TargetSpec};
use sluice::domain::pipeline::extraction::Extraction;
use sluice::domain::pipeline::load::LoadOptions;
use sluice::domain::pipeline::system::{StoredSystem, WrittenSystem};
use sluice::domain::scope::{Environment, Scope};
use sluice::domain::value::Value;
use sluice::outbound::{TargetPolicy, Vault};

use crate::support::{World, shared};

/// A system's time to respond.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(700);
/// The records of a source.
pub(crate) const RECORDS: usize = 45;
/// The size of a page that is asked for.
pub(crate) const PAGE: usize = 20;
/// Stands in every credential.
pub(crate) const SECRET: &str = "hush-of-the-test";

/// How a system behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As it should.
    Serve,
    /// It asks for fewer requests at first, and to be left alone for 7 s.
    Throttle,
    /// It fails.
    Fail,
    /// It does not accept the credentials.
    Refuse,
    /// It does not respond.
    Hang,
}

/// A system that is read or written.
pub(crate) trait Fixture: Sized {
    /// Starts one.
    async fn start(manner: Manner) -> Result<Self>;

    /// Its parameters as a user writes them.
    fn system(&self) -> Json;

    /// How many requests came.
    fn requests(&self) -> usize;

    /// Where it runs, if that is no server of the test's own.
    fn world(&self) -> Option<&World> {
        None
    }
}

/// A system with [`RECORDS`] records, numbered from 0.
pub(crate) trait Origin: Fixture {
    /// What the records are.
    const ENTITY: &'static str = "order";

    /// How they are read.
    fn extraction() -> Json;

    /// The number of a record.
    fn number(record: &Value) -> Option<usize>;

    /// The id of a record, from what is read of it.
    fn id(record: &Value) -> Option<String>;
}

/// A system that takes records.
pub(crate) trait Destination: Fixture {
    /// How they are written.
    fn load() -> Json;

    /// A record's content.
    fn body(number: usize, text: &str) -> Json {
        serde_json::json!({"number": format!("A-{number}"), "text": text})
    }

    /// The texts that it has now, in the order of their records' numbers.
    async fn texts(&self) -> Result<Vec<String>>;
}

/// Connectors that reach what `policy` permits.
pub(crate) async fn connectors(world: Option<&World>, policy: TargetPolicy) -> Result<Connectors> {
    let world = match world {
        Some(world) => world,
        None => shared().await,
    };
    let app = &world.system.app;
    Ok(Connectors::new(ConnectorSettings {
        vault: vault(world),
        reach: policy.into(),
        timeout: TIMEOUT,
        events: Events {
            poller: app.engine.poller.clone(),
            publisher: app.engine.publisher.clone(),
            types: app.stores.event_types.clone(),
            quota: app.engine.quota.clone(),
        },
        observer: None,
    })?)
}

fn vault(world: &World) -> Vault {
    Vault::new(world.system.app.keys.clone(), world.system.app.ports.clone())
}

pub(crate) fn scope() -> Result<Scope> {
    Ok(Scope { tenant: "acme".parse()?, environment: Environment::Production })
}

/// A system as it is stored.
pub(crate) async fn stored<F: Fixture>(fixture: &F) -> Result<StoredSystem> {
    let world = match fixture.world() {
        Some(world) => world,
        None => shared().await,
    };
    store(world, fixture.system())
}

fn store(world: &World, written: Json) -> Result<StoredSystem> {
    let written: WrittenSystem = serde_json::from_value(written)?;
    let problems = written.problems::<String>(None);
    anyhow::ensure!(problems.0.is_empty(), "{problems:?}");
    let (vault, scope) = (vault(world), scope()?);
    Ok(written.keep(None, |text| vault.seal(&scope, &text))?)
}

/// The source of a fixture.
pub(crate) async fn source<F: Origin>(fixture: &F) -> Result<Box<dyn Source>> {
    source_as(fixture, TargetPolicy::AllowLoopback, F::ENTITY, F::extraction()).await
}

/// The same, read in another way.
pub(crate) async fn source_as<F: Fixture>(
    fixture: &F,
    policy: TargetPolicy,
    entity_type: &str,
    extraction: Json,
) -> Result<Box<dyn Source>> {
    let extraction: Extraction = serde_json::from_value(extraction)?;
    let (connectors, scope) = (connectors(fixture.world(), policy).await?, scope()?);
    let spec = SourceSpec { scope: &scope, entity_type, extraction: &extraction };
    Ok(connectors.source(&stored(fixture).await?, &spec)?)
}

/// The target of a fixture.
pub(crate) async fn target<F: Destination>(fixture: &F, policy: TargetPolicy) -> Result<Box<dyn Target>> {
    target_as(fixture, policy, F::load()).await
}

/// The same, written in another way.
pub(crate) async fn target_as<F: Fixture>(fixture: &F, policy: TargetPolicy, load: Json) -> Result<Box<dyn Target>> {
    let load: LoadOptions = serde_json::from_value(load).context("load options")?;
    anyhow::ensure!(load.problems().0.is_empty(), "{:?}", load.problems());
    let (connectors, scope) = (connectors(fixture.world(), policy).await?, scope()?);
    let columns = ["number".to_owned(), "text".to_owned()];
    let spec =
        TargetSpec { scope: &scope, pipeline: "p1", run: "run1", columns: &columns, load: &load, concurrency: 4 };
    Ok(connectors.target(&stored(fixture).await?, &spec)?)
}

/// JSON as connectors hold it.
pub(crate) fn value(json: &Json) -> Value {
    Value::from(json)
}
