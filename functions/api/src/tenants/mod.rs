//! Tenants, which the operator makes and deletes.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod update;

use serde::Serialize;
use sluice::domain::scope::TenantId;
use sluice::domain::tenant::{Tenant as Record, TenantStatus};
use sluice::domain::time::Millis;
use sluice::store::tenants::Tenants;

use crate::http::problem::{FieldError, Problem};

/// The highest quota there can be.
const MAX_EVENTS_PER_DAY: u64 = 1_000_000_000_000;

/// A tenant.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Tenant {
    #[schema(value_type = String, example = "acme", pattern = "^[a-z0-9-]{1,40}$")]
    id: TenantId,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Whether its admins manage tenants.
    operator: bool,
    status: TenantStatus,
    /// The number of events it may publish in a day (UTC); `null` for `SLUICE_EVENTS_PER_DAY`, 0 for no limit.
    #[schema(minimum = 0, maximum = 1_000_000_000_000i64)]
    events_per_day: Option<u64>,
    created_at: Millis,
}

impl From<Record> for Tenant {
    fn from(tenant: Record) -> Self {
        let Record { id, name, operator, status, events_per_day, created_at, .. } = tenant;
        Self { id, name, operator, status, events_per_day, created_at }
    }
}

/// The error of a quota.
fn quota_fault(events_per_day: Option<u64>) -> Option<FieldError> {
    let too_much = events_per_day.is_some_and(|events| events > MAX_EVENTS_PER_DAY);
    too_much.then(|| FieldError::new("/events_per_day", format!("must be 0 to {MAX_EVENTS_PER_DAY}")))
}

/// The tenant of that id, unless it is gone.
async fn find(tenants: &Tenants, id: &str) -> Result<Record, Problem> {
    let id: TenantId = id.parse().map_err(|_| Problem::not_found())?;
    let found = tenants.get(&id).await?.filter(|tenant| tenant.status != TenantStatus::Deleted);
    found.ok_or_else(Problem::not_found)
}
