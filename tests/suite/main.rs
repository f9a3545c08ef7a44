//! Behaviour tests over real parts: one binary, so that the workspace links it once.

mod chaos;
mod conformance;
mod connectors;
mod deploy;
mod e2e;
mod fuzz;
mod golden;
mod ministack;
mod sftp;
mod store;
mod support;
mod workers;
