//! Dispatch: matches chunks against their scope's routes and hands what matches to the routes' ways.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::EngineError;
use super::edges::Views;
use super::matching::matching;
use super::messages::{DispatchMessage, Packed};
use super::ways::{Matched, Ways};
use crate::domain::chunk;
use crate::domain::event::Event;
use crate::domain::route::{Route, Way};
use crate::domain::scope::Scope;
use crate::queue;
use crate::store::log::EventLog;
use crate::store::routes::Routes;

/// Dispatches chunks.
#[derive(Clone)]
pub struct Dispatcher {
    pub(crate) routes: Routes,
    pub(crate) log: EventLog,
    pub(crate) ways: Ways,
    pub(crate) views: Views,
}

/// The matches, by the route's uid: its way and what it gets.
type Matches = HashMap<String, (Way, Matched)>;

impl Dispatcher {
    /// Dispatches the messages of one worker call; gives the places of those that failed.
    pub async fn run(&self, messages: &[String]) -> Vec<usize> {
        let mut by_scope: HashMap<Scope, Vec<(usize, DispatchMessage)>> = HashMap::new();
        let mut failed = Vec::new();
        for (place, text) in messages.iter().enumerate() {
            match queue::read::<DispatchMessage>(text) {
                Ok(message) => by_scope.entry(message.scope.clone()).or_default().push((place, message)),
                Err(error) => {
                    tracing::error!(%error, "a dispatch message cannot be read");
                    failed.push(place);
                }
            }
        }
        for (scope, group) in by_scope {
            let places: Vec<usize> = group.iter().map(|(place, _)| *place).collect();
            if let Err(error) = self.dispatch(&scope, group).await {
                tracing::error!(%scope, %error, "dispatch failed");
                failed.extend(places);
            }
        }
        failed
    }

    async fn dispatch(&self, scope: &Scope, group: Vec<(usize, DispatchMessage)>) -> Result<(), EngineError> {
        let mut by_way: HashMap<Way, Vec<Matched>> = HashMap::new();
        for (way, matched) in self.matches(scope, group).await?.into_values() {
            by_way.entry(way).or_default().push(matched);
        }
        for (way, matches) in by_way {
            self.ways.of(way).matched(scope, matches).await?;
        }
        Ok(())
    }

    async fn matches(&self, scope: &Scope, group: Vec<(usize, DispatchMessage)>) -> Result<Matches, EngineError> {
        let mut matches = Matches::new();
        for (_, message) in group {
            let at = message.chunk.at();
            let snapshot = self.routes.as_of(scope, at, self.views.matching).await?;
            let live: Vec<_> =
                snapshot.entries.iter().filter(|compiled| compiled.route.takes_live(at)).cloned().collect();
            if live.is_empty() {
                continue;
            }
            let (events, encoded) = self.events(scope, message).await?;
            let mut asked: Vec<Vec<Arc<Event>>> = vec![Vec::new(); live.len()];
            let all = events.len();
            for (event, places) in matching(events, live.clone()).await? {
                let event = Arc::new(event);
                for place in places {
                    asked[place].push(Arc::clone(&event));
                }
            }
            for (compiled, events) in live.iter().zip(asked).filter(|(_, events)| !events.is_empty()) {
                let encoded = encoded.as_ref().filter(|_| events.len() == all);
                add(&mut matches, &compiled.route, events, encoded);
            }
        }
        Ok(matches)
    }

    /// The events of a message, and as they were carried if they were.
    async fn events(
        &self,
        scope: &Scope,
        message: DispatchMessage,
    ) -> Result<(Vec<Event>, Option<Packed>), EngineError> {
        if let Some(body) = message.body {
            return Ok((chunk::decode(&body.0)?, Some(body)));
        }
        // The message is sent only after the chunk is in the log: one that is not there has outlived its retention.
        Ok((self.log.chunk(scope, message.chunk).await?.unwrap_or_default(), None))
    }
}

/// Adds what one chunk has for a route; `encoded` is the chunk, where that is all of it.
fn add(matches: &mut Matches, route: &Route, events: Vec<Arc<Event>>, encoded: Option<&Packed>) {
    match matches.entry(route.uid.clone()) {
        Entry::Vacant(first) => {
            let encoded = encoded.cloned();
            first.insert((route.way, Matched { route: route.uid.clone(), events, encoded }));
        }
        Entry::Occupied(mut earlier) => {
            let (_, matched) = earlier.get_mut();
            matched.events.extend(events);
            matched.encoded = None;
        }
    }
}
