//! The HTTP layer that endpoints share: errors, credentials, bodies, request ids, idempotency, the audit log.

pub mod audit;
pub mod auth;
pub mod body;
pub mod guard;
pub mod idempotency;
pub mod layers;
pub mod limits;
pub mod problem;
pub mod query;
