//! The parts of a process, put together once. Nothing below this module knows of it.

mod conflicts;
mod resources;

use std::ops::Deref;
use std::sync::Arc;

use crate::engine::{Engine, Tools};
use crate::outbound::Destinations;
use crate::ports::Ports;
use crate::queue::Queues;
use crate::secrets::Keyring;
use crate::settings::Settings;
use crate::store::documents::Blobs;
use crate::store::{Db, Stores};
use crate::tokens::TokenRing;

pub use resources::{Clients, MissingVariable, Patience, Resources};

/// The parts, together. Cheap to clone: it is done for every request.
#[derive(Clone)]
pub struct App(Arc<Parts>);

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The parts of an [`App`].
pub struct Parts {
    /// Time and randomness.
    pub ports: Ports,
    /// The operator's settings.
    pub settings: Settings,
    /// The keys of stored secrets.
    pub keys: Keyring,
    /// The keys that sign access tokens, if this process issues them.
    pub tokens: Option<TokenRing>,
    /// The kinds of destination.
    pub destinations: Destinations,
    /// The queues.
    pub queues: Queues,
    /// The records.
    pub stores: Stores,
    /// The use cases and the workers.
    pub engine: Engine,
}

/// The master keys that a process is given.
#[derive(Clone)]
pub struct Keys {
    /// Those of stored secrets.
    pub secrets: Keyring,
    /// Those of access tokens, if it issues them.
    pub tokens: Option<TokenRing>,
}

impl App {
    /// Puts the parts together. `extend` may add kinds of destination to those of the product.
    ///
    /// # Errors
    /// If the HTTP client cannot be made.
    pub fn new(
        clients: &Clients,
        resources: Resources,
        settings: Settings,
        Keys { secrets: keys, tokens }: Keys,
        ports: Ports,
        extend: impl FnOnce(Destinations) -> Destinations,
    ) -> Result<Self, reqwest::Error> {
        let destinations = extend(Destinations::standard(
            keys.clone(),
            ports.clone(),
            settings.reach,
            settings.request_timeout,
            clients.observer.clone(),
        )?);
        let db = Db::new(clients.dynamodb.clone(), resources.tables, ports.clone());
        let db = db.sole_since(resources.sole_since);
        let blobs = Blobs::new(clients.s3.clone(), resources.documents, keys.clone(), ports.clone());
        let mut stores = Stores::new(&db, blobs, &keys, settings.retention());
        if let Some(bytes) = resources.recent_bytes {
            stores.log = stores.log.keeping(bytes);
        }
        let tools = Tools {
            queues: Queues::new(clients.sqs.clone(), resources.queues),
            destinations: destinations.clone(),
            observer: clients.observer.clone(),
            settings: settings.clone(),
            ports: ports.clone(),
        };
        let engine = Engine::new(&tools, &stores)?;
        let Tools { queues, .. } = tools;
        Ok(Self(Arc::new(Parts { ports, settings, keys, tokens, destinations, queues, stores, engine })))
    }
}
