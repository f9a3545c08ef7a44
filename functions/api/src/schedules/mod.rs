//! Schedules: when an instance's records are synchronized.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod preview;
pub(crate) mod update;

use serde::Serialize;
use sluice::domain::pipeline::config::Config;
use sluice::domain::pipeline::schedule::{Due, Schedule};
use sluice::domain::time::Millis;

/// A schedule, and when it is due.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PipelineSchedule)]
pub(crate) struct ScheduleView {
    #[schema(pattern = "^sch_[0-9a-f]{32}$")]
    id: String,
    #[serde(flatten)]
    schedule: Schedule,
    /// When it was last due.
    last_run: Option<Millis>,
    /// The run of that time.
    last_correlation_id: Option<String>,
    /// When it is due next; null if it is not enabled.
    next_run: Option<Millis>,
    created_at: Millis,
    updated_at: Millis,
}

impl From<Config<Schedule>> for ScheduleView {
    fn from(config: Config<Schedule>) -> Self {
        let Config { id, body: schedule, created_at, updated_at, .. } = config;
        Self { id, schedule, last_run: None, last_correlation_id: None, next_run: None, created_at, updated_at }
    }
}

impl ScheduleView {
    /// The same with its times.
    fn timed(self, due: Option<Due>) -> Self {
        let Some(Due { next, last, last_run, .. }) = due else { return self };
        let next_run = Some(next).filter(|_| self.schedule.enabled);
        Self { last_run: last, last_correlation_id: last_run, next_run, ..self }
    }
}
