//! The real binary: killed at any moment, stopped, started wrongly.

mod kill;
mod secrets;
mod start;
