//! Encryption at rest under a key the database does not hold, and the keys for it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::domain::scope::Scope;
use crate::domain::sealed::Sealed;
use crate::ports::Ports;

/// Why a secret could not be read, or a key ring not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Sealed under a key that is not on the ring: this process may not have loaded it yet.
    #[error("a stored secret is encrypted with a key that is not on the ring")]
    UnknownKey,
    /// Sealed for another scope, or changed since.
    #[error("a stored secret cannot be opened with the keys at hand")]
    Unopenable,
    /// Not a key ring.
    #[error("the key ring must be a JSON object with \"current\" and a key of at least 32 characters under each id")]
    Malformed,
}

/// The master keys: the current one seals and signs, the older ones still open and verify. Clones share what
/// [`Keyring::replace`] puts in.
#[derive(Clone)]
pub struct Keyring(Arc<RwLock<Arc<Ring>>>);

struct Ring {
    current: String,
    keys: BTreeMap<String, DerivedKeys>,
}

struct DerivedKeys {
    cipher: Aes256Gcm,
    token: TokenKey,
}

/// The key that signs access tokens.
pub type TokenKey = Zeroizing<[u8; 32]>;

/// The text of a ring: `{"current": "k1", "k1": "...", "k0": "..."}`.
type Entries = BTreeMap<String, Zeroizing<String>>;

impl Keyring {
    /// Reads `{"current": "k1", "k1": "...", "k0": "..."}`.
    ///
    /// # Errors
    /// [`KeyError::Malformed`].
    pub fn from_json(text: &str) -> Result<Self, KeyError> {
        let mut entries: Entries = serde_json::from_str(text).map_err(|_| KeyError::Malformed)?;
        let current = entries.remove("current").ok_or(KeyError::Malformed)?;
        let mut keys = BTreeMap::new();
        for (id, material) in entries {
            if material.len() < 32 || id.contains('.') {
                return Err(KeyError::Malformed);
            }
            let cipher = Aes256Gcm::new_from_slice(&*derive(&material, "secrets")).map_err(|_| KeyError::Malformed)?;
            keys.insert(id, DerivedKeys { cipher, token: derive(&material, "tokens") });
        }
        if !keys.contains_key(current.as_str()) {
            return Err(KeyError::Malformed);
        }
        Ok(Self(Arc::new(RwLock::new(Arc::new(Ring { current: current.to_string(), keys })))))
    }

    /// The text of a new ring with one key.
    #[must_use]
    pub fn generate(ports: &Ports) -> Zeroizing<String> {
        let material = hex::encode(ports.bytes::<32>());
        Zeroizing::new(serde_json::json!({"current": "k1", "k1": material}).to_string())
    }

    /// A random ring, for processes that neither sign nor decrypt.
    ///
    /// # Errors
    /// None that can happen.
    pub fn throwaway(ports: &Ports) -> Result<Self, KeyError> {
        Self::from_json(&Self::generate(ports))
    }

    /// The text of a ring with one key more, which is the current one; all others stay.
    ///
    /// # Errors
    /// [`KeyError::Malformed`].
    pub fn rotated(text: &str, ports: &Ports) -> Result<Zeroizing<String>, KeyError> {
        Self::from_json(text)?;
        let mut entries: Entries = serde_json::from_str(text).map_err(|_| KeyError::Malformed)?;
        let id = (1_u32..).map(|n| format!("k{n}")).find(|id| !entries.contains_key(id)).ok_or(KeyError::Malformed)?;
        entries.insert("current".to_owned(), Zeroizing::new(id.clone()));
        entries.insert(id, Zeroizing::new(hex::encode(ports.bytes::<32>())));
        serde_json::to_string_pretty(&entries).map(Zeroizing::new).map_err(|_| KeyError::Malformed)
    }

    /// Takes over the keys of another ring, in this one and all its clones.
    pub fn replace(&self, other: &Self) {
        let ring = other.ring();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = ring;
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Encrypts `secret` so that only the same scope can open it.
    ///
    /// # Errors
    /// [`KeyError`] where the cipher refuses, which no input of ours makes it do.
    pub fn seal(&self, scope: &Scope, secret: impl AsRef<[u8]>, ports: &Ports) -> Result<Sealed, KeyError> {
        let ring = self.ring();
        let key = ring.keys.get(&ring.current).ok_or(KeyError::Unopenable)?;
        let nonce = ports.bytes::<12>();
        let aad = scope.to_string();
        let payload = Payload { msg: secret.as_ref(), aad: aad.as_bytes() };
        let mut bytes = nonce.to_vec();
        bytes.extend(key.cipher.encrypt(&Nonce::from(nonce), payload).map_err(|_| KeyError::Unopenable)?);
        Ok(Sealed::new(format!("v1.{}.{}", ring.current, BASE64.encode(bytes))))
    }

    /// Decrypts the text that [`Keyring::seal`] was given for the same scope.
    ///
    /// # Errors
    /// [`KeyError::UnknownKey`], [`KeyError::Unopenable`].
    pub fn open(&self, scope: &Scope, sealed: &Sealed) -> Result<Zeroizing<String>, KeyError> {
        let plain = self.open_bytes(scope, sealed)?;
        std::str::from_utf8(&plain).map(|text| Zeroizing::new(text.to_owned())).map_err(|_| KeyError::Unopenable)
    }

    /// Decrypts what [`Keyring::seal`] made for the same scope.
    ///
    /// # Errors
    /// [`KeyError::UnknownKey`], [`KeyError::Unopenable`].
    pub fn open_bytes(&self, scope: &Scope, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let mut parts = sealed.text().splitn(3, '.');
        let (version, id, data) = (parts.next(), parts.next(), parts.next());
        let (Some("v1"), Some(id), Some(data)) = (version, id, data) else { return Err(KeyError::Unopenable) };
        let ring = self.ring();
        let key = ring.keys.get(id).ok_or(KeyError::UnknownKey)?;
        let bytes = BASE64.decode(data).map_err(|_| KeyError::Unopenable)?;
        let (nonce, msg) = bytes.split_first_chunk::<12>().ok_or(KeyError::Unopenable)?;
        let aad = scope.to_string();
        let payload = Payload { msg, aad: aad.as_bytes() };
        key.cipher.decrypt(&Nonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| KeyError::Unopenable)
    }

    /// The key that new access tokens are signed with, and its id.
    #[must_use]
    pub fn token_key(&self) -> Option<(String, TokenKey)> {
        let id = self.ring().current.clone();
        self.token_key_of(&id).map(|key| (id, key))
    }

    /// The token key of that id, to verify a token made under it.
    #[must_use]
    pub fn token_key_of(&self, id: &str) -> Option<TokenKey> {
        self.ring().keys.get(id).map(|key| key.token.clone())
    }
}

/// One master key makes several: none of them tells another.
fn derive(material: &str, purpose: &str) -> Zeroizing<[u8; 32]> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(material.as_bytes()).expect("any length is a key");
    mac.update(b"sluice/");
    mac.update(purpose.as_bytes());
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scope::Environment;

    fn scope(tenant: &str) -> Scope {
        Scope { tenant: tenant.parse().expect("tenant"), environment: Environment::Production }
    }

    #[test]
    fn only_the_same_scope_and_a_key_of_the_ring_open_a_secret() {
        let ports = Ports::system();
        let ring = Keyring::from_json(&Keyring::generate(&ports)).expect("ring");
        let sealed = ring.seal(&scope("a"), "s3cret", &ports).expect("seals");
        assert_eq!(*ring.open(&scope("a"), &sealed).expect("opens"), "s3cret");
        assert!(ring.open(&scope("b"), &sealed).is_err());
        let other = Keyring::from_json(&Keyring::generate(&ports)).expect("ring");
        assert!(other.open(&scope("a"), &sealed).is_err());
        assert!(!format!("{sealed:?}").contains("k1"));
    }

    #[test]
    fn a_rotated_ring_still_opens_and_verifies_what_is_old() {
        let ports = Ports::system();
        let first = Keyring::generate(&ports);
        let ring = Keyring::from_json(&first).expect("ring");
        let (sealed, old) = (ring.seal(&scope("a"), "s", &ports).expect("seals"), ring.token_key().expect("a key"));
        let second = Keyring::rotated(&first, &ports).expect("rotates");
        // A clone that is in use already sees the new keys too.
        let in_use = ring.clone();
        ring.replace(&Keyring::from_json(&second).expect("ring"));
        assert_eq!(*in_use.open(&scope("a"), &sealed).expect("opens"), "s");
        assert_eq!(in_use.token_key_of(&old.0), Some(old.1));
        let (id, _) = in_use.token_key().expect("a key");
        assert_eq!((old.0.as_str(), id.as_str()), ("k1", "k2"));
        let third = Keyring::rotated(&second, &ports).expect("rotates");
        assert_eq!(Keyring::from_json(&third).expect("ring").token_key().expect("a key").0, "k3");
    }

    #[test]
    fn a_bad_ring_is_refused() {
        for bad in ["", "{}", r#"{"current":"a"}"#, r#"{"current":"a","a":"short"}"#] {
            assert!(Keyring::from_json(bad).is_err(), "{bad}");
        }
    }
}
