//! What runs were given to work on, and the records of dead letters: sealed, in as many items as it takes.

use serde::{Deserialize, Serialize};

use super::KEPT;
use crate::domain::chunk;
use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;
use crate::domain::sealed::Sealed;
use crate::secrets::Keyring;
use crate::store::catalogue::unopenable;
use crate::store::{Db, Key, StoreError};

/// The most that is kept of one subject.
pub const MAX_PAYLOAD_BYTES: usize = 4 * 1024 * 1024;
/// The most bytes of one item: the database takes 400 KB.
const PIECE: usize = 300 * 1024;

/// An item.
#[derive(Serialize, Deserialize)]
struct Piece {
    piece: String,
    count: usize,
    expires_at: i64,
}

/// The payloads of every scope.
#[derive(Clone)]
pub struct Payloads {
    db: Db,
    keys: Keyring,
}

fn key(scope: &Scope, subject: &str, place: usize) -> Key {
    Key::new(&scope.partition(ScopeFamily::SyncPayloads), format!("{subject}#{place:03}"))
}

/// A piece of an ASCII text.
fn text(piece: &[u8]) -> String {
    String::from_utf8_lossy(piece).into_owned()
}

fn malformed(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Malformed(error.to_string())
}

impl Payloads {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db, keys: Keyring) -> Self {
        Self { db, keys }
    }

    /// Keeps the payload of a run or dead letter: at most [`MAX_PAYLOAD_BYTES`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep(&self, scope: &Scope, subject: &str, payload: &[u8]) -> Result<(), StoreError> {
        let compressed = chunk::compress(payload).map_err(|error| malformed(&error))?;
        let sealed = self.keys.seal(scope, compressed, &self.db.ports).map_err(unopenable)?;
        let expires_at = self.db.ports.now().plus(KEPT).as_secs();
        let pieces: Vec<String> = sealed.text().as_bytes().chunks(PIECE).map(text).collect();
        let count = pieces.len();
        for (place, piece) in pieces.into_iter().enumerate() {
            let piece = Piece { piece, count, expires_at };
            self.db.put(&self.db.tables.activity, &key(scope, subject, place), &piece).await?;
        }
        Ok(())
    }

    /// A payload.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, scope: &Scope, subject: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (mut sealed, mut place) = (String::new(), 0);
        loop {
            let piece: Option<Piece> = self.db.get(&self.db.tables.activity, &key(scope, subject, place)).await?;
            let Some(piece) = piece else { return Ok(None) };
            sealed.push_str(&piece.piece);
            place += 1;
            if place >= piece.count {
                break;
            }
        }
        let compressed = self.keys.open_bytes(scope, &Sealed::new(sealed)).map_err(unopenable)?;
        chunk::decompress(&compressed, MAX_PAYLOAD_BYTES).map(Some).map_err(|error| malformed(&error))
    }

    /// Forgets those of a scope that is given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        self.db.clear(&self.db.tables.activity, &scope.partition(ScopeFamily::SyncPayloads)).await
    }
}
