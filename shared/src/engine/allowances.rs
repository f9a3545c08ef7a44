//! Counts things against limits that many processes hold together, and events against a tenant's quota.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;

use crate::domain::allowance::{Account, Limit, Step};
use crate::domain::scope::TenantId;
use crate::ports::Ports;
use crate::store::StoreError;
use crate::store::counters::Counters;
use crate::store::tenants::Tenants;

const DAY: Duration = Duration::from_secs(86_400);
/// The most accounts kept; past that they start anew, and what they had leased is lost to its window.
const MAX_ACCOUNTS: usize = 10_000;

type Accounts = HashMap<(TenantId, String), Arc<AsyncMutex<Account>>>;

/// What this process may still spend of each limit.
#[derive(Clone)]
pub struct Allowances {
    counters: Counters,
    ports: Ports,
    accounts: Arc<Mutex<Accounts>>,
}

impl Allowances {
    pub(super) fn new(counters: Counters, ports: Ports) -> Self {
        Self { counters, ports, accounts: Arc::default() }
    }

    /// Spends `n`; where that is too much, tells how long the window still goes on. A limit of 0 is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn spend(
        &self,
        (tenant, subject): (&TenantId, &str),
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
        let (_, rest) = limit.window_at(now);
        loop {
            match account.spend(n, now, limit, at_most) {
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

/// How many events a tenant may publish a day, in both environments, whichever way.
#[derive(Clone)]
pub struct EventQuota {
    pub(crate) allowances: Allowances,
    pub(crate) tenants: Tenants,
    /// Of a tenant that has no quota of its own.
    pub(crate) events_per_day: u64,
}

impl EventQuota {
    /// The allowances that it is counted with.
    #[must_use]
    pub fn allowances(&self) -> &Allowances {
        &self.allowances
    }

    /// Counts events of a tenant whose own quota is known; where they are too many, tells how long the day goes on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn spend(
        &self,
        tenant: &TenantId,
        own: Option<u64>,
        events: usize,
    ) -> Result<Result<(), Duration>, StoreError> {
        let limit = Limit { amount: own.unwrap_or(self.events_per_day), window: DAY };
        self.allowances.spend((tenant, "events"), events as u64, limit).await
    }

    /// The same, for a tenant whose own quota has to be looked up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn spend_of(&self, tenant: &TenantId, events: usize) -> Result<Result<(), Duration>, StoreError> {
        let own = self.tenants.get(tenant).await?.and_then(|tenant| tenant.events_per_day);
        self.spend(tenant, own, events).await
    }
}
