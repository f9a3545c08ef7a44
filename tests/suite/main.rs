//! Behaviour tests over real parts: one binary, so that the workspace links it once.

mod conformance;
mod deploy;
mod ministack;
