//! The whole of Sluice in one process: the same handlers and workers as on AWS, over embedded servers.

pub mod chaos;
pub mod demo;
mod drain;
pub mod embedded;
pub mod folder;
pub mod keys;
mod listen;
mod own;
pub mod pollers;
pub mod provision;
pub mod receiver;
pub mod redrive;
mod retention;
pub mod system;
pub mod usage;

pub use listen::raise_descriptor_limit;

/// One process does what many Lambda functions do, and its events are larger than what glibc keeps at hand: an eighth
/// of the processor's time went into its allocator. The settings are in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Why the local run could not start: one clear line, and exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

impl StartError {
    /// The task, and the error.
    pub fn new(doing: impl std::fmt::Display, error: impl std::fmt::Display) -> Self {
        Self(format!("{doing}: {error}"))
    }
}
