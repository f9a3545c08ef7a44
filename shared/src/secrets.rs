//! Encryption at rest under a key the database does not hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use zeroize::Zeroizing;

use crate::domain::scope::Scope;
use crate::domain::sealed::Sealed;
use crate::domain::time::Millis;
use crate::ports::Ports;
use crate::rings::{Live, NotARing, RingText, derive};

/// Why a secret could not be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Sealed under a key that is not on the ring.
    #[error("a stored secret is encrypted with a key that is not on the ring")]
    UnknownKey,
    /// The process has no keys: its function neither seals nor opens.
    #[error("this process was not given the keys of stored secrets")]
    NoKeys,
    /// Sealed for another scope, or changed since.
    #[error("a stored secret cannot be opened with the keys at hand")]
    Unopenable,
}

/// The master keys of stored secrets: the current one seals, the older ones still open. Clones share what
/// [`Keyring::replace`] puts in.
#[derive(Clone)]
pub struct Keyring(Arc<Live<SealingKeys>>);

/// None of them: the process was given none.
#[derive(Default)]
struct SealingKeys {
    current: String,
    ciphers: BTreeMap<String, Aes256Gcm>,
}

impl SealingKeys {
    fn of(ring: &RingText) -> Result<Self, NotARing> {
        let cipher = |(id, material): (&String, &Zeroizing<String>)| {
            let cipher = Aes256Gcm::new_from_slice(&*derive(material, "secrets")).map_err(|_| NotARing)?;
            Ok((id.clone(), cipher))
        };
        Ok(Self { current: ring.current.clone(), ciphers: ring.keys.iter().map(cipher).collect::<Result<_, _>>()? })
    }
}

impl Keyring {
    /// The keys of a ring.
    ///
    /// # Errors
    /// [`NotARing`].
    pub fn new(ring: &RingText) -> Result<Self, NotARing> {
        Ok(Self(Arc::new(Live::new(Arc::new(SealingKeys::of(ring)?)))))
    }

    /// The keys of a ring, by its text.
    ///
    /// # Errors
    /// [`NotARing`].
    pub fn from_json(text: &str) -> Result<Self, NotARing> {
        Self::new(&RingText::parse(text, Millis::ZERO)?)
    }

    /// A random ring, for tests.
    ///
    /// # Errors
    /// None that can happen.
    pub fn throwaway(ports: &Ports) -> Result<Self, NotARing> {
        Self::from_json(&RingText::generate(ports))
    }

    /// No keys, for a process that has nothing to seal or open.
    #[must_use]
    pub fn empty() -> Self {
        Self(Arc::new(Live::new(Arc::default())))
    }

    /// The same keys; where a secret names one that is not among them, `read` is asked for the newest ring. It may
    /// block: that is a rare moment of a rotation.
    #[must_use]
    pub fn looking_up(self, read: impl Fn() -> Option<RingText> + Send + Sync + 'static, ports: Ports) -> Self {
        let read = move || SealingKeys::of(&read()?).ok();
        Self(Arc::new(Live::with(self.0.keys(), read, ports)))
    }

    /// Takes over the keys of another ring, in this one and all its clones.
    pub fn replace(&self, other: &Self) {
        self.0.replace(other.0.keys());
    }

    /// Encrypts `secret` so that only the same scope can open it.
    ///
    /// # Errors
    /// [`KeyError::NoKeys`], or where the cipher refuses, which no input of ours makes it do.
    pub fn seal(&self, scope: &Scope, secret: impl AsRef<[u8]>, ports: &Ports) -> Result<Sealed, KeyError> {
        let keys = self.0.keys();
        let cipher = keys.ciphers.get(&keys.current).ok_or(KeyError::NoKeys)?;
        let nonce = ports.bytes::<12>();
        let aad = scope.to_string();
        let payload = Payload { msg: secret.as_ref(), aad: aad.as_bytes() };
        let mut bytes = nonce.to_vec();
        bytes.extend(cipher.encrypt(&Nonce::from(nonce), payload).map_err(|_| KeyError::Unopenable)?);
        Ok(Sealed::new(format!("v1.{}.{}", keys.current, BASE64.encode(bytes))))
    }

    /// Encrypts bytes of any size so that only the same scope can open them, and only under the same name.
    ///
    /// # Errors
    /// As [`Keyring::seal`].
    pub fn seal_blob(&self, scope: &Scope, name: &str, bytes: &[u8], ports: &Ports) -> Result<Vec<u8>, KeyError> {
        let keys = self.0.keys();
        let cipher = keys.ciphers.get(&keys.current).ok_or(KeyError::NoKeys)?;
        let nonce = ports.bytes::<12>();
        let aad = format!("{scope}/{name}");
        let sealed = cipher.encrypt(&Nonce::from(nonce), Payload { msg: bytes, aad: aad.as_bytes() });
        let sealed = sealed.map_err(|_| KeyError::Unopenable)?;
        let mut blob = Vec::with_capacity(keys.current.len() + 4 + nonce.len() + sealed.len());
        blob.extend_from_slice(b"v1.");
        blob.extend_from_slice(keys.current.as_bytes());
        blob.push(b'.');
        blob.extend_from_slice(&nonce);
        blob.extend_from_slice(&sealed);
        Ok(blob)
    }

    /// Decrypts what [`Keyring::seal_blob`] made for the same scope and name.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open_blob(&self, scope: &Scope, name: &str, blob: &[u8]) -> Result<Vec<u8>, KeyError> {
        let rest = blob.strip_prefix(b"v1.").ok_or(KeyError::Unopenable)?;
        let end = rest.iter().position(|byte| *byte == b'.').ok_or(KeyError::Unopenable)?;
        let id = std::str::from_utf8(&rest[..end]).map_err(|_| KeyError::Unopenable)?;
        let (nonce, msg) = rest[end + 1..].split_first_chunk::<12>().ok_or(KeyError::Unopenable)?;
        let keys = self.keys_with(id)?;
        let cipher = keys.ciphers.get(id).ok_or(KeyError::UnknownKey)?;
        let aad = format!("{scope}/{name}");
        cipher.decrypt(&Nonce::from(*nonce), Payload { msg, aad: aad.as_bytes() }).map_err(|_| KeyError::Unopenable)
    }

    /// The keys; where that one is not among them, looked up anew.
    fn keys_with(&self, id: &str) -> Result<Arc<SealingKeys>, KeyError> {
        let keys = self.0.keys();
        if keys.ciphers.is_empty() {
            return Err(KeyError::NoKeys);
        }
        Ok(if keys.ciphers.contains_key(id) { keys } else { self.0.look_again() })
    }

    /// Decrypts the text that [`Keyring::seal`] was given for the same scope.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open(&self, scope: &Scope, sealed: &Sealed) -> Result<Zeroizing<String>, KeyError> {
        let plain = self.open_bytes(scope, sealed)?;
        std::str::from_utf8(&plain).map(|text| Zeroizing::new(text.to_owned())).map_err(|_| KeyError::Unopenable)
    }

    /// Decrypts what [`Keyring::seal`] made for the same scope.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open_bytes(&self, scope: &Scope, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let mut parts = sealed.text().splitn(3, '.');
        let (version, id, data) = (parts.next(), parts.next(), parts.next());
        let (Some("v1"), Some(id), Some(data)) = (version, id, data) else { return Err(KeyError::Unopenable) };
        let keys = self.keys_with(id)?;
        let cipher = keys.ciphers.get(id).ok_or(KeyError::UnknownKey)?;
        let bytes = BASE64.decode(data).map_err(|_| KeyError::Unopenable)?;
        let (nonce, msg) = bytes.split_first_chunk::<12>().ok_or(KeyError::Unopenable)?;
        let aad = scope.to_string();
        let payload = Payload { msg, aad: aad.as_bytes() };
        cipher.decrypt(&Nonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| KeyError::Unopenable)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::domain::scope::Environment;

    fn scope(tenant: &str) -> Scope {
        Scope { tenant: tenant.parse().expect("tenant"), environment: Environment::Production }
    }

    fn ring(text: &str) -> Keyring {
        Keyring::from_json(text).expect("a ring")
    }

    #[test]
    fn a_blob_opens_only_for_its_scope_and_name() {
        let ports = Ports::system();
        let ring = Keyring::throwaway(&ports).expect("ring");
        let blob = ring.seal_blob(&scope("a"), "documents/1", b"\0bytes", &ports).expect("seals");
        assert_eq!(ring.open_blob(&scope("a"), "documents/1", &blob).expect("opens"), b"\0bytes");
        assert!(ring.open_blob(&scope("b"), "documents/1", &blob).is_err());
        assert!(ring.open_blob(&scope("a"), "documents/2", &blob).is_err());
        let other = Keyring::throwaway(&ports).expect("ring");
        assert!(other.open_blob(&scope("a"), "documents/1", &blob).is_err());
        assert!(!blob.windows(5).any(|five| five == b"bytes"));
        for end in 0..blob.len() {
            assert!(ring.open_blob(&scope("a"), "documents/1", &blob[..end]).is_err(), "{end}");
        }
        assert!(matches!(Keyring::empty().open_blob(&scope("a"), "x", &blob), Err(KeyError::NoKeys)));
    }

    #[test]
    fn only_the_same_scope_and_a_key_of_the_ring_open_a_secret() {
        let ports = Ports::system();
        let ring = Keyring::throwaway(&ports).expect("ring");
        let sealed = ring.seal(&scope("a"), "s3cret", &ports).expect("seals");
        assert_eq!(*ring.open(&scope("a"), &sealed).expect("opens"), "s3cret");
        assert!(ring.open(&scope("b"), &sealed).is_err());
        let other = Keyring::throwaway(&ports).expect("ring");
        assert!(other.open(&scope("a"), &sealed).is_err());
        assert!(!format!("{sealed:?}").contains("k1"));
    }

    #[test]
    fn a_process_without_keys_neither_seals_nor_opens() {
        let ports = Ports::system();
        let sealed = Keyring::throwaway(&ports).expect("ring").seal(&scope("a"), "s", &ports).expect("seals");
        let none = Keyring::empty();
        assert!(matches!(none.seal(&scope("a"), "s", &ports), Err(KeyError::NoKeys)));
        assert!(matches!(none.open(&scope("a"), &sealed), Err(KeyError::NoKeys)));
    }

    #[test]
    fn a_rotated_ring_still_opens_what_is_old() {
        let ports = Ports::system();
        let first = RingText::generate(&ports);
        let rotated = RingText::rotated(&first, &ports).expect("rotates");
        let old = ring(&first);
        let sealed = old.seal(&scope("a"), "s", &ports).expect("seals");
        // A clone that is in use already sees the new keys too.
        let in_use = old.clone();
        old.replace(&ring(&rotated));
        assert_eq!(*in_use.open(&scope("a"), &sealed).expect("opens"), "s");
        assert!(in_use.seal(&scope("a"), "s", &ports).expect("seals").text().starts_with("v1.k2."));
    }

    #[test]
    fn a_key_that_is_not_known_is_looked_up_at_once_and_not_for_every_secret() {
        let ports = Ports::system();
        let first = RingText::generate(&ports);
        let second = RingText::rotated(&first, &ports).expect("rotates");
        let third = RingText::rotated(&second, &ports).expect("rotates");
        let looks = Arc::new(AtomicUsize::new(0));
        let (counted, newest) = (Arc::clone(&looks), second.clone());
        let read = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            RingText::parse(&newest, Millis::ZERO).ok()
        };
        let behind = ring(&first).looking_up(read, ports.clone());
        let old = ring(&first).seal(&scope("a"), "old", &ports).expect("seals");
        assert_eq!(*behind.open(&scope("a"), &old).expect("opens"), "old");
        assert_eq!(looks.load(Ordering::Relaxed), 0);
        let new = ring(&second).seal(&scope("a"), "new", &ports).expect("seals");
        assert_eq!(*behind.open(&scope("a"), &new).expect("opens"), "new");
        let foreign = ring(&third).seal(&scope("a"), "foreign", &ports).expect("seals");
        for _ in 0..100 {
            assert!(matches!(behind.open(&scope("a"), &foreign), Err(KeyError::UnknownKey)));
        }
        assert_eq!(looks.load(Ordering::Relaxed), 1);
    }
}
