//! `DELETE /v1/tenants/{id}`: a tenant, its credentials and its routes.

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use sluice::engine::tenancy::Tenancy;
use sluice::store::tenants::Tenants;

use super::find;
use crate::http::auth::Operator;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::{Params, PathParams};

/// How to delete.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct How {
    /// Delete it even if it has routes, partners or events.
    #[serde(default)]
    force: bool,
}

/// Delete a tenant
///
/// For admins of the operator's tenant. Its credentials and their tokens are refused within 10 seconds, and its routes
/// deliver nothing more. Its events leave the log when their retention ends. Its id is never used again.
#[utoipa::path(
    delete, path = "/v1/tenants/{id}", operation_id = "tenants.delete", tag = "tenants",
    params(("id" = String, Path, description = "The tenant"), How),
    responses(
        (status = 204, description = "Deleted"),
        (status = 403, description = "`insufficient_scope`", body = ErrorBody),
        (status = 404, description = "There is no such tenant, or the caller is not the operator's", body = ErrorBody),
        (status = 409, description = "`tenant_not_empty` without `force`; `operator_tenant`", body = ErrorBody),
    ),
    security(("oauth2" = ["admin"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn delete(
    _: Operator,
    State(tenants): State<Tenants>,
    State(tenancy): State<Tenancy>,
    PathParams(id): PathParams<String>,
    Params(How { force }): Params<How>,
) -> Result<StatusCode, Problem> {
    let tenant = find(&tenants, &id).await?;
    let conflict = |code, message: &str| Problem::new(StatusCode::CONFLICT, code, message);
    if tenant.operator {
        return Err(conflict("operator_tenant", "The operator's tenant cannot be deleted."));
    }
    let contents = tenancy.contents(&tenant.id).await?;
    if !force && !contents.is_empty() {
        let facts = json!({"routes": contents.routes, "partners": contents.partners, "events": contents.events});
        let message = "The tenant has routes, partners or events; delete it with ?force=true.";
        return Err(conflict("tenant_not_empty", message).detail(facts));
    }
    tenancy.delete(tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}
