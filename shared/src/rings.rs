//! Rings of master keys: their text, and the keys in use, which can be replaced while the process runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::domain::time::Millis;
use crate::ports::Ports;

/// A ring of master keys. Each has a secret of its own, so that a process gets no more than it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// Encrypts what is stored.
    Secrets,
    /// Signs access tokens.
    Tokens,
}

/// Not a key ring.
#[derive(Debug, thiserror::Error)]
#[error("a key ring must be a JSON object with \"current\" and a key of at least 32 characters under each id")]
pub struct NotARing;

type Entries = BTreeMap<String, Zeroizing<String>>;

/// The text of a ring: `{"current": "k1", "k1": "...", "k0": "..."}`.
pub struct RingText {
    pub(crate) current: String,
    pub(crate) keys: Entries,
    /// When this version of it was made: a newer one replaces an older one.
    pub(crate) made_at: Millis,
}

impl RingText {
    /// Reads it.
    ///
    /// # Errors
    /// [`NotARing`].
    pub fn parse(text: &str, made_at: Millis) -> Result<Self, NotARing> {
        let mut keys: Entries = serde_json::from_str(text).map_err(|_| NotARing)?;
        let current = keys.remove("current").ok_or(NotARing)?.to_string();
        let bad = |(id, material): (&String, &Zeroizing<String>)| material.len() < 32 || id.contains('.');
        if keys.iter().any(bad) || !keys.contains_key(&current) {
            return Err(NotARing);
        }
        Ok(Self { current, keys, made_at })
    }

    /// The text of a new ring with one key.
    #[must_use]
    pub fn generate(ports: &Ports) -> Zeroizing<String> {
        let material = hex::encode(ports.bytes::<32>());
        Zeroizing::new(serde_json::json!({"current": "k1", "k1": material}).to_string())
    }

    /// The text of a ring with one key more, which is the current one; all others stay.
    ///
    /// # Errors
    /// [`NotARing`].
    pub fn rotated(text: &str, ports: &Ports) -> Result<Zeroizing<String>, NotARing> {
        let mut entries = Self::parse(text, Millis::ZERO)?.keys;
        let id = (1_u32..).map(|n| format!("k{n}")).find(|id| !entries.contains_key(id)).ok_or(NotARing)?;
        entries.insert("current".to_owned(), Zeroizing::new(id.clone()));
        entries.insert(id, Zeroizing::new(hex::encode(ports.bytes::<32>())));
        serde_json::to_string_pretty(&entries).map(Zeroizing::new).map_err(|_| NotARing)
    }
}

/// A key made from a master key for one purpose: it tells neither the master key nor the key of another purpose.
pub(crate) fn derive(material: &str, purpose: &str) -> Zeroizing<[u8; 32]> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(material.as_bytes()).expect("any length is a key");
    mac.update(b"sluice/");
    mac.update(purpose.as_bytes());
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// After a look for newer keys there is no other for this long, so that ids that nobody has cost little.
const LOOKED: Duration = Duration::from_secs(2);

/// The keys in use, and where newer ones are read.
pub(crate) struct Live<T> {
    current: RwLock<Arc<T>>,
    lookup: Option<Lookup<T>>,
}

struct Lookup<T> {
    read: Box<dyn Fn() -> Option<T> + Send + Sync>,
    ports: Ports,
    looked_at: Mutex<Option<Millis>>,
}

impl<T> Live<T> {
    /// Keys that only [`Live::replace`] changes.
    pub(crate) fn new(keys: Arc<T>) -> Self {
        Self { current: RwLock::new(keys), lookup: None }
    }

    /// Keys that `read` finds the newest of. It may block.
    pub(crate) fn with(keys: Arc<T>, read: impl Fn() -> Option<T> + Send + Sync + 'static, ports: Ports) -> Self {
        let lookup = Lookup { read: Box::new(read), ports, looked_at: Mutex::default() };
        Self { lookup: Some(lookup), ..Self::new(keys) }
    }

    pub(crate) fn keys(&self) -> Arc<T> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace(&self, keys: Arc<T>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// The newest keys, unless they have just been looked for. Who asks meanwhile waits for the same look.
    pub(crate) fn look_again(&self) -> Arc<T> {
        if let Some(Lookup { read, ports, looked_at }) = &self.lookup {
            let mut looked_at = looked_at.lock().unwrap_or_else(PoisonError::into_inner);
            if looked_at.is_none_or(|before| ports.now().since(before) >= LOOKED) {
                if let Some(newer) = read() {
                    self.replace(Arc::new(newer));
                }
                *looked_at = Some(ports.now());
            }
        }
        self.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_ring_is_refused() {
        for bad in ["", "{}", r#"{"current":"a"}"#, r#"{"current":"a","a":"short"}"#] {
            assert!(RingText::parse(bad, Millis::ZERO).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_rotated_ring_has_one_key_more() {
        let ports = Ports::system();
        let first = RingText::generate(&ports);
        let second = RingText::rotated(&first, &ports).expect("rotates");
        let third = RingText::rotated(&second, &ports).expect("rotates");
        let (first, third) = (RingText::parse(&first, Millis::ZERO), RingText::parse(&third, Millis::ZERO));
        let (first, third) = (first.expect("a ring"), third.expect("a ring"));
        assert_eq!((first.current.as_str(), third.current.as_str()), ("k1", "k3"));
        assert_eq!(first.keys["k1"], third.keys["k1"]);
        assert_eq!(third.keys.len(), 3);
    }
}
