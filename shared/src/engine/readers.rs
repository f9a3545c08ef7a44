//! Readers of large bodies, and of the log, shared by the tenants: uploads that stall and polls that wait must not hold
//! up another tenant's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::domain::scope::TenantId;

/// The readers of this process: of large bodies, or of the log.
#[derive(Clone, Debug)]
pub(super) struct Readers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    /// How many each tenant has.
    taken: Mutex<HashMap<TenantId, usize>>,
    freed: Notify,
}

/// A reader that is taken; free again when dropped.
pub struct Reader {
    readers: Readers,
    tenant: TenantId,
}

impl Readers {
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Shared { most, taken: Mutex::default(), freed: Notify::new() }))
    }

    /// Waits for a reader.
    pub(super) async fn take(&self, tenant: &TenantId) -> Reader {
        loop {
            let freed = self.0.freed.notified();
            if let Some(reader) = self.try_take(tenant) {
                return reader;
            }
            freed.await;
        }
    }

    /// A tenant may take one more while it has fewer than are free: whatever the others do, some are left for it.
    pub(super) fn try_take(&self, tenant: &TenantId) -> Option<Reader> {
        let mut taken = self.taken();
        let free = self.0.most.saturating_sub(taken.values().sum());
        let own = taken.get(tenant).copied().unwrap_or_default();
        if own >= free {
            return None;
        }
        taken.insert(tenant.clone(), own + 1);
        Some(Reader { readers: self.clone(), tenant: tenant.clone() })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<TenantId, usize>> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut taken = self.readers.taken();
        match taken.get_mut(&self.tenant) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(taken.remove(&self.tenant)),
        }
        drop(taken);
        self.readers.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        name.parse().expect("a tenant")
    }

    #[tokio::test]
    async fn however_many_one_tenant_wants_others_find_some() {
        let readers = Readers::new(24);
        let take_all = |name: &str| std::iter::from_fn(|| readers.try_take(&tenant(name))).collect::<Vec<_>>();
        let first = take_all("first");
        assert_eq!(first.len(), 12, "half of all");
        assert_eq!(take_all("second").len(), 6, "half of what is left");
        drop(first);
        assert!(readers.taken().is_empty());
    }

    #[tokio::test]
    async fn who_waits_gets_the_one_that_is_given_back() {
        let readers = Readers::new(2);
        let held = readers.take(&tenant("a")).await;
        let waits = tokio::spawn({
            let readers = readers.clone();
            async move { drop(readers.take(&tenant("a")).await) }
        });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        drop(held);
        waits.await.expect("no panic");
    }
}
