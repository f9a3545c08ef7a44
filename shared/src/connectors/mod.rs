//! Systems that pipelines read from and write to: one file each, behind two small traits.
//!
//! [`Connectors`] makes a [`Source`] or a [`Target`] of a stored system. What they share is here: requests with
//! credentials ([`http`]), paths into JSON ([`path`]), pages that follow each other ([`paged`], [`trail`]).

mod each;
mod event_stream;
mod flat_file;
mod generic_api;
mod halt;
mod http;
mod key;
mod paged;
mod parts;
mod path;
mod registry;
mod shopify;
mod since;
mod trail;
mod woo_commerce;

use std::time::Duration;

use futures::future::BoxFuture;

use crate::domain::value::Value;

pub use parts::{Events, SourceSpec, TargetSpec};
pub use registry::{ConnectorSettings, Connectors, TestReport};

/// A system whose records can be read.
pub trait Source: Send + Sync {
    /// Reads one page.
    fn read<'a>(&'a self, ask: &'a Ask<'a>) -> BoxFuture<'a, Result<Page, ConnectorError>>;
}

/// A system that records can be written to.
pub trait Target: Send + Sync {
    /// Writes records; gives what became of each, in their order. Writing a record a second time must be harmless
    /// wherever the system has a key to find it by. An error means that none was written.
    fn write<'a>(&'a self, batch: &'a Batch<'a>) -> BoxFuture<'a, Result<Vec<Written>, ConnectorError>>;

    /// How many records a batch had best have. More are written too.
    fn batch_size(&self) -> usize;

    /// Whether the records of a batch may be written in parts.
    fn divides(&self) -> bool {
        true
    }
}

/// Records that are written together.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Its number in the run. A batch that is repeated has the number that it had: files are named by it.
    pub number: u64,
    /// The records.
    pub records: &'a [Record],
}

/// What is read.
#[derive(Clone, Debug, Default)]
pub struct Ask<'a> {
    /// Where the page begins: `next` of the page before; `None` is the beginning.
    pub position: Option<&'a str>,
    /// Only what changed at this cursor value or later. The source itself reads back by the mapping's overlap.
    pub from: Option<&'a str>,
    /// Only what changed before this cursor value. A source that cannot ask for it gives more.
    pub to: Option<&'a str>,
    /// Only the records of these ids; all if it is empty. A source that cannot ask for them drops the others.
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
    /// The target asks for fewer requests. It may take the record later.
    Throttled {
        /// The reason.
        reason: String,
        /// When to try again, if the target says it.
        retry_after: Option<Duration>,
    },
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

    /// The system asks for fewer requests.
    pub fn throttled(reason: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self::Transient { reason: reason.into(), retry_after, throttled: true }
    }

    /// As what became of a record.
    #[must_use]
    pub fn written(self) -> Written {
        match self {
            Self::Transient { reason, retry_after, throttled: true } => Written::Throttled { reason, retry_after },
            Self::Transient { reason, .. } => Written::Failed(reason),
            Self::Permanent(reason) => Written::Refused(reason),
        }
    }
}
