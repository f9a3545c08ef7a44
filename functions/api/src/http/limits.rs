//! How often a credential and a tenant may call, and how much a tenant may publish.

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use sluice::domain::allowance::Limit;
use sluice::domain::scope::TenantId;
use sluice::engine::allowances::EventQuota;
use sluice::settings::Settings;

use super::auth::caller::Caller;
use super::problem::Problem;

pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// Counts requests and events against their limits.
#[derive(Clone)]
pub struct Limiter {
    quota: EventQuota,
    requests_per_minute: u64,
    tenant_requests_per_minute: u64,
    failures_per_minute: u64,
    publish_bytes: usize,
}

impl Limiter {
    /// With the limits of these settings.
    #[must_use]
    pub fn new(quota: EventQuota, settings: &Settings) -> Self {
        Self {
            quota,
            requests_per_minute: settings.requests_per_minute,
            tenant_requests_per_minute: settings.tenant_requests_per_minute,
            failures_per_minute: settings.failed_authentications_per_minute,
            publish_bytes: settings.publish_max_bytes,
        }
    }

    /// How often a source address may present bad credentials in a minute; 0 is no limit.
    #[must_use]
    pub(super) fn failures_per_minute(&self) -> u64 {
        self.failures_per_minute
    }

    /// The largest body of a publish.
    #[must_use]
    pub fn publish_bytes(&self) -> usize {
        self.publish_bytes
    }

    /// Counts a request of a credential, and of its tenant.
    ///
    /// # Errors
    /// 429 `rate_limited`.
    pub async fn count_request(&self, tenant: &TenantId, credential: &str) -> Result<(), Problem> {
        let own = (
            format!("requests#{credential}"),
            self.requests_per_minute,
            "These credentials have made too many requests.",
        );
        let all = ("requests".to_owned(), self.tenant_requests_per_minute, "The tenant has made too many requests.");
        for (subject, amount, message) in [own, all] {
            let limit = Limit { amount, window: MINUTE };
            if let Err(wait) = self.quota.allowances().spend((tenant, &subject), 1, limit).await? {
                return Err(too_many("rate_limited", message, wait));
            }
        }
        Ok(())
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

pub(super) fn too_many(code: &'static str, message: &str, wait: Duration) -> Problem {
    let seconds = HeaderValue::from(wait.as_millis().div_ceil(1_000).max(1) as u64);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, code, message).header(header::RETRY_AFTER, seconds)
}
