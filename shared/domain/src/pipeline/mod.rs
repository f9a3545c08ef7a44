//! Pipelines: what is read where, how it is mapped, and what became of it.

pub mod batch;
pub mod config;
pub mod cron;
pub mod dead_letter;
pub mod extraction;
pub mod instance;
pub mod load;
pub mod profile;
pub mod run;
pub mod schedule;
pub mod specification;
pub mod stage;
pub mod system;
pub mod zone;
