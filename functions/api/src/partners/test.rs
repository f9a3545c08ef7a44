//! `POST /v1/partners/{id}/test`: tries a trading partner's transport now.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sluice::engine::documents::{PartnerTrial, Step, Trial};

use crate::http::auth::{Needs, PartnersWrite};
use crate::http::body::EmptyBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// How a test went.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct PartnerTest {
    /// Whether every step succeeded.
    ok: bool,
    /// In their order; the last one is the first that failed.
    steps: Vec<PartnerTestStep>,
    /// The host key that the SFTP server showed. It is not pinned by being seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", max_length = 100)]
    host_key_fingerprint: Option<String>,
}

impl From<Trial> for PartnerTest {
    fn from(Trial { steps, host_key_fingerprint }: Trial) -> Self {
        let ok = steps.iter().all(|step| step.ok);
        Self { ok, steps: steps.into_iter().map(Into::into).collect(), host_key_fingerprint }
    }
}

/// A step of a test.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct PartnerTestStep {
    /// `configuration`; then `message`, `request`, `mdn` of a partner by AS2, or `connect`, `host_key`, `authenticate`,
    /// `list` of one by SFTP.
    #[schema(example = "mdn", max_length = 20)]
    name: &'static str,
    ok: bool,
    /// What was found, or why it failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 2_000)]
    message: String,
    /// How long it took, in milliseconds.
    #[schema(minimum = 0, maximum = 120_000)]
    duration_ms: u64,
}

impl From<Step> for PartnerTestStep {
    fn from(Step { name, ok, message, took }: Step) -> Self {
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Self { name, ok, message, duration_ms }
    }
}

/// Test a trading partner
///
/// By AS2: sends a small text, asks for the MDN in the response, and says how each step went. By SFTP: connects, compares
/// the host key, logs in and lists the directories that are used; without a pinned host key it shows the one that the
/// server has, and goes no further. It takes at most 25 seconds, and nothing is kept.
#[utoipa::path(
    post, path = "/v1/partners/{id}/test", operation_id = "partners.test", tag = "partners",
    params(("id" = String, Path, description = "The partner")),
    responses(
        (status = 200, description = "How it went", body = PartnerTest),
        (status = 404, description = "There is no such partner", body = ErrorBody),
    ),
    security(("oauth2" = ["partners:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn test(
    Needs { caller, .. }: Needs<PartnersWrite>,
    State(trial): State<PartnerTrial>,
    PathParams(id): PathParams<String>,
    EmptyBody: EmptyBody,
) -> Result<Json<PartnerTest>, Problem> {
    Ok(Json(trial.run(&caller.scope, &id).await?.into()))
}
