//! `POST /v1/tenants`: makes a tenant; its first client's secret is in this answer and in no other.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use sluice::domain::scope::TenantId;
use sluice::domain::tenant::Tenant as Record;
use sluice::engine::tenancy::Tenancy;
use sluice::ports::Ports;

use super::{Tenant, quota_fault};
use crate::credentials::{name_fault, secret_answer};
use crate::http::auth::Operator;
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};

/// A tenant to create.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"id": "acme", "name": "ACME Inc", "events_per_day": 1000000}))]
pub(crate) struct NewTenant {
    /// 1 to 40 of `[a-z0-9-]`; not the id of a deleted tenant.
    #[schema(value_type = String, example = "acme", pattern = "^[a-z0-9-]{1,40}$")]
    id: TenantId,
    /// For people: 1 to 100 characters; the id if missing.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// The number of events it may publish in a day (UTC); `SLUICE_EVENTS_PER_DAY` if missing, 0 for no limit.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000_000_000i64)]
    events_per_day: Option<u64>,
}

/// A tenant with its first client, whose secret is shown only here.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TenantWithClient {
    #[serde(flatten)]
    tenant: Tenant,
    /// A client with every scope.
    #[schema(pattern = "^client_[a-z0-9-]{1,40}_[0-9a-f]{24}$")]
    client_id: String,
    client_secret: String,
}

/// Create a tenant
///
/// For admins of the operator's tenant.
#[utoipa::path(
    post, path = "/v1/tenants", operation_id = "tenants.create", tag = "tenants",
    request_body = NewTenant,
    responses(
        (status = 201, description = "The tenant with its first client's secret, which is shown only here", body = TenantWithClient),
        (status = 400, description = "`validation_failed`", body = ErrorBody),
        (status = 403, description = "`operator_only`, or `insufficient_scope`", body = ErrorBody),
        (status = 409, description = "`tenant_already_exists`, also for a deleted one", body = ErrorBody),
    ),
    security(("oauth2" = ["admin"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn create(
    _: Operator,
    State(tenancy): State<Tenancy>,
    State(ports): State<Ports>,
    JsonBody(request): JsonBody<NewTenant>,
) -> Result<Response, Problem> {
    let name = request.name.unwrap_or_else(|| request.id.to_string());
    let faults: Vec<_> = name_fault(&name).into_iter().chain(quota_fault(request.events_per_day)).collect();
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let new = Record::new(request.id, false, ports.now());
    let tenant = Record { name, events_per_day: request.events_per_day, ..new };
    let Some((client, secret)) = tenancy.create(&tenant).await? else {
        let message = "This tenant id is or was in use.";
        return Err(Problem::new(StatusCode::CONFLICT, "tenant_already_exists", message));
    };
    let made = TenantWithClient { tenant: tenant.into(), client_id: client.id, client_secret: secret.to_string() };
    Ok(secret_answer(StatusCode::CREATED, made))
}
