//! Replies of the writer.

/// Gives an answer; called after the commit.
pub(crate) type Reply = Box<dyn FnOnce() + Send>;
