//! Identities: who we are to trading partners.

use serde::{Deserialize, Serialize};

use crate::certificate::Certificate;
use crate::partner::{Problems, is_as2_id};
use crate::sealed::Sealed;
use crate::time::Millis;

/// The most identities of one scope.
pub const MAX_IDENTITIES: usize = 50;
/// The most keys of an identity: the one that signs, those before it, and the next one.
pub const MAX_KEYS: usize = 4;

/// An identity, as it is stored.
#[derive(Clone, Serialize, Deserialize)]
pub struct Identity {
    /// The id, which its user may have chosen.
    pub id: String,
    /// Distinguishes it from an earlier identity of the same id.
    pub uid: String,
    /// A name for people.
    pub name: String,
    /// Its AS2 name.
    pub as2_id: String,
    /// Its keys, in the order in which they were added.
    pub keys: Vec<IdentityKey>,
    /// When it was made.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
    /// How often it was written.
    pub revision: u64,
}

/// A private key with its certificate.
#[derive(Clone, Serialize, Deserialize)]
pub struct IdentityKey {
    /// PKCS#8 in PEM.
    pub private_key: Sealed,
    /// The certificate, for partners.
    pub certificate: Certificate,
    /// From when on it signs.
    pub signs_from: Millis,
}

/// What a key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = IdentityKeyState)]
pub enum KeyState {
    /// It signs and decrypts.
    Signing,
    /// It decrypts, and will sign.
    Next,
    /// It decrypts what partners still encrypt for it.
    Decrypting,
    /// Its certificate has ended: it is not used any more.
    Ended,
}

impl Identity {
    /// The key that signs now: the one that began to do so last. One whose certificate has ended signs only if there is
    /// no other.
    #[must_use]
    pub fn signing(&self, now: Millis) -> Option<&IdentityKey> {
        let begun = || self.keys.iter().filter(|key| key.signs_from <= now);
        let valid = begun().filter(|key| now <= key.certificate.not_after);
        // Of those that began at the same time, the one that was added last.
        valid.max_by_key(|key| key.signs_from).or_else(|| begun().max_by_key(|key| key.signs_from))
    }

    /// The keys that decrypt now, the one that signs first.
    pub fn decrypting(&self, now: Millis) -> impl Iterator<Item = &IdentityKey> {
        let signing = self.signing(now);
        let is_signing = move |key: &IdentityKey| {
            signing.is_some_and(|one| one.certificate.fingerprint == key.certificate.fingerprint)
        };
        let others = self.keys.iter().filter(move |key| !is_signing(key) && now <= key.certificate.not_after);
        signing.into_iter().chain(others)
    }

    /// What each key is used for now.
    pub fn states(&self, now: Millis) -> impl Iterator<Item = (&IdentityKey, KeyState)> {
        let signing = self.signing(now).map(|key| &key.certificate.fingerprint);
        self.keys.iter().map(move |key| {
            let state = match key {
                key if signing == Some(&key.certificate.fingerprint) => KeyState::Signing,
                key if now > key.certificate.not_after => KeyState::Ended,
                key if key.signs_from > now => KeyState::Next,
                _ => KeyState::Decrypting,
            };
            (key, state)
        })
    }

    /// Adds the next key. Those whose certificates have ended go. `false`: there are [`MAX_KEYS`] already.
    #[must_use]
    pub fn add(&mut self, key: IdentityKey, now: Millis) -> bool {
        let signing = self.signing(now).map(|key| key.certificate.fingerprint.clone());
        self.keys
            .retain(|key| now <= key.certificate.not_after || signing.as_ref() == Some(&key.certificate.fingerprint));
        let fits = self.keys.len() < MAX_KEYS;
        if fits {
            self.keys.push(key);
        }
        fits
    }
}

/// What is wrong with the name and the AS2 name of an identity.
#[must_use]
pub fn problems(name: &str, as2_id: &str) -> Problems {
    let mut problems = Problems::default();
    problems.label("/name", name, 200);
    let rule = "must be 1 to 128 printable ASCII characters, without spaces around it";
    problems.unless(is_as2_id(as2_id), "/as2_id", rule);
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::tests::{NOW, ec, params};

    fn key(signs_from: Millis, years: std::ops::Range<i32>) -> IdentityKey {
        let mut params = params("us");
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let certificate = Certificate::read(&ec(&params).pem()).expect("a certificate");
        IdentityKey { private_key: Sealed::new("v1.k1.AAAA".to_owned()), certificate, signs_from }
    }

    fn identity(keys: Vec<IdentityKey>) -> Identity {
        let text = String::new;
        let (created_at, updated_at) = (NOW, NOW);
        Identity { id: text(), uid: text(), name: text(), as2_id: text(), keys, created_at, updated_at, revision: 1 }
    }

    fn states(identity: &Identity, now: Millis) -> Vec<KeyState> {
        identity.states(now).map(|(_, state)| state).collect()
    }

    #[test]
    fn the_next_key_signs_from_its_date_and_both_decrypt_until_the_old_one_ends() {
        let mut identity = identity(vec![key(Millis(NOW.0 - 1_000), 2025..2027)]);
        assert!(identity.add(key(Millis(NOW.0 + 1_000), 2025..2030), NOW));
        assert_eq!(states(&identity, NOW), [KeyState::Signing, KeyState::Next]);
        assert_eq!(identity.decrypting(NOW).count(), 2, "a partner may use the next key at once");
        let later = Millis(NOW.0 + 1_000);
        assert_eq!(states(&identity, later), [KeyState::Decrypting, KeyState::Signing]);
        let first = identity.decrypting(later).next().expect("a key");
        assert_eq!(first.certificate, identity.keys[1].certificate);
        let ended = identity.keys[0].certificate.not_after.0 + 1;
        assert_eq!(states(&identity, Millis(ended)), [KeyState::Ended, KeyState::Signing]);
        assert_eq!(identity.decrypting(Millis(ended)).count(), 1);
        assert!(identity.add(key(Millis(ended), 2025..2030), Millis(ended)));
        assert_eq!(identity.keys.len(), 2, "what has ended goes");
    }

    #[test]
    fn a_certificate_that_has_ended_signs_only_without_another() {
        let old = key(Millis(NOW.0 - 10), 2024..2025);
        assert_eq!(states(&identity(vec![old.clone()]), NOW), [KeyState::Signing]);
        let both = identity(vec![key(Millis(NOW.0 - 20), 2025..2030), old]);
        assert_eq!(states(&both, NOW), [KeyState::Signing, KeyState::Ended]);
    }

    #[test]
    fn the_number_of_keys_is_limited() {
        let mut identity = identity(vec![key(NOW, 2025..2030)]);
        for _ in 1..MAX_KEYS {
            assert!(identity.add(key(NOW, 2025..2030), NOW));
        }
        assert!(!identity.add(key(NOW, 2025..2030), NOW));
        assert_eq!(states(&identity, NOW).last(), Some(&KeyState::Signing), "the one that was added last");
    }

    #[test]
    fn names_are_checked() {
        let pointers = |name, as2_id| problems(name, as2_id).0.into_iter().map(|(at, _)| at).collect::<Vec<_>>();
        assert_eq!(pointers("Us", "OUR NAME"), Vec::<String>::new());
        assert_eq!(pointers("", "a\nb"), ["/name", "/as2_id"]);
        assert_eq!(pointers("n", "a \"quoted\" name\\"), Vec::<String>::new());
        assert_eq!(pointers("n", " a"), ["/as2_id"]);
        assert_eq!(pointers("U\u{200b}s", "a"), ["/name"]);
    }
}
