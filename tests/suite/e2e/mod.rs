//! The API, the workers and the embedded servers together, over HTTP, as their users meet them.

mod answers;
mod audit;
mod bad_targets;
mod create;
mod delivery;
mod documents;
mod errors;
mod export;
mod export_faults;
mod filters;
mod idempotency;
mod isolation;
mod life;
mod log;
mod ordering;
mod pace;
mod publish;
mod publish_ids;
mod rejected;
mod stop_start;
mod suspension;
mod token;
mod update;
mod walk;
mod windows;
