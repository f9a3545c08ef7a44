//! A row of the table of functions: a Lambda function, its size and its permissions.
//!
//! The rows of the endpoints are in `functions/api`, those of the workers in `functions/workers`. `template.yaml` is
//! generated from them, and the local run takes its queues and pollers from them.

use std::fmt;

use crate::queue::Queue;
use crate::rings::Ring;

/// A Lambda function.
#[derive(Clone, Copy, Debug)]
pub struct FunctionSpec {
    /// Its name, which is also its `Handler`.
    pub name: &'static str,
    /// Its memory, and with it its share of a processor.
    pub memory_mib: u32,
    /// How long a call may take.
    pub timeout_seconds: u32,
    /// The calls at once that are kept for it, and at the same time the most it gets; none: a share of the account's.
    pub reserved_concurrency: Option<u32>,
    /// Its permissions.
    pub permissions: &'static PermissionSet,
}

impl FunctionSpec {
    /// The memory of a function with no need of its own.
    pub const MEMORY_MIB: u32 = 512;
    /// The timeout of a function with no need of its own: just below the 30 s that API Gateway waits. Stops wait for
    /// workers, tests for targets, and each call of the database may take its time.
    pub const TIMEOUT_SECONDS: u32 = 29;

    /// Its logical id in the template: `event_types.list` is `EventTypesList`.
    #[must_use]
    pub fn logical_id(&self) -> String {
        let words = self.name.split(['.', '_']).map(|word| {
            let (first, rest) = word.split_at(1);
            first.to_uppercase() + rest
        });
        words.collect()
    }
}

/// A permission set. Functions with the same set share a role, so each set has privileges that no other set has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PermissionSet {
    /// The name of the set: its role is called `{name}Role`.
    pub name: &'static str,
    /// The rings of master keys that it reads. Tokens are verified without any.
    pub keys: &'static [Ring],
    /// Whether it counts calls against the rate limit of their credentials.
    pub counts_calls: bool,
    /// Actions on the table of the event log.
    pub events: &'static [Action],
    /// Actions on the table of what users configure.
    pub config: &'static [Action],
    /// Actions on the table of what happens to routes and requests.
    pub activity: &'static [Action],
    /// Actions on the bucket of documents.
    pub documents: &'static [ObjectAction],
    /// The queue whose messages it takes.
    pub receives: Option<Queue>,
    /// The queues it sends to.
    pub sends: &'static [Queue],
}

impl PermissionSet {
    /// Nothing but its own log.
    pub const NONE: Self = Self {
        name: "LogOnly",
        keys: &[],
        counts_calls: false,
        events: &[],
        config: &[],
        activity: &[],
        documents: &[],
        receives: None,
        sends: &[],
    };

    /// Whether both allow the same, whatever they are called.
    #[must_use]
    pub fn allows_same(&self, other: &Self) -> bool {
        *self == Self { name: self.name, ..*other }
    }
}

/// An action on a DynamoDB table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Reads one record.
    GetItem,
    /// Reads the records of one partition.
    Query,
    /// Writes a record.
    PutItem,
    /// Changes a record.
    UpdateItem,
    /// Deletes a record.
    DeleteItem,
    /// Writes or deletes many records.
    BatchWriteItem,
}

impl Action {
    /// Whether it changes the table.
    #[must_use]
    pub const fn writes(self) -> bool {
        match self {
            Self::GetItem | Self::Query => false,
            Self::PutItem | Self::UpdateItem | Self::DeleteItem | Self::BatchWriteItem => true,
        }
    }
}

impl fmt::Display for Action {
    /// As IAM writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dynamodb:{self:?}")
    }
}

/// An action on the bucket of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectAction {
    /// Reads an object.
    GetObject,
    /// Writes an object.
    PutObject,
    /// Tells that an object is missing, where it would otherwise be forbidden.
    ListBucket,
}

impl fmt::Display for ObjectAction {
    /// As IAM writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3:{self:?}")
    }
}
