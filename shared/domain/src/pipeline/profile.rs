//! Connection profiles: a system, and how it is treated.

use serde::{Deserialize, Serialize};

use super::config::Kind;
use super::system::System;
use crate::problems::Problems;
use crate::sealed::Sealed;

/// The most calls at once to one system.
pub const MAX_CONCURRENT: u32 = 100;

/// A connection profile. `S` is a secret, as it is written, stored, shown or used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = WrittenProfile, example = json!({
    "name": "shop",
    "connection": {"system": "genericApi", "baseUrl": "https://api.example.com", "auth": {"type": "bearer", "token": "secret"}},
    "maxConcurrent": 5,
}))]
pub struct Profile<S> {
    /// A name for people: 1 to 200 bytes.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// The system, and how it is reached: `system` is `genericApi`, `shopify`, `wooCommerce`, `eventStream` or `flatFile`.
    #[schema(value_type = Object)]
    pub connection: System<S>,
    /// The most calls to it at once, over all runs: 1 to 100, default 5.
    #[serde(default = "max_concurrent")]
    #[schema(minimum = 1, maximum = 100)]
    pub max_concurrent: u32,
    /// Whether it is used.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// A profile as a user writes it, or sees it with masks.
pub type WrittenProfile = Profile<String>;
/// A profile as it is stored.
pub type StoredProfile = Profile<Sealed>;

const fn max_concurrent() -> u32 {
    5
}

const fn yes() -> bool {
    true
}

impl Kind for StoredProfile {
    const NAME: &'static str = "profiles";
    const PREFIX: &'static str = "prf";
    const MAX: usize = 500;
    // URLs and headers hold secrets of their own.
    const SECRET: bool = true;
}

impl<S> Profile<S> {
    /// The same with another form of secrets.
    ///
    /// # Errors
    /// The first of `form`.
    pub fn map_secrets<T, E>(self, form: impl FnMut(&str, S) -> Result<T, E>) -> Result<Profile<T>, E> {
        let Self { name, connection, max_concurrent, enabled } = self;
        Ok(Profile { name, connection: connection.map_secrets(form)?, max_concurrent, enabled })
    }

    /// The same with masks for its secrets.
    #[must_use]
    pub fn masked(self) -> WrittenProfile {
        let Self { name, connection, max_concurrent, enabled } = self;
        Profile { name, connection: connection.masked(), max_concurrent, enabled }
    }
}

impl WrittenProfile {
    /// What is wrong with it; `kept` is what is stored already, and what masks stand for.
    #[must_use]
    pub fn problems<K>(&self, kept: Option<&Profile<K>>) -> Problems {
        let mut problems = Problems::default();
        problems.within("/connection", self.connection.problems(kept.map(|kept| &kept.connection)));
        problems.label("/name", &self.name, 200);
        problems.range("/maxConcurrent", self.max_concurrent, 1..=MAX_CONCURRENT);
        problems
    }

    /// The same as it is stored: new secrets sealed, masked ones as they were.
    ///
    /// # Errors
    /// The first of `seal`.
    pub fn keep<E>(
        self,
        kept: Option<&StoredProfile>,
        seal: impl FnMut(String) -> Result<Sealed, E>,
    ) -> Result<StoredProfile, E> {
        let Self { name, connection, max_concurrent, enabled } = self;
        let connection = connection.keep(kept.map(|kept| &kept.connection), seal)?;
        Ok(Profile { name, connection, max_concurrent, enabled })
    }
}
