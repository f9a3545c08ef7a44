//! Pipelines: what is read where, how it is mapped, and what became of it.

pub mod cron;
pub mod extraction;
pub mod load;
pub mod system;
pub mod zone;
