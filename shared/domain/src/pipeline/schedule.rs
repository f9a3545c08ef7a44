//! Schedules: when an instance's records of one entity type are synchronized.

use serde::{Deserialize, Serialize};

use super::config::Kind;
use super::run::Mode;
use crate::scope::Scope;
use crate::time::Millis;

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "instanceId": "ins_0199c2f1e0a17c3f8b1d2e3f4a5b6c7d", "entityType": "order", "cron": "*/5 * * * *", "timeZone": "Europe/Berlin",
}))]
pub struct Schedule {
    /// The instance.
    pub instance_id: String,
    /// Which of its entity types.
    pub entity_type: String,
    /// Minute, hour, day of month, month, day of week.
    #[schema(example = "*/5 * * * *", max_length = 200)]
    pub cron: String,
    /// A canonical IANA name.
    #[serde(default = "utc")]
    #[schema(example = "Europe/Berlin")]
    pub time_zone: String,
    /// Whether it runs.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// What a run reads.
    #[serde(default)]
    pub mode: Mode,
}

fn utc() -> String {
    "UTC".to_owned()
}

const fn yes() -> bool {
    true
}

impl Kind for Schedule {
    const NAME: &'static str = "schedules";
    const PREFIX: &'static str = "sch";
    const MAX: usize = 500;
}

/// When a schedule is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// Whose.
    pub scope: Scope,
    /// The schedule.
    pub schedule: String,
    /// The next time.
    pub next: Millis,
    /// The last time at which it was due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Millis>,
    /// The run of that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<String>,
}
