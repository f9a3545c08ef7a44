//! Health and documents: no credentials needed.

pub(crate) mod docs;
pub(crate) mod health;
pub(crate) mod openapi;
