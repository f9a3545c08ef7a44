//! Sync logs: the history of runs.

pub(crate) mod get;
pub(crate) mod list;
