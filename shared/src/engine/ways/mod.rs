//! Ways: how a route gets its events. Each is one folder with the same few operations; the rest of the engine
//! delegates.

pub(crate) mod export;
pub(crate) mod live;
pub(crate) mod ordered;

use std::sync::Arc;

use async_trait::async_trait;

use super::EngineError;
use super::messages::{Events, Recipient, Task};
use crate::deadline::Deadline;
use crate::domain::event::Event;
use crate::domain::route::{Route, Way};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::domain::transaction::Outcome;
use crate::store::routes::{Compiled, Snapshot};
use export::Export;
use live::Live;
use ordered::Ordered;

/// The operations of every way.
#[async_trait]
pub(crate) trait RouteWay: Send + Sync {
    /// A route is about to be made: writes down what must be there before it.
    async fn created(&self, scope: &Scope, route: &Route) -> Result<(), EngineError>;

    /// Published events that routes of this way ask for.
    async fn matched(&self, scope: &Scope, matches: Vec<Matched>) -> Result<(), EngineError>;

    /// Works on a delivery message of a route.
    async fn deliver(&self, work: Work) -> Result<Vec<Outcome>, EngineError>;

    /// A route runs, newly made or again: sees to what it has to get from the log. `not_live_since` is when it stopped.
    async fn started(&self, scope: &Scope, route: &Route, not_live_since: Option<Millis>) -> Result<(), EngineError>;

    /// Whether a route has got all of its window.
    async fn finished(&self, scope: &Scope, route: &Route) -> Result<bool, EngineError>;

    /// A route is gone, and its records with it: forgets what the process remembers of it.
    fn forgotten(&self, route: &str);
}

/// What one route asks for of some chunks.
pub(crate) struct Matched {
    /// The route's uid.
    pub(crate) route: String,
    /// The size of the payloads.
    pub(crate) bytes: usize,
    /// Chunks of which it gets all: each fits one message, and need not be decoded.
    pub(crate) chunks: Vec<Events>,
    /// All other events, in the order of the log.
    pub(crate) events: Vec<Arc<Event>>,
}

/// A delivery message that is due, and its route as it stands.
pub(crate) struct Work {
    pub(crate) to: Recipient,
    pub(crate) task: Task,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) compiled: Arc<Compiled>,
    /// When the worker call ends.
    pub(crate) deadline: Deadline,
}

/// The ways of this deployment.
#[derive(Clone)]
pub(crate) struct Ways {
    pub(crate) live: Arc<Live>,
    pub(crate) ordered: Arc<Ordered>,
    pub(crate) export: Arc<Export>,
}

impl Ways {
    /// The one that a route has.
    pub(crate) fn of(&self, way: Way) -> &dyn RouteWay {
        match way {
            Way::Live => &*self.live,
            Way::Ordered => &*self.ordered,
            Way::Export => &*self.export,
        }
    }
}
