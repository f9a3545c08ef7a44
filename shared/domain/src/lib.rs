//! The domain: plain data and pure rules. No AWS, no HTTP, no clock, no randomness, no threads, no logging.

pub mod activity;
pub mod allowance;
pub mod attempt;
pub mod automation;
pub mod certificate;
pub mod chunk;
pub mod consumer;
pub mod credentials;
pub mod destination;
pub mod document;
pub mod event;
pub mod event_type;
pub mod export;
pub mod expression;
pub mod face;
pub mod filter;
pub mod flat_file;
pub mod health;
pub mod identity;
pub mod ids;
pub mod json;
pub mod label;
pub mod mapping;
pub mod ordering;
pub mod partition;
pub mod partner;
pub mod pipeline;
pub mod problems;
pub mod retry;
pub mod route;
pub mod schema;
pub mod scope;
pub mod sealed;
pub mod tenant;
pub mod time;
pub mod transaction;
pub mod value;

#[cfg(test)]
mod cost;
#[cfg(test)]
mod deep;
