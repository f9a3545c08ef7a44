//! `POST /v1/sync-events`: starts a run.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use sluice::domain::pipeline::instance::{EffectiveStatus, MAX_BATCH};
use sluice::domain::pipeline::run::{Job, Mode, Run, Trigger, Window};
use sluice::engine::pipelines::{Pipelines, Standing};
use sluice::ports::Ports;

use super::AcceptedRun;
use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, FieldError, Problem};

const MAX_SOURCE_IDS: usize = 1_000;
const MAX_TEXT_BYTES: usize = 256;

/// A run to start.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"instanceId": "ins_1", "entityType": "order", "mode": "incremental"}))]
pub(crate) struct SyncEvent {
    /// The instance.
    instance_id: String,
    /// Which of its entity types.
    entity_type: String,
    /// Only the records of these ids: at most 1,000. The cursor does not move.
    #[serde(default)]
    #[schema(max_items = 1_000)]
    source_ids: Vec<String>,
    /// What is read.
    #[serde(default)]
    mode: Mode,
    /// The most records. If the source has more, the cursor does not move.
    #[schema(minimum = 1, maximum = 1_000_000_000_000_u64)]
    max_entities: Option<u64>,
    /// Records of a batch: 1 to 10,000; default: as the instance says.
    #[schema(minimum = 1, maximum = 10_000)]
    batch_size: Option<u32>,
    /// Only what changed in this window, by the mapping's cursor. The cursor does not move.
    window: Option<Window>,
    /// All stages but execute; the run shows what it would have written.
    #[serde(default)]
    dry_run: bool,
}

/// Start a run
#[utoipa::path(
    post, path = "/v1/sync-events", operation_id = "sync_events.create", tag = "sync_events",
    request_body = SyncEvent,
    responses(
        (status = 202, description = "Accepted", body = AcceptedRun),
        (status = 400, description = "`validation_failed`", body = ErrorBody),
        (status = 409, description = "`instance_inactive`", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn create(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(pipelines): State<Pipelines>,
    State(ports): State<Ports>,
    JsonBody(event): JsonBody<SyncEvent>,
) -> Result<(StatusCode, Json<AcceptedRun>), Problem> {
    event.check()?;
    let instance = pipelines.instance(&caller.scope, &event.instance_id).await?;
    let instance = instance.ok_or_else(|| Problem::field("/instanceId", "there is no such instance"))?;
    let Standing { status, entity_types } = pipelines.standing(&caller.scope, &instance.body).await?;
    if status != EffectiveStatus::Active {
        return Err(inactive(status));
    }
    if !entity_types.contains(&event.entity_type) {
        return Err(Problem::field("/entityType", format!("must be one of {}", entity_types.join(", "))));
    }
    let run = event.run(pipelines.new_id(), &ports);
    pipelines.start(&caller.scope, &run).await?;
    Ok((StatusCode::ACCEPTED, Json(AcceptedRun { correlation_id: run.id })))
}

/// 409 for an instance that does not run.
pub(crate) fn inactive(status: EffectiveStatus) -> Problem {
    let message = match status {
        EffectiveStatus::DependencyInactive => "A profile or mapping that the instance needs is disabled or missing.",
        _ => "The instance is not active.",
    };
    Problem::new(StatusCode::CONFLICT, "instance_inactive", message)
}

impl SyncEvent {
    fn check(&self) -> Result<(), Problem> {
        let mut fields = Vec::new();
        let mut refuse = |wrong: bool, pointer: &str, message: &str| {
            if wrong {
                fields.push(FieldError::new(pointer, message));
            }
        };
        let is_long = |text: &str| text.is_empty() || text.len() > MAX_TEXT_BYTES;
        refuse(self.source_ids.len() > MAX_SOURCE_IDS, "/sourceIds", "at most 1000 entries");
        refuse(self.source_ids.iter().any(|id| is_long(id)), "/sourceIds", "each must be 1 to 256 bytes");
        refuse(self.max_entities == Some(0), "/maxEntities", "must be 1 or greater");
        refuse(
            self.batch_size.is_some_and(|size| !(1..=MAX_BATCH).contains(&size)),
            "/batchSize",
            "must be 1 to 10000",
        );
        if let Some(Window { from, to }) = &self.window {
            refuse(is_long(from), "/window/from", "must be 1 to 256 bytes");
            refuse(to.as_deref().is_some_and(is_long), "/window/to", "must be 1 to 256 bytes");
            refuse(self.mode != Mode::Incremental, "/mode", "must be incremental with a window");
        }
        if fields.is_empty() { Ok(()) } else { Err(Problem::invalid(fields)) }
    }

    fn run(self, id: String, ports: &Ports) -> Run {
        let job = Job::Sync { mode: self.mode, source_ids: self.source_ids, window: self.window };
        let run = Run::new(id, &self.instance_id, &self.entity_type, (Trigger::Manual, job), ports.now());
        Run { max_entities: self.max_entities, batch_size: self.batch_size, dry_run: self.dry_run, ..run }
    }
}
