//! The real binary: killed at any moment, stopped, started wrongly.

mod automation;
mod kill;
mod secrets;
mod start;
