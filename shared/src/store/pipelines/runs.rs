//! Runs of pipelines, and what they were given to work on.

use serde::{Deserialize, Serialize};

use super::{KEPT, Listed, listed};
use crate::domain::chunk::{self, Effort, MAX_RAW_BYTES};
use crate::domain::partition::ScopeFamily;
use crate::domain::pipeline::run::{Run, Status};
use crate::domain::scope::Scope;
use crate::domain::sealed::Sealed;
use crate::secrets::Keyring;
use crate::store::{Db, Key, StoreError};

/// The longest id that is looked up.
const MAX_ID_BYTES: usize = 100;
/// The most bytes of one item of what a run was given.
const PIECE: usize = 300 * 1024;

#[derive(Serialize)]
struct Record<'a> {
    #[serde(flatten)]
    run: &'a Run,
    expires_at: i64,
}

/// A part of what a run was given: an item has 400 KB at most.
#[derive(Serialize, Deserialize)]
struct Piece {
    piece: String,
    count: usize,
    expires_at: i64,
}

#[derive(Deserialize)]
struct Facts {
    id: String,
    instance: String,
    entity_type: String,
    status: Status,
}

/// Which runs are listed. What is missing sets no limit.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Of this instance.
    pub instance: Option<String>,
    /// Of this entity type.
    pub entity_type: Option<String>,
    /// In this state.
    pub status: Option<Status>,
}

/// The runs of every scope.
#[derive(Clone)]
pub struct SyncRuns {
    db: Db,
    keys: Keyring,
}

fn key(scope: &Scope, id: &str) -> Key {
    Key::new(&scope.partition(ScopeFamily::SyncRuns), id)
}

fn piece_key(scope: &Scope, id: &str, place: usize) -> Key {
    Key::new(&scope.partition(ScopeFamily::SyncPayloads), format!("{id}#{place:03}"))
}

/// A piece of an ASCII text.
fn text(piece: &[u8]) -> String {
    String::from_utf8_lossy(piece).into_owned()
}

fn malformed(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Malformed(error.to_string())
}

impl SyncRuns {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db, keys: Keyring) -> Self {
        Self { db, keys }
    }

    /// Adds a run.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is one of that id.
    pub async fn create(&self, scope: &Scope, run: &Run) -> Result<(), StoreError> {
        self.db.create(&self.db.tables.activity, &key(scope, &run.id), &record(run)).await
    }

    /// A run.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, scope: &Scope, id: &str) -> Result<Option<Run>, StoreError> {
        if !(1..=MAX_ID_BYTES).contains(&id.len()) {
            return Ok(None);
        }
        self.db.get(&self.db.tables.activity, &key(scope, id)).await
    }

    /// Writes a run, if it is as it was read.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it was changed in between.
    pub async fn update(&self, scope: &Scope, run: &mut Run) -> Result<(), StoreError> {
        let read = run.revision;
        run.revision += 1;
        run.updated_at = self.db.ports.now();
        let written = self.db.replace(&self.db.tables.activity, &key(scope, &run.id), &record(run), read).await;
        if written.is_err() {
            run.revision = read;
        }
        written
    }

    /// A page of the runs that are asked for, the newest first; pages count from 0.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn page(
        &self,
        scope: &Scope,
        filter: &RunFilter,
        (page, size): (usize, usize),
    ) -> Result<Listed<Run>, StoreError> {
        let projection = ("id, instance, entity_type, #status", &[("#status", "status")][..]);
        let asked = |facts: &Facts| {
            filter.instance.as_ref().is_none_or(|instance| *instance == facts.instance)
                && filter.entity_type.as_ref().is_none_or(|entity| *entity == facts.entity_type)
                && filter.status.is_none_or(|status| status == facts.status)
        };
        let found = listed::newest(&self.db, scope, ScopeFamily::SyncRuns, projection, asked).await?;
        let total = found.len();
        let ids = found.into_iter().map(|facts| facts.id).skip(page.saturating_mul(size)).take(size);
        Ok(Listed { items: listed::page(&self.db, scope, ScopeFamily::SyncRuns, ids).await?, total })
    }

    /// Keeps what a run is given to work on, in as many items as it takes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep(&self, scope: &Scope, id: &str, payload: &[u8]) -> Result<(), StoreError> {
        let compressed = chunk::compress(payload, Effort::Log).map_err(|error| malformed(&error))?;
        let sealed = self.keys.seal(scope, compressed, &self.db.ports).map_err(|error| malformed(&error))?;
        let expires_at = self.db.ports.now().plus(KEPT).as_secs();
        let pieces: Vec<String> = sealed.text().as_bytes().chunks(PIECE).map(text).collect();
        let count = pieces.len();
        for (place, piece) in pieces.into_iter().enumerate() {
            let piece = Piece { piece, count, expires_at };
            self.db.put(&self.db.tables.activity, &piece_key(scope, id, place), &piece).await?;
        }
        Ok(())
    }

    /// What a run was given to work on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn kept(&self, scope: &Scope, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (mut sealed, mut place) = (String::new(), 0);
        loop {
            let piece: Option<Piece> = self.db.get(&self.db.tables.activity, &piece_key(scope, id, place)).await?;
            let Some(piece) = piece else { return Ok(None) };
            sealed.push_str(&piece.piece);
            place += 1;
            if place >= piece.count {
                break;
            }
        }
        let compressed = self.keys.open_bytes(scope, &Sealed::new(sealed)).map_err(|error| malformed(&error))?;
        chunk::decompress(&compressed, MAX_RAW_BYTES).map(Some).map_err(|error| malformed(&error))
    }

    /// Forgets the runs of a scope that is given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        for family in [ScopeFamily::SyncRuns, ScopeFamily::SyncPayloads] {
            self.db.clear(&self.db.tables.activity, &scope.partition(family)).await?;
        }
        Ok(())
    }
}

fn record(run: &Run) -> Record<'_> {
    Record { run, expires_at: run.updated_at.plus(KEPT).as_secs() }
}
