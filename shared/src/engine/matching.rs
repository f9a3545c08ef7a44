//! Matching: which of some routes ask for which of some events.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::EngineError;
use crate::domain::event::Event;
use crate::domain::expression::{self, Facts};
use crate::store::routes::Compiled;

/// An event and the places of the routes that ask for it.
pub(super) type Match = (Event, Vec<usize>);

/// Matches a chunk's events against routes; gives every event, in order. Expressions are evaluated on a thread of
/// their own: over large payloads they take a while, and the runtime has other things to do.
///
/// # Errors
/// [`EngineError::Interrupted`] where there is no thread to be had.
pub(super) async fn matching(events: Vec<Event>, routes: Vec<Arc<Compiled>>) -> Result<Vec<Match>, EngineError> {
    if !routes.iter().any(|compiled| compiled.filter.reads_content()) {
        return Ok(match_all(events, &routes));
    }
    let (answer, matched) = oneshot::channel();
    let work = move || drop(answer.send(match_all(events, &routes)));
    expression::spawn(work).map_err(|_| EngineError::Interrupted)?;
    matched.await.map_err(|_| EngineError::Interrupted)
}

fn match_all(events: Vec<Event>, routes: &[Arc<Compiled>]) -> Vec<Match> {
    let places = |event: &Event| {
        let facts = Facts::of(event);
        (0..routes.len()).filter(|place| routes[*place].filter.matches(&facts)).collect()
    };
    events.into_iter().map(|event| (places(&event), event)).map(|(places, event)| (event, places)).collect()
}
