//! Dispatch: matches chunks against their scope's routes and hands what matches to the routes' ways.

use std::collections::HashMap;
use std::sync::Arc;

use super::EngineError;
use super::edges::Views;
use super::matching::matching;
use super::messages::{Contents, DispatchMessage, Events, MAX_PACK_EVENTS};
use super::ways::{Matched, Ways};
use crate::domain::chunk;
use crate::domain::event::Event;
use crate::domain::route::{Route, Way};
use crate::domain::scope::Scope;
use crate::queue;
use crate::store::log::EventLog;
use crate::store::routes::{Compiled, Routes};

/// Dispatches chunks.
#[derive(Clone)]
pub struct Dispatcher {
    pub(crate) routes: Routes,
    pub(crate) log: EventLog,
    pub(crate) ways: Ways,
    pub(crate) views: Views,
}

/// A chunk of so many events has a delivery message of its own; smaller ones of one worker call share one.
const LARGE: usize = MAX_PACK_EVENTS / 5;

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
        let mut matches = Matches::default();
        let is_alone = group.len() == 1;
        for (_, message) in group {
            self.add_matches(scope, message, is_alone, &mut matches).await?;
        }
        let mut by_way: HashMap<Way, Vec<Matched>> = HashMap::new();
        for (way, matched) in matches.0.into_values() {
            by_way.entry(way).or_default().push(matched);
        }
        for (way, matches) in by_way {
            self.ways.of(way).matched(scope, matches).await?;
        }
        Ok(())
    }

    async fn add_matches(
        &self,
        scope: &Scope,
        message: DispatchMessage,
        is_alone: bool,
        matches: &mut Matches,
    ) -> Result<(), EngineError> {
        let DispatchMessage { chunk, body, contents, .. } = message;
        let snapshot = self.routes.as_of(scope, chunk.at(), self.views.matching).await?;
        let is_live = |compiled: &&Arc<Compiled>| compiled.route.takes_live(chunk.at());
        let mut live: Vec<_> = snapshot.entries.iter().filter(is_live).cloned().collect();
        let goes_whole = |one: &Contents| one.events <= MAX_PACK_EVENTS && (is_alone || one.events >= LARGE);
        if let Some(contents) = contents.filter(goes_whole) {
            live.retain(|compiled| {
                let asked = contents.all_asked_for(|name| compiled.by_name(name));
                if asked == Some(true) {
                    let matched = matches.of(&compiled.route);
                    matched.bytes += contents.bytes;
                    matched.chunks.push(body.clone().map_or(Events::Chunk { id: chunk }, Events::Inline));
                }
                asked.is_none()
            });
        }
        if live.is_empty() {
            return Ok(());
        }
        // The message is sent only after the chunk is in the log: one that is not there has outlived its retention.
        let events = match body {
            Some(body) => chunk::decode(&body.0)?,
            None => self.log.chunk(scope, chunk).await?.unwrap_or_default(),
        };
        let mut asked: Vec<Vec<Arc<Event>>> = vec![Vec::new(); live.len()];
        for (event, places) in matching(events, live.clone()).await? {
            let event = Arc::new(event);
            for place in places {
                asked[place].push(Arc::clone(&event));
            }
        }
        for (compiled, events) in live.iter().zip(asked).filter(|(_, events)| !events.is_empty()) {
            let matched = matches.of(&compiled.route);
            matched.bytes += events.iter().map(|event| event.payload.get().len()).sum::<usize>();
            matched.events.extend(events);
        }
        Ok(())
    }
}

/// What some chunks have for each route, by its uid.
#[derive(Default)]
struct Matches(HashMap<String, (Way, Matched)>);

impl Matches {
    fn of(&mut self, route: &Route) -> &mut Matched {
        let new = || Matched { route: route.uid.clone(), bytes: 0, chunks: Vec::new(), events: Vec::new() };
        &mut self.0.entry(route.uid.clone()).or_insert_with(|| (route.way, new())).1
    }
}
