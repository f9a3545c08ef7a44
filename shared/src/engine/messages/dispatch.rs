//! Messages to `dispatch`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{MAX_INLINE_BYTES, Packed};
use crate::domain::event::Event;
use crate::domain::ids::ChunkId;
use crate::domain::scope::Scope;
use crate::queue::{Outgoing, QueueError};

/// The most names that are listed.
const MAX_NAMES: usize = 32;

/// To `dispatch`: a chunk to be matched against its scope's routes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DispatchMessage {
    /// Whose.
    pub scope: Scope,
    /// Which chunk of the log.
    pub chunk: ChunkId,
    /// The chunk itself, if it is small and the worker does not have it at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Packed>,
    /// What is in a chunk that is carried, or at hand, if few words say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<Contents>,
}

/// What is in a chunk: for routes that ask by name alone, it need not be decoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The number of events.
    pub events: usize,
    /// The size of their payloads.
    pub bytes: usize,
    /// The names that they have.
    pub names: BTreeSet<String>,
}

impl Contents {
    /// What these events are; `None` if they have many names.
    #[must_use]
    pub fn of(events: &[Event]) -> Option<Self> {
        let mut contents = Self { events: events.len(), bytes: 0, names: BTreeSet::new() };
        for event in events {
            contents.bytes += event.payload.get().len();
            if !contents.names.contains(&event.name) {
                if contents.names.len() == MAX_NAMES {
                    return None;
                }
                contents.names.insert(event.name.clone());
            }
        }
        Some(contents)
    }

    /// Whether all of it is asked for, or nothing, by what says that of a name; `None` where it does not say so.
    #[must_use]
    pub fn all_asked_for(&self, asked: impl Fn(&str) -> Option<bool>) -> Option<bool> {
        let mut names = self.names.iter().map(|name| asked(name));
        let first = names.next()??;
        names.all(|one| one == Some(first)).then_some(first)
    }
}

impl DispatchMessage {
    /// The message of a chunk. It carries the body it is given, if that is small: cheaper than reading the log. Without
    /// one, the workers have the chunk at hand.
    ///
    /// # Errors
    /// [`QueueError`] if it cannot be written as JSON.
    pub fn of(
        scope: &Scope,
        chunk: ChunkId,
        body: Option<Vec<u8>>,
        contents: Option<Contents>,
    ) -> Result<Outgoing, QueueError> {
        if body.as_ref().is_some_and(|body| body.len() > MAX_INLINE_BYTES) {
            return Self::logged(scope, chunk);
        }
        Self { scope: scope.clone(), chunk, body: body.map(Packed), contents }.outgoing()
    }

    /// The message of a chunk that is to be read from the log, once for all routes.
    ///
    /// # Errors
    /// [`QueueError`] if it cannot be written as JSON.
    pub fn logged(scope: &Scope, chunk: ChunkId) -> Result<Outgoing, QueueError> {
        Self { scope: scope.clone(), chunk, body: None, contents: None }.outgoing()
    }

    fn outgoing(&self) -> Result<Outgoing, QueueError> {
        Ok(Outgoing::json(self, Duration::ZERO)?.of_group(&self.scope.to_string()))
    }
}
