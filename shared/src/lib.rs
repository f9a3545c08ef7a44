//! Sluice's common crate: the domain, the engine, and the edges to DynamoDB, SQS, S3 and HTTP.
//!
//! `ARCHITECTURE.md` has the map; [`engine`] is the way of an event.

pub mod app;
pub mod connectors;
pub mod deadline;
pub mod deep;
pub mod deployment;
pub mod engine;
pub mod lambda;
pub mod logs;
pub mod outbound;
pub mod ports;
pub mod queue;
pub mod rings;
pub mod secrets;
pub mod settings;
pub mod store;
pub mod tokens;

pub use sluice_domain as domain;
