//! Every kind of message.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sluice::domain::chunk::encode;
use sluice::domain::ids::ChunkId;
use sluice::domain::scope::Scope;
use sluice::engine::messages::{
    Contents, DeliverMessage, Delivery, DispatchMessage, Events, ExportMessage, Packed, Recipient, ReplayMessage,
    RunMessage, Step, SyncMessage, Task,
};
use sluice::queue::{self, Outgoing, Unreadable};

use super::{NOW, expect_newest, fixtures, releases};
use crate::store::scope;

/// What is written of a message; that it can be read is checked.
fn written<T: Serialize + DeserializeOwned>(message: &T) -> Result<Value> {
    let text = Outgoing::json(message, Duration::ZERO)?.body;
    ensure!(again::<T>(&text)? == text, "{text}");
    Ok(serde_json::from_str(&text)?)
}

/// Reads a message and writes it again.
fn again<T: Serialize + DeserializeOwned>(text: &str) -> Result<String> {
    Ok(Outgoing::json(&queue::read::<T>(text)?, Duration::ZERO)?.body)
}

fn deliver(to: &Recipient, task: Task) -> Result<Value> {
    written(&DeliverMessage { to: to.clone(), not_before: Some(NOW), task })
}

/// Every kind of message, by the name of its worker.
pub(crate) fn all(scope: &Scope) -> Result<Map<String, Value>> {
    let chunk = ChunkId::floor(NOW);
    let body = Packed(encode(&[fixtures::event()?])?);
    let to = Recipient::new(scope, "rt_1");
    let run = || "run_1".to_owned();
    let mut messages = Map::new();
    let mut add = |name: &str, message| messages.insert(name.to_owned(), message);
    let contents = Contents::of(&[fixtures::event()?]);
    let dispatch = |body, contents| DispatchMessage { scope: scope.clone(), chunk, body, contents };
    add("dispatch", written(&dispatch(Some(body.clone()), contents))?);
    add("dispatch unlisted", written(&dispatch(Some(body.clone()), None))?);
    add("dispatch logged", written(&dispatch(None, None))?);
    let whole = Task::Deliver { delivery: Delivery::fresh(), events: Events::Chunk { id: chunk } };
    add("deliver chunk", deliver(&to, whole)?);
    add("deliver wake", deliver(&to, Task::Wake)?);
    add("deliver check_promise", deliver(&to, Task::CheckPromise { transaction: "txn_1".to_owned() })?);
    add("deliver check_waiting", deliver(&to, Task::CheckWaiting { from: chunk })?);
    add("deliver send_receipt", deliver(&to, Task::SendReceipt { document: "doc_1".to_owned(), attempt: 2 })?);
    for (name, step) in [
        ("fresh", Step::Fresh),
        ("stretch", Step::Stretch { number: 7 }),
        ("retry", Step::Retry { attempt: 3 }),
        ("probe", Step::Probe { number: 1, attempt: 2 }),
    ] {
        let delivery = Delivery { step, replay: true, reserved_at: Some(NOW) };
        let events = Events::Inline(body.clone());
        add(&format!("deliver {name}"), deliver(&to, Task::Deliver { delivery, events })?);
    }
    let events = Events::Logged { id: "evt_1".to_owned() };
    add("deliver logged", deliver(&to, Task::Deliver { delivery: Delivery::fresh(), events })?);
    add("export", written::<ExportMessage>(&to)?);
    add("replay", written(&ReplayMessage { to, after: Some(7) })?);
    add("automate", written(&RunMessage { scope: scope.clone(), run: run(), sent_at: NOW })?);
    add("sync run", written(&SyncMessage::Run { scope: scope.clone(), run: run(), sent_at: NOW })?);
    add("sync due", written(&SyncMessage::Due { scope: scope.clone(), schedule: "sch_1".to_owned(), at: NOW })?);
    add("sync pickup", written(&SyncMessage::Pickup { scope: scope.clone(), uid: "ptn_1".to_owned(), at: NOW })?);
    Ok(messages)
}

#[test]
fn messages_are_written_as_the_last_release_wrote_them() -> Result<()> {
    expect_newest("messages.json", &all(&scope()?)?.into())
}

#[test]
fn the_messages_of_every_release_are_read() -> Result<()> {
    for (release, messages) in releases("messages.json")? {
        for (name, message) in messages.as_object().context("messages")? {
            let text = message.to_string();
            let read = match name.split(' ').next().unwrap_or_default() {
                "dispatch" => again::<DispatchMessage>(&text),
                "deliver" => again::<DeliverMessage>(&text),
                "export" => again::<ExportMessage>(&text),
                "replay" => again::<ReplayMessage>(&text),
                "automate" => again::<RunMessage>(&text),
                "sync" => again::<SyncMessage>(&text),
                other => anyhow::bail!("{other} is unknown"),
            };
            read.with_context(|| format!("{release}: {name}"))?;
        }
    }
    Ok(())
}

#[test]
fn a_later_version_is_refused_and_none_is_the_first() -> Result<()> {
    for (_, mut message) in all(&scope()?)? {
        message["v"] = 99.into();
        let refused = queue::read::<Value>(&message.to_string());
        ensure!(matches!(refused, Err(Unreadable::Newer(99))), "{refused:?}");
        message.as_object_mut().context("an object")?.remove("v");
        queue::read::<Value>(&message.to_string())?;
    }
    Ok(())
}
