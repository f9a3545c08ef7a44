//! Systems that pipelines read from and write to: one file each, behind two small traits.

use std::time::Duration;

use futures::future::BoxFuture;

use crate::domain::value::Value;

/// A system whose records can be read.
pub trait Source: Send + Sync {
    /// Reads one page.
    fn read<'a>(&'a self, ask: &'a Ask<'a>) -> BoxFuture<'a, Result<Page, ConnectorError>>;
}

/// A system that records can be written to.
pub trait Target: Send + Sync {
    /// Writes records; gives what became of each, in their order. Writing a record a second time must be harmless
    /// wherever the system has a key to find it by.
    fn write<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<Vec<Written>, ConnectorError>>;
}

/// What is read.
#[derive(Clone, Debug, Default)]
pub struct Ask<'a> {
    /// Where the page begins: `next` of the page before; `None` is the beginning.
    pub position: Option<&'a str>,
    /// Only what changed at this cursor value or later.
    pub from: Option<&'a str>,
    /// Only what changed before this cursor value. A source that cannot ask for it gives more.
    pub to: Option<&'a str>,
    /// Only the records of these ids; all if it is empty.
    pub source_ids: &'a [String],
    /// How many records a page should have.
    pub page_size: usize,
}

/// A page of records.
#[derive(Debug, Default)]
pub struct Page {
    /// The records, in the order of the cursor if the source can sort by it.
    pub records: Vec<Value>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<String>,
}

/// A record that is to be written.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id at the source.
    pub source_id: String,
    /// What it is found by at the target.
    pub key: Option<String>,
    /// Its content.
    pub body: Value,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is there now.
    Done,
    /// It was there already, with the same content.
    Unchanged,
    /// The target will never take it.
    Refused(String),
    /// The target may take it later.
    Failed(String),
}

/// Why a page was not read, or no record was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorError {
    /// It may work later; the system may have said when.
    #[error("{reason}")]
    Transient {
        /// The reason, without secrets.
        reason: String,
        /// When to try again.
        retry_after: Option<Duration>,
        /// Whether the system asks for fewer requests.
        throttled: bool,
    },
    /// It will not work until somebody changes something.
    #[error("{0}")]
    Permanent(String),
}

impl ConnectorError {
    /// It may work later.
    pub fn transient(reason: impl Into<String>) -> Self {
        Self::Transient { reason: reason.into(), retry_after: None, throttled: false }
    }
}
