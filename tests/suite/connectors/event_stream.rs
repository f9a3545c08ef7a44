//! The tenant's own events, as a source and as a target.

use anyhow::{Context as _, Result, ensure};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use sluice::connectors::{Ask, Record, Written};
use sluice::domain::value::Value;
use sluice::engine::publish::NewEvent;
use sluice::outbound::TargetPolicy;

use super::fixture::{Destination, Fixture, Manner, Origin, PAGE, RECORDS, scope, source_as, target};
use super::sources::read_from;
use super::targets::write;
use crate::support::{SOON, World, eventually};

/// A system of its own, whose connections belong to the test's runtime.
pub(super) struct Stream {
    world: World,
}

fn event(name: &str, number: usize) -> Result<NewEvent> {
    Ok(NewEvent {
        id: Some(format!("e-{name}-{number}").replace('.', "-")),
        name: name.to_owned(),
        payload: RawValue::from_string(json!({"n": number}).to_string())?,
        published_at: None,
        partner_id: None,
        document_type: None,
        ordering_key: None,
    })
}

impl Stream {
    async fn publish(&self, name: &str, count: usize) -> Result<()> {
        let events = (0..count).map(|number| event(name, number)).collect::<Result<_>>()?;
        let published = self.world.system.app.engine.publisher.publish(&scope()?, events).await;
        published.map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(())
    }

    /// Waits until so many events have settled; gives them.
    async fn settled(&self, query: Json, count: usize) -> Result<Vec<Value>> {
        let extraction = json!({"request": {"path": "/", "query": query}, "sourceId": "$.id"});
        eventually("events that have settled", SOON, async || {
            let source = source_as(self, TargetPolicy::AllowLoopback, "event", extraction.clone()).await?;
            let (records, _) = read_from(source.as_ref(), None).await?;
            Ok((records.len() >= count).then_some(records))
        })
        .await
    }
}

impl Fixture for Stream {
    async fn start(_: Manner) -> Result<Self> {
        let stream = Self { world: World::start(&[]).await? };
        stream.publish("order.created", RECORDS).await?;
        stream.publish("other.event", 5).await?;
        stream.settled(json!({}), RECORDS + 5).await?;
        Ok(stream)
    }

    fn system(&self) -> Json {
        json!({"system": "eventStream"})
    }

    fn requests(&self) -> usize {
        0
    }

    fn world(&self) -> Option<&World> {
        Some(&self.world)
    }
}

impl Origin for Stream {
    const ENTITY: &'static str = "event";

    fn extraction() -> Json {
        json!({
            "request": {"path": "/", "query": {"name": "order.created"}}, "sourceId": "$.id",
            "cursor": {"column": "$.logged_at"},
        })
    }

    fn number(record: &Value) -> Option<usize> {
        record.get("payload")?.get("n")?.to_json().parse().ok()
    }

    fn id(record: &Value) -> Option<String> {
        record.get("id")?.as_str().map(str::to_owned)
    }
}

impl Destination for Stream {
    fn load() -> Json {
        json!({"system": "eventStream", "name": "order.synced", "ordered": true, "documentType": "order"})
    }

    async fn texts(&self) -> Result<Vec<String>> {
        let events = self.settled(json!({"name": "order.synced"}), 12).await?;
        let payload = |event: &Value, name: &str| Some(event.get("payload")?.get(name)?.as_str()?.to_owned());
        let number = |event: &Value| payload(event, "number")?[2..].parse::<usize>().ok();
        let mut events: Vec<(Option<usize>, Option<String>)> =
            events.iter().map(|event| (number(event), payload(event, "text"))).collect();
        events.sort();
        Ok(events.into_iter().filter_map(|(_, text)| text).collect())
    }
}

#[tokio::test]
async fn a_reading_begins_at_its_cursor() -> Result<()> {
    let stream = Stream::start(Manner::Serve).await?;
    let all = stream.settled(json!({"name": "order.created"}), RECORDS).await?;
    let logged_at = all[0].get("logged_at").and_then(Value::as_str).context("a time")?.to_owned();
    let source = source_as(&stream, TargetPolicy::AllowLoopback, "event", Stream::extraction()).await?;
    let read = async |from: &str| {
        let page = source.read(&Ask { from: Some(from), page_size: PAGE, ..Ask::default() }).await?;
        anyhow::Ok(page.records.len())
    };
    // What was logged in that very millisecond is read again.
    ensure!(read(&logged_at).await? == PAGE);
    ensure!(read("2999-01-01T00:00:00Z").await? == 0);
    Ok(())
}

#[tokio::test]
async fn records_that_are_no_events_are_refused_alone() -> Result<()> {
    let stream = Stream { world: World::start(&[]).await? };
    let record = |key: &str, body: Json| Record {
        source_id: key.to_owned(),
        key: Some(key.to_owned()),
        body: Value::from(&body),
    };
    let large = "x".repeat(300_000);
    let records = [
        record("a", json!({"n": 1})),
        record("b", json!([1])),
        record("c", json!({ "large": large })),
        record("a", json!({"n": 2})),
        record(&"k".repeat(300), json!({"n": 3})),
    ];
    let target = target(&stream, TargetPolicy::AllowLoopback).await?;
    let written = write(target.as_ref(), &records).await?;
    ensure!(
        written[0] == Written::Done && written[3] == Written::Done,
        "another content is another event: {written:?}"
    );
    for place in [1, 2, 4] {
        ensure!(matches!(written[place], Written::Refused(_)), "{written:?}");
    }
    ensure!(write(target.as_ref(), &records[..1]).await? == [Written::Unchanged]);
    Ok(())
}
