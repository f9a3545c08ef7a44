//! What all configurations of pipelines have in common.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// A configuration, as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config<T> {
    /// Its id.
    pub id: String,
    /// Its content.
    pub body: T,
    /// When it was made.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
    /// How often it was written.
    pub revision: u64,
}

/// A kind of configuration.
pub trait Kind: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// Its name in keys.
    const NAME: &'static str;
    /// What its ids begin with.
    const PREFIX: &'static str;
    /// The most of a scope.
    const MAX: usize;
    /// Whether it holds secrets.
    const SECRET: bool = false;
}

impl<T> Config<T> {
    /// A new one.
    #[must_use]
    pub fn new(id: String, body: T, now: Millis) -> Self {
        Self { id, body, created_at: now, updated_at: now, revision: 1 }
    }

    /// Its entity tag: it changes with every write.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("\"{}\"", self.revision)
    }
}
