//! What every endpoint shares: errors, credentials, bodies, request ids.

pub mod auth;
pub mod body;
pub mod layers;
pub mod limits;
pub mod problem;
pub mod query;
pub mod targets;
