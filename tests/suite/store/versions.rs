//! Records of a later version, as a rollback finds them: each is left out alone.

use std::convert::identity;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aws_lambda_events::event::sqs::SqsEvent;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use sluice::app::{App, Keys};
use sluice::deadline::Deadline;
use sluice::domain::export::Cursor;
use sluice::domain::pipeline::dead_letter::{DeadLetter, LetterFilter};
use sluice::domain::route::Route;
use sluice::domain::transaction::{Outcome, TransactionFilter};
use sluice::ports::Ports;
use sluice::store::documents::Blobs;
use sluice::store::pipelines::RunFilter;
use sluice::store::{Retention, StoreError, Stores};
use sluice_local::system::local_settings;
use sluice_workers::Worker;

use super::{Store, scope};
use crate::golden::fixtures::{self, of};
use crate::golden::messages;

impl Store {
    /// Makes a record one of version 99.
    async fn raise(&self, table: &str, (pk, sk): (&str, &str)) -> Result<()> {
        let update = self.client.update_item().table_name(table);
        let update = update.key("pk", AttributeValue::S(pk.to_owned())).key("sk", AttributeValue::S(sk.to_owned()));
        let update = update.update_expression("SET v = :v").condition_expression("v = :one");
        let update = update.expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        update.expression_attribute_values(":v", AttributeValue::N("99".to_owned())).send().await?;
        Ok(())
    }

    fn stores(&self) -> Stores {
        let month = Duration::from_secs(31 * 86_400);
        let (s3, bucket) = (self.clients.s3.clone(), self.resources.documents.clone());
        let blobs = Blobs::new(s3, bucket, self.keys.clone(), Ports::system());
        Stores::new(&self.db, blobs, &self.keys, Retention { log: month, transactions: month, documents: month })
    }
}

#[tokio::test]
async fn lists_of_configurations_leave_it_out_alone() -> Result<()> {
    let (store, scope) = (Store::start().await?, scope()?);
    let stores = store.stores();
    for route in fixtures::routes() {
        stores.routes.create(&scope, &of(route)?, 10).await?;
    }
    for name in ["a.a", "b.b"] {
        let mut value = fixtures::event_type();
        value["name"] = name.into();
        stores.event_types.put(&scope, &mut of(value)?).await?;
    }
    for route in ["rt_1", "rt_2"] {
        let cursor = Cursor { route: route.to_owned(), ..of(fixtures::export())? };
        stores.exports.create(&cursor).await?;
    }
    let config = &store.tables.config;
    store.raise(config, ("acme#p#routes", "subscription#r-1")).await?;
    store.raise(config, ("acme#p#event_types", "type#a.a")).await?;
    store.raise(config, ("exports", "acme#p#rt_1")).await?;

    let stores = store.stores();
    let routes: Vec<String> = stores.routes.list(&scope).await?.into_iter().map(|route: Route| route.uid).collect();
    ensure!(routes == ["rt_3", "rt_0", "rt_2"], "{routes:?}");
    // What is for it waits: it may not be gone.
    let snapshot = stores.routes.snapshot(&scope).await?;
    ensure!(snapshot.by_uid("rt_1").is_none() && snapshot.gone::<StoreError>().is_err());
    let (types, _) = stores.event_types.page(&scope, None, 10).await?;
    ensure!(types.len() == 1 && types[0].name == "b.b", "{types:?}");
    ensure!(matches!(stores.event_types.get(&scope, "a.a").await, Err(StoreError::Malformed(_))));
    let exports = stores.exports.all().await?;
    ensure!(exports.len() == 1 && exports[0].route == "rt_2", "{exports:?}");
    store.servers.stop().await;
    Ok(())
}

#[tokio::test]
async fn lists_of_activity_leave_it_out_alone() -> Result<()> {
    let (store, scope) = (Store::start().await?, scope()?);
    let stores = store.stores();
    let outcome = |n, status: &str, attempt| of::<Outcome>(fixtures::outcome(n, attempt, status));
    for n in [1, 2] {
        stores.transactions.record(&scope, vec![outcome(n, "delivered", 1)?]).await?;
        stores.transactions.record(&scope, vec![outcome(10 + n, "dead", 3)?]).await?;
        let id = format!("dl_{n}");
        stores.pipelines.letters.add(&scope, &DeadLetter { id, ..of(fixtures::letter())? }).await?;
    }
    for run in fixtures::runs() {
        stores.pipelines.runs.create(&scope, &of(run)?).await?;
    }
    let (activity, hidden) = (&store.tables.activity, outcome(11, "dead", 3)?.id());
    let headers = store.client.query().table_name(activity).key_condition_expression("pk = :pk");
    let headers = headers.expression_attribute_values(":pk", AttributeValue::S("acme#p#deliveries".to_owned()));
    let header = headers.send().await?.items()[0]["sk"].as_s().cloned().unwrap_or_default();
    store.raise(activity, ("acme#p#deliveries", &header)).await?;
    store.raise(activity, ("acme#p#failures", &format!("{:013}#{hidden}", hidden.logged_at.0))).await?;
    store.raise(activity, ("acme#p#sync_letters", "dl_1")).await?;
    store.raise(activity, ("acme#p#sync_runs", "sync_2")).await?;

    let (page, _) = stores.transactions.page(&scope, &TransactionFilter::default(), None, 10).await?;
    let mut events: Vec<&str> = page.iter().map(|outcome| outcome.event.as_str()).collect();
    events.sort_unstable();
    ensure!(events == ["evt_12", "evt_2"], "{events:?}");
    // Each of the others is found, and what is not found is not called missing.
    ensure!(stores.transactions.find(&scope, &page[0].id()).await?.is_some());
    ensure!(stores.transactions.find(&scope, &page[1].id()).await?.is_some());
    for gone in [hidden, outcome(1, "delivered", 1)?.id()] {
        let found = stores.transactions.find(&scope, &gone).await;
        ensure!(matches!(found, Err(StoreError::Malformed(_))), "{found:?}");
    }
    let letters = stores.pipelines.letters.page(&scope, &LetterFilter::default(), (0, 10)).await?;
    ensure!(letters.total == 1 && letters.items[0].id == "dl_2", "{letters:?}");
    let runs = stores.pipelines.runs.page(&scope, &RunFilter::default(), (0, 10)).await?;
    let runs: Vec<&str> = runs.items.iter().map(|run| run.id.as_str()).collect();
    ensure!(runs == ["sync_3", "sync_1", "sync_0"], "{runs:?}");
    store.servers.stop().await;
    Ok(())
}

/// SQS gives a message again that is named as failed: a worker of the later release may get it then.
#[tokio::test]
async fn a_message_of_a_later_version_is_not_taken() -> Result<()> {
    let (store, scope) = (Store::start().await?, scope()?);
    let keys = Keys { secrets: store.keys.clone(), tokens: None };
    let (clients, resources) = (&store.clients, store.resources.clone());
    let app = App::new(clients, resources, local_settings(&[])?, keys, Ports::system(), identity)?;
    for (name, mut message) in messages::all(&scope)? {
        let worker = Worker::named(name.split(' ').next().unwrap_or_default()).context("a worker")?;
        message["v"] = 99.into();
        let record = json!({"messageId": name, "receiptHandle": "r", "body": message.to_string(), "attributes": {}});
        let event: SqsEvent = serde_json::from_value(json!({"Records": [record]}))?;
        let response = worker.run(&app, &event, Deadline::after(Duration::from_secs(10))).await;
        let failed: Vec<&str> = response.batch_item_failures.iter().map(|one| one.item_identifier.as_str()).collect();
        ensure!(failed == [name.as_str()], "{name}: {failed:?}");
    }
    store.servers.stop().await;
    Ok(())
}
