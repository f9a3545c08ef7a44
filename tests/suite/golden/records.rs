//! Every family of records.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sluice::domain::allowance::Limit;
use sluice::domain::chunk::{Chunk, encode};
use sluice::domain::credentials::{Credential, CredentialKind};
use sluice::domain::export::Position;
use sluice::domain::ids::ChunkId;
use sluice::domain::pipeline::dead_letter::LetterFilter;
use sluice::domain::scope::{Scope, TenantId};
use sluice::domain::transaction::{Outcome, TransactionFilter};
use sluice::secrets::Keyring;
use sluice::store::documents::{Blobs, KnownBy};
use sluice::store::idempotency::{BodyPrint, Entry, KeptResponse};
use sluice::store::pipelines::RunFilter;
use sluice::store::requests::{Place, RequestKey};
use sluice::store::undelivered::{UndeliveredEvent, UndeliveredKind};
use sluice::store::{Db, Item, Retention, Stores};
use sluice::tokens::{PublishedKeys, VerificationKey};

use super::{NOW, expect_newest, fixtures, ports, releases};
use crate::store::{Store, scope};

/// The master key under which secrets are sealed here.
const RING: &str = r#"{"current": "k1", "k1": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}"#;
const LONG: Duration = Duration::from_secs(31 * 86_400);

fn stores(store: &Store) -> Result<Stores> {
    let db = Db::new(store.client.clone(), store.tables.clone(), ports());
    let (keys, s3) = (Keyring::from_json(RING)?, store.clients.s3.clone());
    let blobs = Blobs::new(s3, store.resources.documents.clone(), keys.clone(), ports());
    Ok(Stores::new(&db, blobs, &keys, Retention { log: LONG, transactions: LONG, documents: LONG }))
}

/// A publish under an idempotency key.
fn request() -> RequestKey {
    RequestKey { key: "key".to_owned(), body: BodyPrint { sha256: "00".to_owned(), length: 2 } }
}

/// Writes one record of each family.
async fn write(stores: &Stores, scope: &Scope) -> Result<()> {
    write_config(stores, scope).await?;
    write_activity(stores, scope).await?;
    write_pipelines(stores, scope).await
}

async fn write_config(stores: &Stores, scope: &Scope) -> Result<()> {
    for route in fixtures::routes() {
        stores.routes.create(scope, &fixtures::of(route)?, 10).await?;
    }
    stores.event_types.put(scope, &mut fixtures::of(fixtures::event_type())?).await?;
    stores.consumers.open(scope, "reader", Some(NOW)).await?;
    stores.partners.create(scope, &fixtures::of(fixtures::partner())?).await?;
    let none = stores.identities.snapshot(scope).await?;
    stores.identities.create(scope, &fixtures::of(fixtures::identity())?, &none).await?;
    let first: Credential = fixtures::of(fixtures::credential())?;
    stores.tenants.create(&fixtures::of(fixtures::tenant())?, &first).await?;
    let cursor = fixtures::of(fixtures::export())?;
    stores.exports.create(&cursor).await?;
    stores.exports.stop_at(Some(&cursor)).await?;
    stores.exports.add_waiting(scope, "rt_2", 7).await?;
    stores.leases.take(scope, "rt_2", "holder", NOW).await?;
    let ending =
        json!({"scope": fixtures::scope(), "face": "integration", "id": "r-0", "route": "rt_0", "ends_at": NOW});
    stores.endings.note(&fixtures::of(ending)?).await?;
    let key = VerificationKey { kid: "k".to_owned(), x: "x".to_owned() };
    let due = json!({"scope": fixtures::scope(), "partner": "p", "uid": "ptn_1", "next": NOW});
    stores.pickups.set_due(&fixtures::of(due)?).await?;
    let seen =
        json!({"0123456789abcdef": {"s": 5, "m": 7, "t": NOW, "f": 2, "u": NOW}, "00": {"s": 1, "m": 1, "t": NOW}});
    stores.pickups.remember(scope, "ptn_1", &fixtures::of(seen)?).await?;
    stores.verification_keys.publish(&PublishedKeys { made_at: NOW, keys: vec![key] }).await?;
    Ok(())
}

async fn write_activity(stores: &Stores, scope: &Scope) -> Result<()> {
    let (chunk, event) = (ChunkId::floor(NOW), fixtures::event()?);
    let body = encode(std::slice::from_ref(&event))?;
    stores.log.append(scope, &[Chunk { id: chunk, body }]).await?;
    stores.claims.claim(scope, "evt_1", chunk, None).await?;
    stores.claims.settle(scope, chunk).await?;
    stores.requests.claim(scope, &request(), Place { chunk, before: 1 }, None).await?;
    let Entry::Reserved(reservation) = stores.answers.reserve(scope, "key", "print".to_owned(), NOW).await? else {
        anyhow::bail!("the key is taken")
    };
    let body = Some(BodyPrint { sha256: "00".to_owned(), length: 2 });
    let answer = Some(fixtures::of(json!("v1.k1.AAAA"))?);
    stores.answers.keep(reservation, KeptResponse { body, answer }, NOW).await?;
    stores.audit.add(scope, &fixtures::of(fixtures::audit())?).await?;
    // One body in its header, one of its own, and an entry with its attempt.
    let small = fixtures::of(fixtures::outcome(1, 1, "delivered"))?;
    stores.transactions.record(scope, vec![small]).await?;
    let mut large = Vec::new();
    for n in 100..400_u32 {
        let mut outcome: Outcome = fixtures::of(fixtures::outcome(n, 1, "delivered"))?;
        outcome.response = format!("{:x}", n.wrapping_mul(2_654_435_761));
        large.push(outcome);
    }
    stores.transactions.record(scope, large).await?;
    stores.transactions.record(scope, vec![fixtures::of(fixtures::outcome(2, 3, "dead"))?]).await?;
    stores.documents.create(scope, &fixtures::of(fixtures::document())?).await?;
    stores.documents.claim(scope, KnownBy::Received("p-1", "<1@them>"), "doc_1").await?;
    stores.documents.note(scope, KnownBy::Sent("1@sluice"), "doc_1").await?;
    stores.runs.create(scope, &fixtures::of(fixtures::automation())?).await?;
    stores.runs.create(scope, &fixtures::of(fixtures::automation_of_mdn())?).await?;
    for activity in fixtures::activities() {
        stores.journal.note(scope, "rt_0", &fixtures::of(activity)?, NOW).await?;
    }
    let route = "rt_0".to_owned();
    let letter = UndeliveredEvent { route, event, status: Some(500), error: "e".to_owned(), attempts: 11, at: NOW };
    for kind in [UndeliveredKind::Rejected, UndeliveredKind::DeadLetter] {
        stores.letters.keep(scope, kind, &letter).await?;
    }
    stores.parked.park(scope, "rt_0", "{}".to_owned(), NOW).await?;
    stores.scheduled.schedule(scope, "rt_0", "{}".to_owned(), NOW).await?;
    stores.ordered.create(scope, "rt_1", NOW).await?;
    let mut lease = stores.ordered.lease(scope, "rt_1", NOW).await?.context("a lease")?;
    let (from, to) = (Position::at(NOW), Position::at(NOW).next());
    let progress = json!({
        "cursor": ChunkId::floor(NOW), "lanes": {"k-1": {"from": from, "to": to, "attempt": 2, "not_before": NOW}},
        "probes": 1, "probe_at": NOW,
    });
    lease.progress = fixtures::of(progress)?;
    stores.ordered.release(lease).await?;
    stores.ordered.claim_wakeup(scope, "rt_1", NOW).await?;
    stores.routes.add_failures(scope, "rt_0", 3).await?;
    stores.pace.reserve(scope, "rt_0", Duration::from_secs(1), NOW).await?;
    stores.shares.take(scope, "rt_0", "holder", &Default::default()).await?;
    let limit = Limit { amount: 10, window: Duration::from_secs(60) };
    ensure!(stores.counters.take((&scope.tenant, "events"), 2, limit, NOW).await?.is_ok());
    Ok(())
}

async fn write_pipelines(stores: &Stores, scope: &Scope) -> Result<()> {
    let pipelines = &stores.pipelines;
    pipelines.profiles.create(scope, pipelines.profiles.draft(fixtures::of(fixtures::profile())?)).await?;
    pipelines.mappings.create(scope, pipelines.mappings.draft(fixtures::of(fixtures::mapping())?)).await?;
    pipelines.instances.create(scope, pipelines.instances.draft(fixtures::of(fixtures::instance())?)).await?;
    pipelines.schedules.create(scope, pipelines.schedules.draft(fixtures::of(fixtures::schedule())?)).await?;
    pipelines.directory.note(scope, "ins_1").await?;
    let due = json!({"scope": fixtures::scope(), "schedule": "sch_1", "next": NOW, "last": NOW, "last_run": "sync_0"});
    pipelines.dues.set(&fixtures::of(due)?).await?;
    pipelines.cursors.set(scope, ("ins_1", "order"), "c", "sync_0").await?;
    for run in fixtures::runs() {
        pipelines.runs.create(scope, &fixtures::of(run)?).await?;
    }
    pipelines.runs.claim(scope, "hook", "sync_1").await?;
    pipelines.letters.add(scope, &fixtures::of(fixtures::letter())?).await?;
    pipelines.payloads.keep(scope, "dl_1", b"{}").await?;
    pipelines.slots.take(scope, ("prf_1", 5), "sync_0", 2).await?;
    pipelines.times.advance(scope, "ins_1#1", NOW).await?;
    Ok(())
}

/// What was read of each family.
#[derive(Default)]
struct Seen(BTreeMap<&'static str, String>);

impl Seen {
    fn json(&mut self, family: &'static str, count: usize, found: &[impl Serialize]) -> Result<()> {
        ensure!(found.len() == count, "{} of {family}", found.len());
        self.0.insert(family, serde_json::to_string(found)?);
        Ok(())
    }

    fn debug(&mut self, family: &'static str, count: usize, found: &[impl Debug]) -> Result<()> {
        ensure!(found.len() == count, "{} of {family}", found.len());
        self.0.insert(family, format!("{found:?}"));
        Ok(())
    }

    fn one(&mut self, family: &'static str, found: Option<impl Debug>) -> Result<()> {
        self.debug(family, 1, found.as_slice())
    }
}

/// Reads one record of each family.
async fn read(stores: &Stores, scope: &Scope) -> Result<BTreeMap<&'static str, String>> {
    let mut seen = Seen::default();
    let tenant: TenantId = scope.tenant.clone();
    seen.json("routes", 4, &stores.routes.list(scope).await?)?;
    seen.json("event types", 1, &stores.event_types.page(scope, None, 10).await?.0)?;
    seen.json("consumers", 1, &stores.consumers.list(scope).await?)?;
    seen.json("partners", 1, &stores.partners.page(scope, None, 10).await?.0)?;
    seen.json("identities", 1, &stores.identities.page(scope, None, 10).await?.0)?;
    seen.json("credentials", 1, &stores.credentials.list(&tenant, CredentialKind::Client).await?)?;
    seen.json("tenants", 1, &stores.tenants.all().await?)?;
    seen.json("exports", 1, &stores.exports.all().await?)?;
    seen.one("stopped at", stores.exports.stopped_at().await?)?;
    seen.one("waiting", Some(stores.exports.waiting(scope, "rt_2").await?))?;
    seen.json("endings", 1, &stores.endings.all().await?)?;
    seen.json("pickups", 1, &stores.pickups.dues().await?)?;
    seen.one("looks", Some(stores.pickups.look(scope, "ptn_1").await?))?;
    seen.json("token keys", 1, &stores.verification_keys.get().await?.keys)?;
    seen.json("log", 1, &stores.log.chunk(scope, ChunkId::floor(NOW)).await?.context("no chunk")?)?;
    seen.one("claims", stores.claims.claimed_by(scope, "evt_1").await?)?;
    ensure!(stores.claims.is_settled(scope, ChunkId::floor(NOW)).await?, "no receipt");
    let other = Place { chunk: ChunkId::floor(NOW).nth(1), before: 0 };
    seen.one("requests", Some(stores.requests.claim(scope, &request(), other, None).await?))?;
    seen.one("answers", Some(stores.answers.reserve(scope, "key", "print".to_owned(), NOW).await?))?;
    seen.json("audit", 1, &stores.audit.page(scope, None, 10).await?)?;
    seen.json(
        "transactions",
        302,
        &stores.transactions.page(scope, &TransactionFilter::default(), None, 500).await?.0,
    )?;
    let dead: Outcome = fixtures::of(fixtures::outcome(2, 3, "dead"))?;
    seen.json("attempts", 1, &stores.transactions.attempts(scope, &dead.id()).await?)?;
    seen.one("documents", stores.documents.get(scope, "doc_1").await?)?;
    seen.one("messages", stores.documents.known_by(scope, KnownBy::Received("p-1", "<1@them>")).await?)?;
    seen.one("receipts", stores.documents.known_by(scope, KnownBy::Sent("1@sluice")).await?)?;
    seen.one("receipt runs", stores.runs.get(scope, "run_2").await?)?;
    seen.one("runs", stores.runs.get(scope, "run_1").await?)?;
    seen.json("journal", fixtures::activities().len(), &stores.journal.entries(scope, "rt_0").await?)?;
    seen.json("rejected", 1, &stores.letters.newest(scope, UndeliveredKind::Rejected, "rt_0").await?)?;
    seen.one("dead", stores.letters.of_event(scope, UndeliveredKind::DeadLetter, "rt_0", "evt_1").await?)?;
    seen.debug("parked", 1, &stores.parked.oldest(scope, "rt_0").await?)?;
    seen.debug("scheduled", 1, &stores.scheduled.due(scope, "rt_0", NOW).await?)?;
    seen.json("wake-ups", 1, &stores.scheduled.wake_ups().await?)?;
    seen.one("ordered", stores.ordered.progress(scope, "rt_1").await?)?;
    seen.one("failures", Some(stores.routes.failures(scope, "rt_0").await?))?;
    let pipelines = &stores.pipelines;
    seen.json("profiles", 1, &pipelines.profiles.list(scope).await?)?;
    seen.json("mappings", 1, &pipelines.mappings.list(scope).await?)?;
    seen.json("instances", 1, &pipelines.instances.list(scope).await?)?;
    seen.json("schedules", 1, &pipelines.schedules.list(scope).await?)?;
    seen.one("directory", pipelines.directory.owner("ins_1").await?)?;
    seen.json("dues", 1, &pipelines.dues.all().await?)?;
    seen.one("cursors", pipelines.cursors.get(scope, "ins_1", "order").await?)?;
    seen.json("sync runs", 4, &pipelines.runs.page(scope, &RunFilter::default(), (0, 10)).await?.items)?;
    seen.one("webhooks", Some(pipelines.runs.claim(scope, "hook", "sync_9").await?))?;
    seen.json("letters", 1, &pipelines.letters.page(scope, &LetterFilter::default(), (0, 10)).await?.items)?;
    seen.one("payloads", pipelines.payloads.get(scope, "dl_1").await?)?;
    // Two of five are taken.
    seen.one("slots", Some(pipelines.slots.take(scope, ("prf_1", 5), "sync_9", 9).await?))?;
    Ok(seen.0)
}

fn to_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::B(bytes) => json!({"B": BASE64.encode(bytes.as_ref())}),
        AttributeValue::M(map) => {
            json!({"M": map.iter().map(|(name, value)| (name.clone(), to_json(value))).collect::<BTreeMap<_, _>>()})
        }
        AttributeValue::L(list) => json!({"L": list.iter().map(to_json).collect::<Vec<_>>()}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::Bool(yes) => json!({"BOOL": yes}),
        AttributeValue::Null(_) => json!({"NULL": true}),
        other => json!(format!("{other:?}")),
    }
}

fn from_json(value: &Value) -> Result<AttributeValue> {
    let (kind, value) = value.as_object().and_then(|value| value.iter().next()).context("an attribute")?;
    let text = || value.as_str().map(str::to_owned).context("a text");
    Ok(match kind.as_str() {
        "B" => AttributeValue::B(Blob::new(BASE64.decode(text()?)?)),
        "M" => AttributeValue::M(item_of(value)?),
        "L" => AttributeValue::L(value.as_array().context("a list")?.iter().map(from_json).collect::<Result<_>>()?),
        "N" => AttributeValue::N(text()?),
        "S" => AttributeValue::S(text()?),
        "BOOL" => AttributeValue::Bool(value.as_bool().context("a truth value")?),
        "NULL" => AttributeValue::Null(true),
        other => anyhow::bail!("{other} is unknown"),
    })
}

fn item_of(value: &Value) -> Result<Item> {
    let attributes = value.as_object().context("an item")?.iter();
    attributes.map(|(name, value)| Ok((name.clone(), from_json(value)?))).collect()
}

fn tables(store: &Store) -> [(&'static str, &str); 3] {
    [("events", &store.tables.events), ("config", &store.tables.config), ("activity", &store.tables.activity)]
}

/// Every item there is, by its table and key.
async fn dump(store: &Store) -> Result<Value> {
    let mut all = Map::new();
    for (name, table) in tables(store) {
        let mut items = store.client.scan().table_name(table).into_paginator().items().send();
        while let Some(item) = items.try_next().await? {
            let key = |part: &str| item.get(part).and_then(|key| key.as_s().ok()).cloned().unwrap_or_default();
            let attributes: BTreeMap<_, _> = item.iter().map(|(name, value)| (name.clone(), to_json(value))).collect();
            all.insert(format!("{name} {} {}", key("pk"), key("sk")), json!(attributes));
        }
    }
    all.sort_keys();
    Ok(all.into())
}

#[tokio::test]
async fn records_are_written_as_the_last_release_wrote_them() -> Result<()> {
    let (store, scope) = (Store::start().await?, scope()?);
    write(&stores(&store)?, &scope).await?;
    let written = dump(&store).await?;
    store.servers.stop().await;
    expect_newest("records.json", &written)
}

#[tokio::test]
async fn the_records_of_every_release_are_read() -> Result<()> {
    let (store, scope) = (Store::start().await?, scope()?);
    write(&stores(&store)?, &scope).await?;
    let mut read_now = Some(read(&stores(&store)?, &scope).await?);
    store.servers.stop().await;
    for (release, records) in releases("records.json")?.into_iter().rev() {
        let store = Store::start().await?;
        for (key, item) in records.as_object().context("records")? {
            let tables = BTreeMap::from(tables(&store));
            let table = key.split(' ').next().and_then(|name| tables.get(name)).context("a table")?;
            store.client.put_item().table_name(*table).set_item(Some(item_of(item)?)).send().await?;
        }
        let found = read(&stores(&store)?, &scope).await.context(release)?;
        // Of older ones it is enough that they are read.
        if let Some(now) = read_now.take() {
            for (family, text) in now {
                ensure!(found.get(family) == Some(&text), "{family}: {text}\n{:?}", found.get(family));
            }
        }
        store.servers.stop().await;
    }
    Ok(())
}
