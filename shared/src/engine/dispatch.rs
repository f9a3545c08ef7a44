//! Dispatch: matches chunks against their scope's routes and packs what matches into few messages.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::EngineError;
use super::matching::matching;
use crate::app::App;
use crate::domain::chunk::{self, Effort, Pack};
use crate::domain::event::Event;
use crate::domain::scope::Scope;
use crate::queue::{
    DeliverMessage, DispatchMessage, Events, Head, MAX_INLINE_BYTES, Outgoing, Packed, Queue, QueueError,
};
use crate::store::log::EventLog;

/// The most events of one delivery message: what one worker can try within its time.
pub const MAX_PACK_EVENTS: usize = 500;

/// Dispatches the messages of one worker call; gives back which of them failed, by place.
pub async fn run(app: &App, messages: &[String]) -> Vec<usize> {
    let mut by_scope: HashMap<Scope, Vec<(usize, DispatchMessage)>> = HashMap::new();
    let mut failed = Vec::new();
    for (place, text) in messages.iter().enumerate() {
        match serde_json::from_str::<DispatchMessage>(text) {
            Ok(message) => by_scope.entry(message.scope.clone()).or_default().push((place, message)),
            Err(error) => {
                tracing::error!(%error, "a dispatch message cannot be read");
                failed.push(place);
            }
        }
    }
    for (scope, group) in by_scope {
        let places: Vec<usize> = group.iter().map(|(place, _)| *place).collect();
        if let Err(error) = dispatch(app, &scope, group).await {
            tracing::error!(%scope, %error, "dispatch failed");
            failed.extend(places);
        }
    }
    failed
}

async fn dispatch(app: &App, scope: &Scope, group: Vec<(usize, DispatchMessage)>) -> Result<(), EngineError> {
    let matched = matches(app, scope, group).await?;
    let mut messages = Vec::new();
    for (route, events) in matched.deliveries {
        messages.extend(deliver_messages(&Head::first(scope, &route), events, Duration::ZERO)?);
    }
    app.queues.send(Queue::Deliver, messages).await?;
    for route in matched.ordered {
        app.caller.call(scope, &route).await?;
    }
    for (route, bytes) in matched.export_bytes {
        app.exporter.weigh(scope, &route, bytes).await?;
    }
    Ok(())
}

/// What a group of chunks holds for the scope's routes.
#[derive(Default)]
struct Matched {
    /// Events to deliver now, by the uid of an HTTP route.
    deliveries: HashMap<String, Vec<Event>>,
    /// The uids of ordered routes: they read the log themselves.
    ordered: HashSet<String>,
    /// What an export file will grow by, by the uid of an S3 route.
    export_bytes: HashMap<String, u64>,
}

impl Matched {
    /// Hands an event to each of these routes; the last one gets the original.
    fn deliver(&mut self, event: Event, routes: &[&String]) {
        let Some((last, others)) = routes.split_last() else { return };
        for route in others {
            self.deliveries.entry((*route).clone()).or_default().push(event.clone());
        }
        self.deliveries.entry((*last).clone()).or_default().push(event);
    }
}

async fn matches(app: &App, scope: &Scope, group: Vec<(usize, DispatchMessage)>) -> Result<Matched, EngineError> {
    let snapshot = app.routes.snapshot(scope).await?;
    let mut matched = Matched::default();
    for (_, message) in group {
        let at = message.chunk.at();
        let live: Vec<_> = snapshot.routes.iter().filter(|compiled| compiled.route.takes_live(at)).cloned().collect();
        if live.is_empty() {
            continue;
        }
        let events = events(&app.log, scope, message).await?;
        for (event, places) in matching(events, live.clone()).await? {
            let mut takers = Vec::with_capacity(places.len());
            for route in places.into_iter().map(|place| &live[place].route) {
                if route.writes_files() {
                    *matched.export_bytes.entry(route.uid.clone()).or_default() += event.payload.get().len() as u64;
                } else if route.ordering.is_none() {
                    takers.push(&route.uid);
                } else {
                    matched.ordered.insert(route.uid.clone());
                }
            }
            matched.deliver(event, &takers);
        }
    }
    Ok(matched)
}

async fn events(log: &EventLog, scope: &Scope, message: DispatchMessage) -> Result<Vec<Event>, EngineError> {
    if let Some(Packed(body)) = message.body {
        return Ok(chunk::decode(&body)?);
    }
    // The message is sent only after the chunk is in the log: one that is not there has outlived its retention.
    Ok(log.chunk(scope, message.chunk).await?.unwrap_or_default())
}

/// Messages that carry these events to a route, in order.
///
/// # Errors
/// [`EngineError`] where they cannot be encoded.
pub fn deliver_messages(head: &Head, events: Vec<Event>, delay: Duration) -> Result<Vec<Outgoing>, EngineError> {
    let packs = chunk::pack(events, (MAX_PACK_EVENTS, MAX_INLINE_BYTES), Effort::Message)?;
    packs.into_iter().map(|pack| Ok(message(head, pack, delay)?)).collect()
}

/// One message that carries the first of these events, as many as it holds, and how many those are.
///
/// # Errors
/// [`EngineError`] where they cannot be encoded.
pub fn first_message(head: &Head, mut events: Vec<Event>) -> Result<Option<(Outgoing, usize)>, EngineError> {
    events.truncate(MAX_PACK_EVENTS);
    let Some(pack) = chunk::pack(events, (MAX_PACK_EVENTS, MAX_INLINE_BYTES), Effort::Message)?.into_iter().next()
    else {
        return Ok(None);
    };
    let count = pack.0.len();
    Ok(Some((message(head, pack, Duration::ZERO)?, count)))
}

fn message(head: &Head, (events, body): Pack, delay: Duration) -> Result<Outgoing, QueueError> {
    let events = match &events[..] {
        [event] if body.len() > MAX_INLINE_BYTES => Events::Logged { id: event.id.clone() },
        _ => Events::Inline(Packed(body)),
    };
    Outgoing::json(&DeliverMessage { head: head.clone(), events }, delay)
}
