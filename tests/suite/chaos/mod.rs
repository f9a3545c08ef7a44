//! The real binary: killed at any moment, stopped, started wrongly.

mod automation;
mod connections;
mod disk;
mod documents;
mod exposure;
mod kill;
mod pipeline;
mod reconciliation;
mod redrive;
mod repetition;
mod secrets;
mod start;
mod suspension;
mod unkind;
