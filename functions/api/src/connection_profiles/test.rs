//! `POST /v1/connection-profiles/test`: calls a system before its profile is saved.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sluice::domain::pipeline::profile::WrittenProfile;
use sluice::engine::pipelines::{Registry, TestReport};

use crate::http::auth::{Needs, PipelinesWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};

/// What a test came to.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TestResult {
    /// Whether the system answered as it should.
    success: bool,
    /// What it answered, in words.
    message: String,
    /// How long it took, in milliseconds.
    duration_ms: u64,
}

impl From<TestReport> for TestResult {
    fn from(report: TestReport) -> Self {
        let TestReport { ok, message, latency_ms } = report;
        Self { success: ok, message, duration_ms: latency_ms }
    }
}

/// Test a connection profile before it is saved
///
/// Calls the system, within 10 seconds.
#[utoipa::path(
    post, path = "/v1/connection-profiles/test", operation_id = "connection_profiles.test", tag = "connection_profiles",
    request_body = WrittenProfile,
    responses(
        (status = 200, description = "What the test came to", body = TestResult),
        (status = 400, description = "`validation_failed`", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn test(
    Needs { caller, .. }: Needs<PipelinesWrite>,
    State(registry): State<Registry>,
    JsonBody(written): JsonBody<WrittenProfile>,
) -> Result<Json<TestResult>, Problem> {
    let profile = registry.profile(&caller.scope, written, None).await?;
    Ok(Json(registry.test(&caller.scope, &profile).await?.into()))
}
