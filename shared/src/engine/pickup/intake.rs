//! What makes a fetched file a document.

use async_trait::async_trait;
use bytes::Bytes;

use crate::domain::partner::{ListedFile, Partner};
use crate::domain::scope::Scope;
use crate::engine::EngineError;

/// A file that was fetched from a partner's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundFile {
    /// Follows from the partner, the path, the size, the time and the content: the same file has the same one.
    pub key: String,
    /// The file, as the server listed it.
    pub listed: ListedFile,
    /// The digest of its content.
    pub sha256: [u8; 32],
    /// Its content.
    pub body: Bytes,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is a document now.
    New,
    /// It was one before.
    Known,
}

/// Makes documents of files.
#[async_trait]
pub trait Intake: Send + Sync + 'static {
    /// Returns once the file is durable as a document: then it is deleted at the partner's. A key that came before makes
    /// no second document, whoever calls, however often and in how many processes at once.
    ///
    /// # Errors
    /// [`EngineError`]; the file stays where it is, and comes again.
    async fn take(&self, scope: &Scope, partner: &Partner, file: InboundFile) -> Result<Taken, EngineError>;
}
