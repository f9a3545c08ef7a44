//! How often a credential may call, and how much a tenant may publish.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use sluice::domain::allowance::{Account, Limit, Step};
use sluice::domain::scope::TenantId;
use sluice::ports::Ports;
use sluice::settings::Settings;
use sluice::store::StoreError;
use sluice::store::counters::Counters;
use tokio::sync::Mutex as AsyncMutex;

use super::auth::caller::Caller;
use super::problem::Problem;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
/// The most accounts kept; past that they start anew, and what they had leased is lost to its window.
const MAX_ACCOUNTS: usize = 10_000;

type Accounts = HashMap<(TenantId, String), Arc<AsyncMutex<Account>>>;

/// Counts requests and events against their limits.
#[derive(Clone)]
pub struct Limiter {
    counters: Counters,
    ports: Ports,
    requests_per_minute: u64,
    events_per_day: u64,
    accounts: Arc<Mutex<Accounts>>,
}

impl Limiter {
    /// With the limits of these settings.
    #[must_use]
    pub fn new(counters: Counters, settings: &Settings, ports: Ports) -> Self {
        let (requests_per_minute, events_per_day) = (settings.requests_per_minute, settings.events_per_day);
        Self { counters, ports, requests_per_minute, events_per_day, accounts: Arc::default() }
    }

    /// Counts a request of a credential.
    ///
    /// # Errors
    /// 429 `rate_limited`.
    pub async fn count_request(&self, tenant: &TenantId, credential: &str) -> Result<(), Problem> {
        let limit = Limit { amount: self.requests_per_minute, window: MINUTE };
        match self.spend(tenant, &format!("requests#{credential}"), 1, limit).await? {
            Ok(()) => Ok(()),
            Err(wait) => Err(too_many("rate_limited", "These credentials have made too many requests.", wait)),
        }
    }

    /// Counts events that a caller publishes, in either environment.
    ///
    /// # Errors
    /// 429 `quota_exceeded`.
    pub async fn count_events(&self, caller: &Caller, events: usize) -> Result<(), Problem> {
        let limit = Limit { amount: caller.events_per_day.unwrap_or(self.events_per_day), window: DAY };
        match self.spend(&caller.scope.tenant, "events", events as u64, limit).await? {
            Ok(()) => Ok(()),
            Err(wait) => Err(too_many("quota_exceeded", "The tenant's quota of events for this day is used up.", wait)),
        }
    }

    /// Spends `n`; where that is too much, tells how long the window still goes on. A limit of 0 is none.
    async fn spend(
        &self,
        tenant: &TenantId,
        subject: &str,
        n: u64,
        limit: Limit,
    ) -> Result<Result<(), Duration>, StoreError> {
        if limit.amount == 0 {
            return Ok(Ok(()));
        }
        let account = self.account(tenant, subject);
        // Held while a lease is taken: others of the same account wait for it, rather than take one each.
        let mut account = account.lock().await;
        let (now, mut at_most) = (self.ports.now(), u64::MAX);
        let (window, rest) = limit.window_at(now);
        loop {
            match account.spend(n, window, limit, at_most) {
                Step::Go => return Ok(Ok(())),
                Step::Refuse => return Ok(Err(rest)),
                Step::Lease(lease) => match self.counters.take((tenant, subject), lease, limit, now).await? {
                    Ok(()) => account.credit(lease),
                    Err(left) => at_most = left,
                },
            }
        }
    }

    fn account(&self, tenant: &TenantId, subject: &str) -> Arc<AsyncMutex<Account>> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= MAX_ACCOUNTS {
            accounts.clear();
        }
        Arc::clone(accounts.entry((tenant.clone(), subject.to_owned())).or_default())
    }
}

fn too_many(code: &'static str, message: &str, wait: Duration) -> Problem {
    let seconds = HeaderValue::from(wait.as_millis().div_ceil(1_000).max(1) as u64);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, code, message).header(header::RETRY_AFTER, seconds)
}
