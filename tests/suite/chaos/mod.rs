//! The real binary: killed at any moment, stopped, started wrongly.

mod automation;
mod connections;
mod exposure;
mod kill;
mod pipeline;
mod redrive;
mod secrets;
mod start;
mod unkind;
