//! The keys of access tokens: Ed25519, made from the master keys of a ring. Whoever verifies has the public ones alone.

use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::domain::time::Millis;
use crate::rings::{Live, NotARing, RingText, derive};

/// What stands before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410).
const PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// The public half of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationKey {
    /// Its thumbprint (RFC 7638): another key never has the same id.
    pub kid: String,
    /// Its 32 bytes, in base64url.
    pub x: String,
}

/// The public halves of a ring, as verifiers are told them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedKeys {
    /// When the ring was made.
    pub made_at: Millis,
    /// Its keys, sorted.
    pub keys: Vec<VerificationKey>,
}

impl PublishedKeys {
    /// Whether that key is among them.
    #[must_use]
    pub fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid == kid)
    }
}

/// The keys of a ring, ready to sign.
pub struct SigningKeys {
    kid: String,
    current: EncodingKey,
    public: PublishedKeys,
}

impl SigningKeys {
    fn of(ring: &RingText) -> Result<Self, NotARing> {
        let mut keys = Vec::new();
        let mut current = None;
        for (id, material) in &ring.keys {
            let (private, public) = key(material).ok_or(NotARing)?;
            if *id == ring.current {
                current = Some((public.kid.clone(), private));
            }
            keys.push(public);
        }
        keys.sort_by(|one, other| one.kid.cmp(&other.kid));
        let (kid, current) = current.ok_or(NotARing)?;
        Ok(Self { kid, current, public: PublishedKeys { made_at: ring.made_at, keys } })
    }

    /// The id of the key that signs.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public halves of all.
    #[must_use]
    pub fn public(&self) -> &PublishedKeys {
        &self.public
    }

    /// A signed token.
    ///
    /// # Errors
    /// Where the claims are no JSON.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, claims, &self.current)
    }
}

fn key(material: &str) -> Option<(EncodingKey, VerificationKey)> {
    let seed = derive(material, "tokens/ed25519");
    let private = EncodingKey::from_ed_der(&Zeroizing::new([&PKCS8[..], &seed[..]].concat()));
    let jwk = Jwk::from_encoding_key(&private, Algorithm::EdDSA).ok()?;
    let kid = jwk.thumbprint(ThumbprintHash::SHA256).ok()?;
    let AlgorithmParameters::OctetKeyPair(pair) = jwk.algorithm else { return None };
    Some((private, VerificationKey { kid, x: pair.x }))
}

/// The ring that signs access tokens. Clones share what [`TokenRing::replace`] puts in.
#[derive(Clone)]
pub struct TokenRing(Arc<Live<SigningKeys>>);

impl TokenRing {
    /// The keys of a ring.
    ///
    /// # Errors
    /// [`NotARing`].
    pub fn new(ring: &RingText) -> Result<Self, NotARing> {
        Ok(Self(Arc::new(Live::new(Arc::new(SigningKeys::of(ring)?)))))
    }

    /// The same keys; where they turn out to be old, `read` is asked for the newest ring. It may block.
    #[must_use]
    pub fn looking_up(
        self,
        read: impl Fn() -> Option<RingText> + Send + Sync + 'static,
        ports: crate::ports::Ports,
    ) -> Self {
        let read = move || SigningKeys::of(&read()?).ok();
        Self(Arc::new(Live::with(self.0.keys(), read, ports)))
    }

    /// The keys now.
    #[must_use]
    pub fn keys(&self) -> Arc<SigningKeys> {
        self.0.keys()
    }

    /// The newest keys there are.
    #[must_use]
    pub fn look_again(&self) -> Arc<SigningKeys> {
        self.0.look_again()
    }

    /// Takes over the keys of another ring, in this one and all its clones.
    pub fn replace(&self, other: &Self) {
        self.0.replace(other.0.keys());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Ports;

    #[test]
    fn a_ring_has_a_public_key_for_each_of_its_own_and_always_the_same() {
        let ports = Ports::system();
        let first = RingText::generate(&ports);
        let second = RingText::rotated(&first, &ports).expect("rotates");
        let keys =
            |text: &str| TokenRing::new(&RingText::parse(text, Millis(1)).expect("a ring")).expect("keys").keys();
        let (first, again, second) = (keys(&first), keys(&first), keys(&second));
        assert_eq!(first.public(), again.public());
        assert_eq!((first.public().keys.len(), second.public().keys.len()), (1, 2));
        assert!(second.public().has(first.kid()) && second.public().has(second.kid()));
        assert!(!first.public().has(second.kid()));
    }

    /// A ring's keys must stay what they are over every later version.
    #[test]
    fn a_key_follows_from_its_master_key_for_ever() {
        let material = "0123456789abcdef0123456789abcdef";
        let (_, public) = key(material).expect("a key");
        assert_eq!(
            (public.kid.as_str(), public.x.as_str()),
            ("EhPqsr3BnqRVTnWr6dNYzLJDfjwjUv34OwwHThoA_iw", "Dnhm4QOS1pKrGDUPMDAgZIt1vROeC1RoFSD6CfteNF0")
        );
    }
}
