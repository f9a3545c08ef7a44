//! Secrets among the parameters: how a user writes them, and how they are stored.

use zeroize::Zeroizing;

use crate::domain::scope::Scope;
use crate::domain::sealed::{MASK, Sealed};
use crate::ports::Ports;
use crate::secrets::{KeyError, Keyring};

/// A secret as a user wrote it; `K` is how it is stored. It is never printed.
pub enum Secret<K> {
    /// The mask: the stored one stays.
    Kept(K),
    /// Another one.
    New(Zeroizing<String>),
}

impl<K> Secret<K> {
    /// Reads a field. A mask with nothing stored is taken as the secret itself: no check lets it pass, for it is not
    /// ASCII.
    pub fn read(written: String, kept: Option<K>) -> Self {
        match kept {
            Some(kept) if written == MASK => Self::Kept(kept),
            _ => Self::New(Zeroizing::new(written)),
        }
    }

    /// The text to check, if it is new.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Kept(_) => None,
            Self::New(text) => Some(text),
        }
    }
}

/// Seals secrets for the scope they belong to.
#[derive(Clone)]
pub struct Vault {
    keys: Keyring,
    ports: Ports,
}

impl Vault {
    /// Over the master keys.
    #[must_use]
    pub fn new(keys: Keyring, ports: Ports) -> Self {
        Self { keys, ports }
    }

    /// Time and randomness.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Seals a text.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn seal(&self, scope: &Scope, text: &str) -> Result<Sealed, KeyError> {
        self.keys.seal(scope, text, &self.ports)
    }

    /// A secret as it is stored.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn store(&self, scope: &Scope, secret: Secret<Sealed>) -> Result<Sealed, KeyError> {
        match secret {
            Secret::Kept(sealed) => Ok(sealed),
            Secret::New(text) => self.seal(scope, &text),
        }
    }

    /// Opens a stored secret.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open(&self, scope: &Scope, sealed: &Sealed) -> Result<Zeroizing<String>, KeyError> {
        self.keys.open(scope, sealed)
    }
}
