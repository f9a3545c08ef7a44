//! Matching: which of some routes ask for which of some events.

use std::sync::Arc;

use super::EngineError;
use crate::deep;
use crate::domain::event::Event;
use crate::domain::expression::Facts;
use crate::store::routes::Compiled;

/// An event and the places of the routes that ask for it.
pub(super) type Match = (Event, Vec<usize>);

/// Matches a chunk's events against routes; gives every event, in order. Expressions are evaluated on a thread of
/// their own.
///
/// # Errors
/// [`EngineError::Interrupted`] where there is no thread to be had.
pub(super) async fn matching(events: Vec<Event>, routes: Vec<Arc<Compiled>>) -> Result<Vec<Match>, EngineError> {
    if !routes.iter().any(|compiled| compiled.filter.reads_content()) {
        return Ok(match_all(events, &routes));
    }
    deep::run(move || match_all(events, &routes)).await.map_err(|_| EngineError::Interrupted)
}

/// The events of a chunk that one route asks for, each with its place there.
///
/// # Errors
/// As of [`matching`].
pub(super) async fn asked_for(events: Vec<Event>, route: &Arc<Compiled>) -> Result<Vec<(usize, Event)>, EngineError> {
    let matched = matching(events, vec![Arc::clone(route)]).await?.into_iter().enumerate();
    Ok(matched.filter(|(_, (_, routes))| !routes.is_empty()).map(|(index, (event, _))| (index, event)).collect())
}

fn match_all(events: Vec<Event>, routes: &[Arc<Compiled>]) -> Vec<Match> {
    let places = |event: &Event| {
        let facts = Facts::of(event);
        (0..routes.len()).filter(|place| routes[*place].asks_for(&facts)).collect()
    };
    events.into_iter().map(|event| (places(&event), event)).map(|(places, event)| (event, places)).collect()
}
