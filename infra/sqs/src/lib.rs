//! A small durable SQS server: the AWS JSON 1.0 protocol over one SQLite file.
//!
//! One thread owns the database. It takes everything that waits, runs it in one transaction, commits,
//! and only then answers: what a caller was told is on disk, and one `fsync` serves many callers.
//!
//! It is called in the process and has no socket: it asks for no credentials.
//!
//! Standard queues only. Not kept from AWS: the 60-second pauses after `PurgeQueue` and `DeleteQueue`,
//! tags, permissions, message system attributes, and the check of request signatures.

mod attributes;
mod clock;
mod config;
mod fairness;
mod fault;
mod handover;
mod messages;
mod operations;
mod receipt;
mod reply;
mod service;
pub mod space;
mod stopped;
mod tables;
mod waiters;
mod writer;

#[cfg(test)]
mod time_tests;

pub use service::{Queues, Server};

pub use stopped::{redrive, release_in_flight};

/// The region in every queue's ARN.
pub const REGION: &str = "us-east-1";
/// The account in every queue's ARN and URL.
pub const ACCOUNT: &str = "000000000000";

/// Why the server could not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be opened: not writable, damaged, or held by another server.
    #[error("the queue database cannot be opened: {0}")]
    Database(#[from] rusqlite::Error),
    /// The writer's thread could not be started.
    #[error("the queue server failed: {0}")]
    Io(#[from] std::io::Error),
    /// The writer's thread ended by a panic; what it had answered is on disk.
    #[error("the queue writer stopped unexpectedly")]
    Writer,
}
