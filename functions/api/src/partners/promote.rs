//! `POST /sandbox/v1/partners/{id}/promote`: copies a partner's configuration from the sandbox to production.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice::domain::partner::Change;
use sluice::engine::partners::{PartnerRegistry, production};

use super::Partner;
use crate::http::audit::{self, AlsoIn};
use crate::http::auth::{Needs, PartnersWrite};
use crate::http::body::OptionalBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// How to promote.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"overwrite": true, "dry_run": true}))]
pub(crate) struct Promotion {
    /// Replace the configuration of a partner that production has already.
    overwrite: bool,
    /// Show what would change, and change nothing.
    dry_run: bool,
}

/// What a promotion would change.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Difference {
    /// By field. Lists are compared whole.
    changes: Vec<Change>,
}

/// What was promoted, or would be.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(crate) enum Promoted {
    /// The partner in production.
    Partner(Box<Partner>),
    /// What would change, for a dry run.
    Difference(Difference),
}

/// Promote a trading partner
///
/// Copies its configuration from the sandbox to production; never its documents and events. Secrets are copied, and
/// encrypted for production. A dry run shows every field that differs, whether or not `overwrite` is said.
#[utoipa::path(
    post, path = "/sandbox/v1/partners/{id}/promote", operation_id = "partners.promote", tag = "partners",
    params(("id" = String, Path, description = "The partner in the sandbox")),
    request_body = Option<Promotion>,
    responses(
        (status = 200, description = "The partner in production; the changes, for a dry run", body = Promoted),
        (status = 400, description = "`validation_failed`, `partner_limit_exceeded`", body = ErrorBody),
        (status = 404, description = "The sandbox has no such partner", body = ErrorBody),
        (status = 409, description = "`partner_already_exists` in production, without `overwrite`", body = ErrorBody),
    ),
    security(("oauth2" = ["partners:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn promote(
    Needs { caller, .. }: Needs<PartnersWrite>,
    State(registry): State<PartnerRegistry>,
    PathParams(id): PathParams<String>,
    OptionalBody(Promotion { overwrite, dry_run }): OptionalBody<Promotion>,
) -> Result<Response, Problem> {
    if dry_run {
        let changes = registry.difference(&caller.scope, &id).await?;
        let difference = Promoted::Difference(Difference { changes });
        return Ok(audit::with(Json(difference), [("dry_run", json!(true))]).into_response());
    }
    let partner = registry.promote(&caller.scope, &id, overwrite).await?;
    let promoted = Promoted::Partner(Box::new(partner.into()));
    let recorded = Extension(AlsoIn(production(&caller.scope)));
    Ok((recorded, audit::with(Json(promoted), [("overwrite", json!(overwrite))])).into_response())
}
