//! Dispatch: matches chunks against their scope's routes and hands what matches to the routes' ways.

use std::collections::HashMap;
use std::sync::Arc;

use super::EngineError;
use super::edges::Views;
use super::matching::matching;
use super::messages::{DispatchMessage, Packed};
use super::ways::{Matched, Ways};
use crate::domain::chunk;
use crate::domain::event::Event;
use crate::domain::route::Way;
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

/// The matches, by the route's uid: its way and its events.
type Matches = HashMap<String, (Way, Vec<Arc<Event>>)>;

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
        for (route, (way, events)) in self.matches(scope, group).await? {
            by_way.entry(way).or_default().push(Matched { route, events });
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
            let events = self.events(scope, message).await?;
            for (event, places) in matching(events, live.clone()).await? {
                let event = Arc::new(event);
                for route in places.into_iter().map(|place| &live[place].route) {
                    let taken = matches.entry(route.uid.clone()).or_insert_with(|| (route.way, Vec::new()));
                    taken.1.push(Arc::clone(&event));
                }
            }
        }
        Ok(matches)
    }

    async fn events(&self, scope: &Scope, message: DispatchMessage) -> Result<Vec<Event>, EngineError> {
        if let Some(Packed(body)) = message.body {
            return Ok(chunk::decode(&body)?);
        }
        // The message is sent only after the chunk is in the log: one that is not there has outlived its retention.
        Ok(self.log.chunk(scope, message.chunk).await?.unwrap_or_default())
    }
}
