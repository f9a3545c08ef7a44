//! DynamoDB: one file a family of records; every key is made in [`crate::domain::partition`].

pub mod audit;
pub mod catalogue;
pub mod consumers;
pub mod counters;
pub mod credentials;
mod db;
pub mod documents;
pub mod endings;
pub mod event_ids;
pub mod event_types;
pub mod exports;
pub mod idempotency;
pub mod identities;
pub mod journal;
mod key;
pub mod leases;
pub mod log;
pub mod ordered;
pub mod parked;
pub mod partners;
pub mod pickups;
pub mod pipelines;
pub mod rate_limiter;
pub mod reader;
mod recent;
pub mod requests;
mod revisions;
pub mod routes;
pub mod runs;
pub mod scheduled;
pub mod shares;
mod stores;
pub mod tenants;
pub mod transactions;
pub mod undelivered;
pub mod verification_keys;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

pub use db::Db;
pub use key::{Item, VERSION};
use key::{Key, binary, read};
pub use stores::{Retention, Stores};

/// The code of errors that the embedded servers answer with while the disk is full; AWS has none.
pub const STORAGE_FULL: &str = "StorageFull";

/// The names of the tables.
#[derive(Clone, Debug)]
pub struct Tables {
    /// The event log.
    pub events: String,
    /// Routes, credentials, export cursors.
    pub config: String,
    /// Outcomes, integration logs, rejected events, dead letters, id claims, what is used of limits.
    pub activity: String,
}

impl Tables {
    /// The names behind a prefix: `{prefix}events` and so on.
    #[must_use]
    pub fn with_prefix(prefix: &str) -> Self {
        let name = |table: &str| format!("{prefix}{table}");
        Self { events: name("events"), config: name("config"), activity: name("activity") }
    }
}

/// Why a record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A condition did not hold: the record has changed since it was read, or it exists already.
    #[error("the record has changed since it was read")]
    Conflict,
    /// A record that cannot be read.
    #[error("malformed record: {0}")]
    Malformed(String),
    /// The disk is full: nothing was written.
    #[error("the storage is full")]
    Full,
    /// The database failed or was not reachable.
    #[error("database: {0}")]
    Unavailable(String),
}

/// Whether a conditional write was made.
///
/// # Errors
/// [`StoreError`], but for a condition that did not hold.
pub(crate) fn was_made<T, E: Into<StoreError>>(written: Result<T, E>) -> Result<bool, StoreError> {
    match written.map_err(Into::into) {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}

impl<E, R> From<SdkError<E, R>> for StoreError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        if let Some(service) = error.as_service_error() {
            let code = service.code().unwrap_or_default();
            let message = service.message().unwrap_or_default();
            let failed_in_transaction =
                code == "TransactionCanceledException" && message.contains("ConditionalCheckFailed");
            if code == "ConditionalCheckFailedException" || failed_in_transaction {
                return Self::Conflict;
            }
            if code == STORAGE_FULL {
                return Self::Full;
            }
            return Self::Unavailable(format!("{code}: {message}"));
        }
        Self::Unavailable(aws_sdk_dynamodb::error::DisplayErrorContext(&error).to_string())
    }
}
