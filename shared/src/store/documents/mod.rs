//! Documents: a record each in the activity table, and their bytes in the bucket. A record is looked up by its id, by
//! its message's id, or by its control numbers.

mod blobs;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::db::put_or_find;
use super::{Db, Key, StoreError, was_made};
use crate::domain::document::Document;
use crate::domain::partition::ScopeFamily;
use crate::domain::partner::LastRefusal;
use crate::domain::scope::Scope;

pub use blobs::{Blobs, Folder};

/// How long a message's id is known: a repetition is no second document, even long after the first is gone.
const MESSAGE_KEPT: Duration = Duration::from_secs(800 * 86_400);
/// The longest id that is looked up.
const MAX_ID_BYTES: usize = 100;
/// Writes of one change that may meet another's.
const TRIES: usize = 20;

#[derive(Serialize)]
struct Record<'a> {
    #[serde(flatten)]
    document: &'a Document,
    expires_at: i64,
}

/// Leads from something that a document is known by to its id.
#[derive(Serialize, Deserialize)]
struct Pointer {
    document: String,
    expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct Refused {
    refusal: LastRefusal,
    expires_at: i64,
}

/// What a document is known by, beside its id.
#[derive(Clone, Copy, Debug)]
pub enum KnownBy<'a> {
    /// The message that we sent.
    Sent(&'a str),
    /// The message of a partner: the partner, and the message's id.
    Received(&'a str, &'a str),
    /// A file that was fetched: the partner, and what the file's key follows from.
    Fetched(&'a str, &'a str),
    /// A control number of what we sent: the partner, the standard, the level, and the numbers from the outermost on.
    Number(&'a str, &'a str, &'a str, &'a [&'a str]),
}

impl KnownBy<'_> {
    /// Whatever partners write into their messages, the key stays short.
    fn digest(self) -> String {
        let parts: Vec<&str> = match self {
            Self::Sent(id) => vec!["sent", id],
            Self::Received(partner, id) => vec!["received", partner, id],
            Self::Fetched(partner, key) => vec!["fetched", partner, key],
            Self::Number(partner, standard, level, numbers) => {
                ["number", partner, standard, level].into_iter().chain(numbers.iter().copied()).collect()
            }
        };
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part);
            digest.update([0]);
        }
        hex::encode(digest.finalize())
    }
}

/// Who holds what a document is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The holder.
    pub document: String,
    /// Whether the holder is so old that it is no longer kept.
    pub is_forgotten: bool,
}

/// The documents of every scope.
#[derive(Clone)]
pub struct Documents {
    db: Db,
    /// Their bytes.
    pub blobs: Blobs,
    retention: Duration,
}

impl Documents {
    /// Over the activity table and the bucket; kept for that long.
    #[must_use]
    pub fn new(db: Db, blobs: Blobs, retention: Duration) -> Self {
        Self { db, blobs, retention }
    }

    fn table(&self) -> &str {
        &self.db.tables.activity
    }

    fn record<'a>(&self, document: &'a Document) -> Record<'a> {
        Record { document, expires_at: document.created_at.plus(self.retention).as_secs() }
    }

    /// Adds a document; `false` if there is one of its id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create(&self, scope: &Scope, document: &Document) -> Result<bool, StoreError> {
        was_made(self.db.create(self.table(), &key(scope, &document.id), &self.record(document)).await)
    }

    /// A document. The id may come from a path.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, scope: &Scope, id: &str) -> Result<Option<Document>, StoreError> {
        if !(1..=MAX_ID_BYTES).contains(&id.len()) {
            return Ok(None);
        }
        self.db.get(self.table(), &key(scope, id)).await
    }

    /// Keeps the bytes of a document that is about to be added. What comes under one id at the same time with other bytes
    /// has another digest: the document that is added names its own.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep(&self, scope: &Scope, named: (&str, &str), bytes: &[u8]) -> Result<(), StoreError> {
        self.blobs.put(scope, &content_key(named), bytes).await
    }

    /// The bytes of a document; none if they are no longer kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn content(&self, scope: &Scope, document: &Document) -> Result<Option<Vec<u8>>, StoreError> {
        self.blobs.get(scope, &content_key((&document.id, &document.sha256))).await
    }

    /// Reads a document, applies `change`, and writes it if `change` says that it has changed something; on a conflict
    /// it starts over. Gives it as it now is; none if it is gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn change(
        &self,
        scope: &Scope,
        id: &str,
        mut change: impl FnMut(&mut Document) -> bool,
    ) -> Result<Option<Document>, StoreError> {
        for _ in 0..TRIES {
            let Some(mut document) = self.get(scope, id).await? else { return Ok(None) };
            if !change(&mut document) {
                return Ok(Some(document));
            }
            let read = document.revision;
            document.revision += 1;
            document.updated_at = self.db.ports.now();
            match self.db.replace(self.table(), &key(scope, id), &self.record(&document), read).await {
                Ok(()) => return Ok(Some(document)),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// Claims what a document is known by, unless another document holds it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim(&self, scope: &Scope, by: KnownBy<'_>, id: &str) -> Result<Claim, StoreError> {
        let now = self.db.ports.now();
        let expires_at = now.plus(MESSAGE_KEPT).as_secs();
        let pointer = Pointer { document: id.to_owned(), expires_at };
        let put = self.db.client.put_item().table_name(self.table());
        let put = put.set_item(Some(pointer_key(scope, by).item(&pointer)?));
        let put = put.condition_expression("attribute_not_exists(pk)");
        let found = put_or_find(put, |found: &Pointer| found.document == id).await?;
        let Some(found) = found else { return Ok(Claim { document: id.to_owned(), is_forgotten: false }) };
        let kept_until = found.expires_at - secs(MESSAGE_KEPT) + secs(self.retention);
        Ok(Claim { document: found.document, is_forgotten: kept_until < now.as_secs() })
    }

    /// Notes what a document is known by; of several the last one counts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note(&self, scope: &Scope, by: KnownBy<'_>, id: &str) -> Result<(), StoreError> {
        let expires_at = self.db.ports.now().plus(self.retention).as_secs();
        let pointer = Pointer { document: id.to_owned(), expires_at };
        self.db.put(self.table(), &pointer_key(scope, by), &pointer).await
    }

    /// Notes that a message in a partner's name was refused; the last one is kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_refusal(&self, scope: &Scope, partner: &str, refusal: &LastRefusal) -> Result<(), StoreError> {
        let expires_at = refusal.at.plus(self.retention).as_secs();
        let record = Refused { refusal: refusal.clone(), expires_at };
        self.db.put(self.table(), &refusal_key(scope, partner), &record).await
    }

    /// The last message in a partner's name that was refused.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_refusal(&self, scope: &Scope, partner: &str) -> Result<Option<LastRefusal>, StoreError> {
        let found: Option<Refused> = self.db.get(self.table(), &refusal_key(scope, partner)).await?;
        Ok(found.map(|found| found.refusal))
    }

    /// The id of the document that is known by this.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn known_by(&self, scope: &Scope, by: KnownBy<'_>) -> Result<Option<String>, StoreError> {
        let found: Option<Pointer> = self.db.get(self.table(), &pointer_key(scope, by)).await?;
        Ok(found.map(|found| found.document))
    }
}

/// Where the bytes of a document are, by its id and its digest. A part of that tells contents apart; the embedded S3
/// keeps no long keys.
fn content_key((id, sha256): (&str, &str)) -> String {
    Folder::Documents.key(&format!("{id}.{sha256:.16}"))
}

fn secs(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

fn key(scope: &Scope, id: &str) -> Key {
    Key::new(&scope.partition(ScopeFamily::Document(id)), "document")
}

fn refusal_key(scope: &Scope, partner: &str) -> Key {
    Key::new(&scope.partition(ScopeFamily::Refusals), partner)
}

fn pointer_key(scope: &Scope, by: KnownBy<'_>) -> Key {
    Key::new(&scope.partition(ScopeFamily::DocumentBy(&by.digest())), "pointer")
}
