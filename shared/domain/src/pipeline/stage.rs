//! The stages of a run.

use serde::{Deserialize, Serialize};

/// A stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SyncStage)]
pub enum Stage {
    /// Records are read from the source.
    #[default]
    Ingest,
    /// They are brought into the mapping's own form.
    Normalize,
    /// They are brought into the target's form.
    Transform,
    /// They are written to the target.
    Execute,
    /// The cursor is moved.
    Finalize,
}
