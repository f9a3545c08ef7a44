//! Why the engine could not do what it was asked.

use crate::outbound::PrepareError;
use crate::queue::{QueueError, Unreadable};
use crate::secrets::KeyError;
use crate::store::StoreError;

/// Why the engine could not do what it was asked. Its text is for the operator's log, never for a caller.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A stored secret.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A chunk.
    #[error(transparent)]
    Chunk(#[from] crate::domain::chunk::Unreadable),
    /// A stored destination.
    #[error(transparent)]
    Destination(#[from] PrepareError),
    /// A route exports to a kind of destination that takes no files.
    #[error("the route's destination takes no files")]
    NoFiles,
    /// The log was not written in time.
    #[error("the log was not written in time")]
    TooSlow,
    /// An idempotency key that stands for a request with another body.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// Another part of the process went away in the middle.
    #[error("interrupted")]
    Interrupted,
    /// A message that is not what the worker expects.
    #[error(transparent)]
    Message(#[from] Unreadable),
}

impl EngineError {
    /// Whether the disk is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Store(StoreError::Full) | Self::Queue(QueueError::Full))
    }
}
