//! Connection profiles: the systems that pipelines read from and write to.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod test;
pub(crate) mod test_saved;
pub(crate) mod update;

use serde::Serialize;
use sluice::domain::pipeline::config::Config;
use sluice::domain::pipeline::profile::{StoredProfile, WrittenProfile};
use sluice::domain::time::Millis;

/// A connection profile, its secrets masked.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectionProfile {
    #[schema(pattern = "^prf_[0-9a-f]{32}$")]
    id: String,
    #[serde(flatten)]
    profile: WrittenProfile,
    created_at: Millis,
    updated_at: Millis,
}

impl From<Config<StoredProfile>> for ConnectionProfile {
    fn from(config: Config<StoredProfile>) -> Self {
        let Config { id, body, created_at, updated_at, .. } = config;
        Self { id, profile: body.masked(), created_at, updated_at }
    }
}
