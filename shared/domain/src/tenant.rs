//! Tenants: the owners of the data.

use serde::{Deserialize, Serialize};

use super::scope::TenantId;
use super::time::Millis;

/// The status of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    /// Its credentials are good.
    Active,
    /// Its credentials are refused, and what is its own is being removed.
    Deleting,
    /// It is gone. The record stays so that the id, with the events still in the log, is never given to another tenant.
    Deleted,
}

/// A tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// A name for people.
    pub name: String,
    /// Whether its admins manage tenants.
    pub operator: bool,
    /// How many events it may publish in a day; the setting's where missing, without a limit where 0.
    pub events_per_day: Option<u64>,
    /// Where it stands.
    pub status: TenantStatus,
    /// When it was made.
    pub created_at: Millis,
    /// Goes up with each write.
    pub revision: u64,
}

impl Tenant {
    /// A new one, without a quota of its own.
    #[must_use]
    pub fn new(id: TenantId, operator: bool, now: Millis) -> Self {
        let name = id.to_string();
        Self { id, name, operator, events_per_day: None, status: TenantStatus::Active, created_at: now, revision: 1 }
    }
}
