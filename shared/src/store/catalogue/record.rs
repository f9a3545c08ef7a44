//! The trait of a catalogue's records.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;
use crate::domain::sealed::Sealed;
use crate::ports::Ports;
use crate::secrets::{KeyError, Keyring};
use crate::store::{Item, StoreError};

/// A record of a catalogue.
pub trait Record: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The cached form: the record, with anything compiled from it.
    type Compiled: Send + Sync + 'static;

    /// The family of the catalogue.
    const FAMILY: ScopeFamily<'static>;

    /// The kind. Ids are unique within it, and records are counted by it.
    fn kind(&self) -> &'static str;

    /// The id its user knows.
    fn id(&self) -> &str;

    /// The attribute `uid`, which distinguishes it from an earlier record of the same id.
    fn uid(&self) -> Option<&str> {
        None
    }

    /// How often it was written, in its attribute `revision`: a write names the revision it has read.
    fn revision_mut(&mut self) -> &mut u64;

    /// Compiles it, or takes over what `known`, an earlier state, has compiled. It runs on a deep stack. `None`: the
    /// cache does not need it.
    fn compile(self, known: Option<&Self::Compiled>) -> Option<Self::Compiled>;

    /// Seals what must not be stored in plain.
    ///
    /// # Errors
    /// [`StoreError`].
    fn seal(&self, _item: &mut Item, _sealer: &Sealer<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    /// Opens what [`Record::seal`] has sealed.
    ///
    /// # Errors
    /// [`StoreError`].
    fn unseal(_item: &mut Item, _sealer: &Sealer<'_>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Seals attributes of a scope's records.
pub struct Sealer<'a> {
    pub(super) keys: &'a Keyring,
    pub(super) ports: &'a Ports,
    pub(super) scope: &'a Scope,
}

impl Sealer<'_> {
    /// Replaces an attribute by `value`, sealed whole.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn seal(&self, item: &mut Item, name: &str, value: &impl Serialize) -> Result<(), StoreError> {
        let plain = serde_json::to_vec(value).map_err(malformed)?;
        let sealed = self.keys.seal(self.scope, plain, self.ports).map_err(unopenable)?;
        item.insert(name.to_owned(), serde_dynamo::to_attribute_value(sealed).map_err(malformed)?);
        Ok(())
    }

    /// Opens an attribute that [`Sealer::seal`] has sealed.
    ///
    /// # Errors
    /// [`StoreError::Malformed`]; [`StoreError::Unavailable`] if this process does not have the key (yet).
    pub fn unseal<T>(&self, item: &mut Item, name: &str) -> Result<(), StoreError>
    where
        T: Serialize + for<'de> Deserialize<'de>,
    {
        let sealed = item.remove(name).ok_or_else(|| StoreError::Malformed(format!("no {name}")))?;
        let sealed: Sealed = serde_dynamo::from_attribute_value(sealed).map_err(malformed)?;
        let plain = self.keys.open_bytes(self.scope, &sealed).map_err(unopenable)?;
        let value: T = serde_json::from_slice(&plain).map_err(malformed)?;
        item.insert(name.to_owned(), serde_dynamo::to_attribute_value(value).map_err(malformed)?);
        Ok(())
    }
}

fn malformed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Malformed(error.to_string())
}

/// A process that has not loaded the newest keys must not take the records under them for malformed.
pub(in crate::store) fn unopenable(error: KeyError) -> StoreError {
    match error {
        KeyError::UnknownKey | KeyError::NoKeys => StoreError::Unavailable(error.to_string()),
        KeyError::Unopenable => malformed(error),
    }
}
