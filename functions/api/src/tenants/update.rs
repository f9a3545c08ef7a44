//! `PATCH /v1/tenants/{id}`: another name, another quota.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use sluice::store::tenants::Tenants;

use super::{Tenant, find, quota_fault};
use crate::credentials::name_fault;
use crate::http::auth::Operator;
use crate::http::body::{JsonBody, present};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// The fields to change; others keep their values.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"events_per_day": 5000000}))]
pub(crate) struct TenantPatch {
    /// For people: 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// The number of events it may publish in a day (UTC); `null` for `SLUICE_EVENTS_PER_DAY`, 0 for no limit.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<u64>, minimum = 0, maximum = 1_000_000_000_000i64)]
    events_per_day: Option<Option<u64>>,
}

/// Change a tenant
///
/// For admins of the operator's tenant. A new quota applies within 10 seconds.
#[utoipa::path(
    patch, path = "/v1/tenants/{id}", operation_id = "tenants.update", tag = "tenants",
    params(("id" = String, Path, description = "The tenant")),
    request_body = TenantPatch,
    responses(
        (status = 200, description = "The tenant", body = Tenant),
        (status = 400, description = "`validation_failed`", body = ErrorBody),
        (status = 403, description = "`insufficient_scope`", body = ErrorBody),
        (status = 404, description = "There is no such tenant, or the caller is not the operator's", body = ErrorBody),
    ),
    security(("oauth2" = ["admin"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn update(
    _: Operator,
    State(tenants): State<Tenants>,
    PathParams(id): PathParams<String>,
    JsonBody(patch): JsonBody<TenantPatch>,
) -> Result<Json<Tenant>, Problem> {
    let mut tenant = find(&tenants, &id).await?;
    tenant.name = patch.name.unwrap_or(tenant.name);
    tenant.events_per_day = patch.events_per_day.unwrap_or(tenant.events_per_day);
    let faults: Vec<_> = name_fault(&tenant.name).into_iter().chain(quota_fault(tenant.events_per_day)).collect();
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    tenants.update(&mut tenant).await?;
    Ok(Json(tenant.into()))
}
