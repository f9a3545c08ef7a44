//! `GET /v1/tenants`: every tenant.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sluice::domain::tenant::TenantStatus;
use sluice::store::tenants::Tenants;

use super::Tenant;
use crate::http::auth::Operator;
use crate::http::problem::{ErrorBody, Problem};

/// Every tenant that is not deleted.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TenantList {
    tenants: Vec<Tenant>,
}

/// List tenants
///
/// For admins of the operator's tenant.
#[utoipa::path(
    get, path = "/v1/tenants", operation_id = "tenants.list", tag = "tenants",
    responses(
        (status = 200, description = "Every tenant, by id", body = TenantList),
        (status = 403, description = "`operator_only`, or `insufficient_scope`", body = ErrorBody),
    ),
    security(("oauth2" = ["admin"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(_: Operator, State(tenants): State<Tenants>) -> Result<Json<TenantList>, Problem> {
    let standing = tenants.all().await?.into_iter().filter(|tenant| tenant.status != TenantStatus::Deleted);
    Ok(Json(TenantList { tenants: standing.map(Tenant::from).collect() }))
}
