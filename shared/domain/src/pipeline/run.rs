//! Runs: records on their way from a source to a target, a batch at a time.

use serde::{Deserialize, Serialize};

use super::dead_letter::LetterFilter;
use super::stage::Stage;
use crate::time::Millis;

/// Errors that a run shows; its dead letters have all.
pub const MAX_ERRORS: usize = 20;
/// The most bytes of marks: a record of the database has 400 KB.
const MAX_DONE_BYTES: usize = 100 * 1024;
/// Results that a dry run shows.
pub const MAX_SAMPLES: usize = 10;

/// Which records a run reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SyncMode)]
pub enum Mode {
    /// What changed since the cursor.
    #[default]
    Incremental,
    /// Everything; the cursor is forgotten first.
    ResetCursor,
    /// Everything.
    FullSync,
}

/// The state of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SyncStatus)]
pub enum Status {
    /// It has not begun.
    Queued,
    /// It is under way.
    Running,
    /// Every record reached the target.
    Succeeded,
    /// Some records became dead letters.
    PartialSuccess,
    /// It was given up.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// It was due while an earlier run of its schedule was under way.
    Skipped,
}

impl Status {
    /// Whether nothing more happens.
    #[must_use]
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// What set off a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SyncTrigger)]
pub enum Trigger {
    /// A request.
    Manual,
    /// A schedule.
    Schedule,
    /// An inbound webhook.
    Inbound,
    /// A replay of dead letters.
    Replay,
}

/// Part of a source, by its cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = SyncWindow)]
pub struct Window {
    /// From this cursor value on.
    pub from: String,
    /// Until this one, exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Where a run's records come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// The source.
    Sync {
        /// Which records.
        mode: Mode,
        /// Only those of these ids.
        source_ids: Vec<String>,
        /// A part of the source; the cursor does not move.
        window: Option<Window>,
    },
    /// The request that set it off.
    Inbound {
        /// When the source says that it happened: nothing that happened later is overwritten.
        triggered_at: Option<Millis>,
    },
    /// Dead letters.
    Replay {
        /// Those that are asked for: one, or by a filter.
        letters: Letters,
        /// How many there were at the start.
        count: u64,
    },
}

/// Which dead letters are sent again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Letters {
    /// One.
    One {
        /// Its id.
        id: String,
        /// What is sent instead of its payload.
        payload: Option<String>,
    },
    /// Those that a filter asks for.
    Some(LetterFilter),
}

/// What became of a run's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SyncCounts)]
pub struct Counts {
    /// Read.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_u64)]
    pub total: u64,
    /// At the target.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_u64)]
    pub success: u64,
    /// Dead letters.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_u64)]
    pub failed: u64,
    /// Left out: unchanged at the target, or older than what is there.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_u64)]
    pub skipped: u64,
}

impl Counts {
    /// Adds those of a batch.
    pub const fn add(&mut self, batch: Self) {
        self.total += batch.total;
        self.success += batch.success;
        self.failed += batch.failed;
        self.skipped += batch.skipped;
    }
}

/// A record's error, as a run shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SyncError)]
pub struct RecordError {
    /// The record's id at the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// Where it failed.
    pub stage: Stage,
    /// Why.
    pub error: String,
    /// Its dead letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_id: Option<String>,
}

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Where the source is read on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// Whether the last batch was read.
    #[serde(default)]
    pub read: bool,
    /// Whether that was the source's end.
    #[serde(default)]
    pub whole: bool,
    /// The cursor value that it reads from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The greatest cursor value that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
    /// Batches, or parts of them, that were written.
    #[serde(default)]
    pub batches: u64,
    /// The marks of the records of the next batch that are done already: it was left in the middle.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub done: String,
    /// Records that are written before progress is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<u32>,
    /// Failures of the stage it is at, in a row.
    #[serde(default)]
    pub failures: u32,
}

impl Progress {
    /// Adds the marks of records that are done, as far as there is room: the others are only done again.
    pub fn add_done(&mut self, marks: &str) {
        if self.done.len() + marks.len() <= MAX_DONE_BYTES {
            self.done.push_str(marks);
        }
    }
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The id, which callers know as the correlation id; ids sort by time.
    pub id: String,
    /// The instance.
    pub instance: String,
    /// The entity type.
    pub entity_type: String,
    /// What set it off.
    pub trigger: Trigger,
    /// The schedule, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Its work.
    pub job: Job,
    /// The most records it reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_entities: Option<u64>,
    /// Records of a batch; missing: as the instance says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u32>,
    /// All stages but execute.
    #[serde(default)]
    pub dry_run: bool,
    /// Its state.
    pub status: Status,
    /// Why it failed or was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The stage it is at.
    #[serde(default)]
    pub stage: Stage,
    /// What became of its records.
    #[serde(default)]
    pub counts: Counts,
    /// How far it is.
    #[serde(default)]
    pub progress: Progress,
    /// Its first errors.
    #[serde(default)]
    pub errors: Vec<RecordError>,
    /// The first results of a dry run: JSON texts.
    #[serde(default)]
    pub samples: Vec<String>,
    /// Until when a worker has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leased_until: Option<Millis>,
    /// When it was asked for.
    pub created_at: Millis,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Millis>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Millis>,
    /// When it was last written.
    pub updated_at: Millis,
    /// How often it was written.
    pub revision: u64,
}

impl Run {
    /// A run that has not begun.
    #[must_use]
    pub fn new(id: String, instance: &str, entity_type: &str, (trigger, job): (Trigger, Job), now: Millis) -> Self {
        Self {
            id,
            instance: instance.to_owned(),
            entity_type: entity_type.to_owned(),
            trigger,
            schedule: None,
            job,
            max_entities: None,
            batch_size: None,
            dry_run: false,
            status: Status::Queued,
            reason: None,
            stage: Stage::Ingest,
            counts: Counts::default(),
            progress: Progress::default(),
            errors: Vec::new(),
            samples: Vec::new(),
            leased_until: None,
            created_at: now,
            started_at: None,
            ended_at: None,
            updated_at: now,
            revision: 1,
        }
    }

    /// Ends it.
    pub fn end(&mut self, status: Status, reason: Option<String>, now: Millis) {
        self.status = status;
        self.reason = reason;
        self.ended_at = Some(now);
        self.leased_until = None;
    }

    /// The state of a run that has come to its end.
    #[must_use]
    pub const fn outcome(&self) -> Status {
        if self.counts.failed == 0 { Status::Succeeded } else { Status::PartialSuccess }
    }

    /// Whether the cursor moves when it is over: it saw everything since.
    #[must_use]
    pub fn moves_cursor(&self) -> bool {
        let whole = matches!(&self.job, Job::Sync { source_ids, window: None, .. } if source_ids.is_empty());
        whole && self.progress.whole && !self.dry_run
    }

    /// Notes a record's error, if there is room.
    pub fn note(&mut self, error: RecordError) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error);
        }
    }
}
