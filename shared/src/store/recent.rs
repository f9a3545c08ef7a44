//! Chunks that this process has logged lately: messages to its own workers need not carry them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::ids::ChunkId;
use crate::domain::scope::Scope;

/// What a chunk takes in memory beside its body, about.
const FRAME: usize = 256;

/// The most recent chunks, as they are encoded.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    most_bytes: usize,
    chunks: Arc<Mutex<Chunks>>,
}

#[derive(Debug, Default)]
struct Chunks {
    bytes: usize,
    bodies: HashMap<ChunkId, (Scope, Arc<[u8]>)>,
    /// Oldest first.
    order: VecDeque<ChunkId>,
}

impl Recent {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { most_bytes, chunks: Arc::default() }
    }

    fn chunks(&self) -> MutexGuard<'_, Chunks> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, scope: &Scope, id: ChunkId, body: Vec<u8>) {
        let (body, size): (Arc<[u8]>, _) = (body.into(), |body: &[u8]| body.len() + FRAME);
        let mut chunks = self.chunks();
        chunks.bytes += size(&body);
        if let Some((_, earlier)) = chunks.bodies.insert(id, (scope.clone(), body)) {
            chunks.bytes -= size(&earlier);
        } else {
            chunks.order.push_back(id);
        }
        while chunks.bytes > self.most_bytes {
            let Some(oldest) = chunks.order.pop_front() else { return };
            let removed = chunks.bodies.remove(&oldest);
            chunks.bytes -= removed.map_or(0, |(_, body)| size(&body));
        }
    }

    pub(super) fn get(&self, scope: &Scope, id: ChunkId) -> Option<Arc<[u8]>> {
        let chunks = self.chunks();
        chunks.bodies.get(&id).filter(|(owner, _)| owner == scope).map(|(_, body)| Arc::clone(body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Millis;

    #[test]
    fn the_newest_chunks_are_kept_and_only_for_their_scope() {
        let scope = |tenant: &str| -> Scope {
            let text = format!(r#"{{"tenant":"{tenant}","environment":"production"}}"#);
            serde_json::from_str(&text).expect("a scope")
        };
        let (recent, own, id) = (Recent::new(2 * (FRAME + 50)), scope("acme"), |n| ChunkId::floor(Millis(n)));
        for n in 0..5 {
            recent.add(&own, id(n), vec![0; 40]);
        }
        let kept = (0..5).map(|n| recent.get(&own, id(n)).is_some());
        assert_eq!(kept.collect::<Vec<_>>(), [false, false, false, true, true]);
        assert_eq!(recent.get(&scope("other"), id(4)), None);
        // The same again takes no more room.
        recent.add(&own, id(4), vec![1; 40]);
        assert!(recent.get(&own, id(3)).is_some() && recent.get(&own, id(4)).is_some_and(|body| body[0] == 1));
        // One that is too large is not kept, and what was before it neither.
        recent.add(&own, id(5), vec![0; FRAME + 101]);
        assert!((0..6).all(|n| recent.get(&own, id(n)).is_none()));
        let chunks = recent.chunks();
        assert_eq!((chunks.bytes, chunks.bodies.len(), chunks.order.len()), (0, 0, 0));
    }
}
