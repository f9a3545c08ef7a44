//! The engine: events are published, logged, matched, and delivered or exported.
//!
//! [`ways`] is how a route gets its events; everything else either serves all ways or delegates to them.

pub mod allowances;
mod announcer;
mod assembly;
mod attempted;
pub mod automation;
pub mod commit;
mod concurrency;
pub mod conform;
pub mod courier;
pub mod credentials;
pub mod deliver;
pub mod dispatch;
pub mod documents;
mod each;
pub mod edges;
mod error;
pub mod finder;
mod health;
pub mod identities;
mod leases;
pub mod lifecycle;
mod matching;
pub mod messages;
pub mod partners;
pub mod pickup;
pub mod pipelines;
pub mod poll;
mod promises;
pub mod publish;
mod readers;
mod repetition;
pub mod resend;
pub mod room;
pub mod send_now;
pub mod shares;
mod starts;
mod submission;
pub mod tenancy;
pub mod tick;
mod transitions;
mod undelivered;
mod ways;

pub use assembly::{Engine, Tools};
pub use error::EngineError;
pub use ways::export::Export;
pub use ways::live::Replay;
