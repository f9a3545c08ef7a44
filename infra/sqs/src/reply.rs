//! Replies of the writer.

use crate::fault::Fault;

/// Gives an answer; called after the commit, or with the reason why there was none.
pub(crate) type Reply = Box<dyn FnOnce(Result<(), Fault>) + Send>;
