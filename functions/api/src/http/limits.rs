//! How often a credential may call, and how much a tenant may publish.

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use sluice::domain::allowance::Limit;
use sluice::domain::scope::TenantId;
use sluice::engine::allowances::EventQuota;
use sluice::settings::Settings;

use super::auth::caller::Caller;
use super::problem::Problem;

const MINUTE: Duration = Duration::from_secs(60);

/// Counts requests and events against their limits.
#[derive(Clone)]
pub struct Limiter {
    quota: EventQuota,
    requests_per_minute: u64,
    publish_bytes: usize,
}

impl Limiter {
    /// With the limits of these settings.
    #[must_use]
    pub fn new(quota: EventQuota, settings: &Settings) -> Self {
        let Settings { requests_per_minute, publish_max_bytes: publish_bytes, .. } = *settings;
        Self { quota, requests_per_minute, publish_bytes }
    }

    /// The largest body of a publish.
    #[must_use]
    pub fn publish_bytes(&self) -> usize {
        self.publish_bytes
    }

    /// Counts a request of a credential.
    ///
    /// # Errors
    /// 429 `rate_limited`.
    pub async fn count_request(&self, tenant: &TenantId, credential: &str) -> Result<(), Problem> {
        let limit = Limit { amount: self.requests_per_minute, window: MINUTE };
        match self.quota.allowances().spend((tenant, &format!("requests#{credential}")), 1, limit).await? {
            Ok(()) => Ok(()),
            Err(wait) => Err(too_many("rate_limited", "These credentials have made too many requests.", wait)),
        }
    }

    /// Counts events that a caller publishes, in either environment.
    ///
    /// # Errors
    /// 429 `quota_exceeded`.
    pub async fn count_events(&self, caller: &Caller, events: usize) -> Result<(), Problem> {
        match self.quota.spend(&caller.scope.tenant, caller.events_per_day, events).await? {
            Ok(()) => Ok(()),
            Err(wait) => Err(too_many("quota_exceeded", "The tenant's quota of events for this day is used up.", wait)),
        }
    }
}

fn too_many(code: &'static str, message: &str, wait: Duration) -> Problem {
    let seconds = HeaderValue::from(wait.as_millis().div_ceil(1_000).max(1) as u64);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, code, message).header(header::RETRY_AFTER, seconds)
}
