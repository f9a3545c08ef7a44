//! Dead letters of pipelines.

use serde::Serialize;

use super::{KEPT, Listed, MAX_LISTED, listed};
use crate::domain::partition::ScopeFamily;
use crate::domain::pipeline::dead_letter::{DeadLetter, LetterFacts, LetterFilter, LetterStatus};
use crate::domain::scope::Scope;
use crate::store::{Db, Key, StoreError};

/// The longest id that is looked up.
const MAX_ID_BYTES: usize = 100;

/// A dead letter; its record is among the payloads.
#[derive(Serialize)]
struct Record<'a> {
    #[serde(flatten)]
    letter: &'a DeadLetter,
    expires_at: i64,
}

fn record(letter: &DeadLetter) -> Record<'_> {
    Record { letter, expires_at: letter.updated_at.plus(KEPT).as_secs() }
}

/// Why a dead letter was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// There is none of that id.
    #[error("there is no such dead letter")]
    NotFound,
    /// It is not pending any more.
    #[error("the dead letter is not pending")]
    Over(LetterStatus),
    /// Its record was too large to be kept.
    #[error("the record was too large to be kept")]
    NotKept,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The dead letters of every scope.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    db: Db,
}

fn key(scope: &Scope, id: &str) -> Key {
    Key::new(&scope.partition(ScopeFamily::SyncLetters), id)
}

impl DeadLetters {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Adds one, unless it is there: a batch that is repeated writes the same.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add(&self, scope: &Scope, letter: &DeadLetter) -> Result<(), StoreError> {
        match self.db.create(&self.db.tables.activity, &key(scope, &letter.id), &record(letter)).await {
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// One of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, scope: &Scope, id: &str) -> Result<Option<DeadLetter>, StoreError> {
        if !(1..=MAX_ID_BYTES).contains(&id.len()) {
            return Ok(None);
        }
        self.db.get(&self.db.tables.activity, &key(scope, id)).await
    }

    /// Those that are asked for, the newest first: up to [`listed::MAX_LISTED`] are looked at.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn facts(&self, scope: &Scope, filter: &LetterFilter) -> Result<Vec<LetterFacts>, StoreError> {
        self.newest(scope, filter, MAX_LISTED).await
    }

    /// Those that are asked for and pending, however many others are in front of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pending(&self, scope: &Scope, filter: &LetterFilter) -> Result<Vec<LetterFacts>, StoreError> {
        let filter = LetterFilter { status: Some(LetterStatus::Pending), ..filter.clone() };
        self.newest(scope, &filter, usize::MAX).await
    }

    async fn newest(
        &self,
        scope: &Scope,
        filter: &LetterFilter,
        looked_at: usize,
    ) -> Result<Vec<LetterFacts>, StoreError> {
        let names = [("#status", "status")];
        let projection = ("id, instance, entity_type, #status, category, created_at, kept", &names[..]);
        let asked = |facts: &LetterFacts| filter.matches(facts);
        listed::newest(&self.db, scope, ScopeFamily::SyncLetters, projection, looked_at, asked).await
    }

    /// A page of those that are asked for; pages count from 0.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn page(
        &self,
        scope: &Scope,
        filter: &LetterFilter,
        (page, size): (usize, usize),
    ) -> Result<Listed<DeadLetter>, StoreError> {
        let found = self.facts(scope, filter).await?;
        let total = found.len();
        let ids = found.into_iter().map(|facts| facts.id).skip(page.saturating_mul(size)).take(size);
        Ok(Listed { items: listed::page(&self.db, scope, ScopeFamily::SyncLetters, ids).await?, total })
    }

    /// Settles a pending one, and gives it. A second caller is refused, except of the same run.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub async fn settle(
        &self,
        scope: &Scope,
        id: &str,
        status: LetterStatus,
        run: Option<&str>,
    ) -> Result<DeadLetter, ReplayError> {
        loop {
            let Some(mut letter) = self.get(scope, id).await? else { return Err(ReplayError::NotFound) };
            if letter.status == status && run.is_some() && letter.replayed_by.as_deref() == run {
                return Ok(letter);
            }
            if letter.status != LetterStatus::Pending {
                return Err(ReplayError::Over(letter.status));
            }
            let read = letter.revision;
            letter.status = status;
            letter.replayed_by = run.map(ToOwned::to_owned);
            letter.revision += 1;
            letter.updated_at = self.db.ports.now();
            match self.db.replace(&self.db.tables.activity, &key(scope, id), &record(&letter), read).await {
                Ok(()) => return Ok(letter),
                // Somebody else was faster: they are looked at.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Makes one pending again that a run was to send.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it was written in between.
    pub async fn restore(&self, scope: &Scope, id: &str, run: &str) -> Result<(), StoreError> {
        let Some(mut letter) = self.get(scope, id).await? else { return Ok(()) };
        if letter.replayed_by.as_deref() != Some(run) {
            return Ok(());
        }
        let read = letter.revision;
        letter.status = LetterStatus::Pending;
        letter.replayed_by = None;
        letter.revision += 1;
        self.db.replace(&self.db.tables.activity, &key(scope, id), &record(&letter), read).await
    }

    /// Forgets those of a scope that is given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        self.db.clear(&self.db.tables.activity, &scope.partition(ScopeFamily::SyncLetters)).await
    }
}
