//! Room in memory for what requests bring, in this process.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use super::readers::Reader;
use super::readers::Readers;
use crate::domain::scope::TenantId;

/// A body up to this size waits for no other.
const SMALL_BODY: usize = 64 * 1024;

/// Room for so many bytes that are worked on at once; what comes later waits.
#[derive(Clone)]
pub struct Room {
    bytes: Arc<Semaphore>,
    most: u32,
}

/// Some of it; free again when dropped.
pub type Held = OwnedSemaphorePermit;

impl Room {
    /// Room for that many bytes.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        Self { bytes: Arc::new(Semaphore::new(most as usize)), most }
    }

    /// Waits for room for `bytes`. What is larger than all of it gets all of it.
    pub async fn admit(&self, bytes: usize) -> Option<Held> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1, self.most);
        Arc::clone(&self.bytes).acquire_many_owned(bytes).await.ok()
    }
}

/// Where bodies are read: few large ones at once, and then as many bytes as there is room for.
#[derive(Clone)]
pub struct Entrance {
    readers: Readers,
    room: Room,
}

impl Entrance {
    /// For so many large bodies that are being read, and so many bytes that have arrived.
    #[must_use]
    pub fn new(readers: usize, bytes: usize) -> Self {
        Self { readers: Readers::new(readers), room: Room::new(bytes) }
    }

    /// Waits until a large body of a tenant may be read; `None` for a small one, which may be read at once.
    pub async fn begin_reading(&self, tenant: &TenantId, bytes: usize) -> Option<Reader> {
        if bytes <= SMALL_BODY { None } else { Some(self.readers.take(tenant).await) }
    }

    /// Waits for room for a body of `bytes` that has arrived: a client that announces much and sends nothing takes none.
    pub async fn admit(&self, bytes: usize) -> Option<Held> {
        self.room.admit(bytes).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_too_much_waits_and_what_is_too_large_gets_all() {
        let room = Room::new(10);
        let first = room.admit(6).await;
        let waits = tokio::spawn({
            let room = room.clone();
            async move { room.admit(1_000).await.is_some() }
        });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        drop(first);
        assert!(waits.await.expect("no panic"));
        assert!(room.admit(0).await.is_some());
    }
}
