//! The API, the workers and the embedded servers together, over HTTP, as their users meet them.

mod answers;
mod bad_targets;
mod create;
mod credentials;
mod delivery;
mod documents;
mod errors;
mod export;
mod export_faults;
mod filters;
mod isolation;
mod life;
mod limits;
mod log;
mod pace;
mod publish;
mod publish_ids;
mod rejected;
mod stop_start;
mod suspension;
mod tenants;
mod token;
mod update;
mod windows;
