//! Health and documents: no credentials needed.

pub(crate) mod docs;
mod file;
pub(crate) mod health;
pub(crate) mod jwks;
pub(crate) mod openapi;
