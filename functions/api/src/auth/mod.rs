//! Credentials.

pub(crate) mod token;
