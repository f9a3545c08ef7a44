//! Verifies tokens by the published keys, which are remembered, as are tokens that were verified.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use sha2::{Digest as _, Sha256};
use sluice::domain::time::Millis;
use sluice::ports::Ports;
use sluice::store::StoreError;
use sluice::store::verification_keys::VerificationKeys;
use sluice::tokens::{PublishedKeys, VerificationKey};

use super::Claims;

/// How long the keys are believed: tokens of a removed key are refused after it.
const BELIEVED: Duration = Duration::from_secs(60);
/// A key that is not known is looked up at once, but no sooner than this after a look that found none: tokens of junk
/// cost no more reads.
const MISSED: Duration = Duration::from_secs(2);
/// How old the keys may be that are shown to the public.
const SHOWN: Duration = Duration::from_secs(2);
/// The most verified tokens that are remembered; past that the cache starts anew.
const MAX_VERIFIED: usize = 10_000;

/// The SHA-256 of a token.
type TokenPrint = [u8; 32];

#[derive(Clone)]
pub(super) struct Verifier {
    store: VerificationKeys,
    ports: Ports,
    known: Arc<Mutex<Known>>,
    looking: Arc<tokio::sync::Mutex<()>>,
    verified: Arc<Mutex<HashMap<TokenPrint, Verified>>>,
}

/// The published keys, as they were read.
#[derive(Clone, Default)]
struct Known {
    published: PublishedKeys,
    keys: Arc<HashMap<String, Arc<DecodingKey>>>,
    read_at: Option<Millis>,
    /// The last time that a key was looked up and not found.
    missed_at: Option<Millis>,
}

/// A token whose signature was good.
#[derive(Clone)]
struct Verified {
    kid: String,
    claims: Arc<Claims>,
}

impl Verifier {
    pub(super) fn new(store: VerificationKeys, ports: Ports) -> Self {
        Self { store, ports, known: Arc::default(), looking: Arc::default(), verified: Arc::default() }
    }

    /// What a token says, if it is signed by a published key and not expired.
    pub(super) async fn claims(&self, token: &str) -> Result<Option<Arc<Claims>>, StoreError> {
        let print: TokenPrint = Sha256::digest(token).into();
        let remembered = self.verified.lock().unwrap_or_else(PoisonError::into_inner).get(&print).cloned();
        let kid = remembered.as_ref().map_or_else(|| kid(token), |verified| Some(verified.kid.clone()));
        let Some(kid) = kid else { return Ok(None) };
        // A remembered token ends with its key too.
        let Some(key) = self.key(&kid).await? else { return Ok(None) };
        let verified = match remembered {
            Some(verified) => verified,
            None => match verify(token, &key) {
                Some(claims) => Verified { kid, claims: Arc::new(claims) },
                None => return Ok(None),
            },
        };
        let claims = Arc::clone(&verified.claims);
        let good = claims.exp > self.ports.now().as_secs();
        let mut known = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if !good {
            known.remove(&print);
            return Ok(None);
        }
        if known.len() >= MAX_VERIFIED && !known.contains_key(&print) {
            known.clear();
        }
        known.insert(print, verified);
        Ok(Some(claims))
    }

    /// The next who asks gets the keys as they are then.
    pub(super) fn look_again(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Known::default();
    }

    /// The published keys, a little old at most.
    pub(super) async fn published(&self) -> Result<PublishedKeys, StoreError> {
        let enough = |known: &Known, now| is_within(SHOWN, known.read_at, now);
        Ok(self.known_or_read(enough, |_| false).await?.published)
    }

    /// The key of that id.
    async fn key(&self, kid: &str) -> Result<Option<Arc<DecodingKey>>, StoreError> {
        let is_known = |known: &Known| known.keys.contains_key(kid);
        let enough = |known: &Known, now| {
            let is_fresh = is_within(BELIEVED, known.read_at, now);
            is_fresh && (is_known(known) || is_within(MISSED, known.missed_at, now))
        };
        let known = self.known_or_read(enough, |known| !is_known(known)).await?;
        Ok(known.keys.get(kid).cloned())
    }

    /// What is known, if it is enough; else it is read. Who asks meanwhile waits for the same read.
    async fn known_or_read(
        &self,
        enough: impl Fn(&Known, Millis) -> bool,
        misses: impl Fn(&Known) -> bool,
    ) -> Result<Known, StoreError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let before = known();
        if enough(&before, self.ports.now()) {
            return Ok(before);
        }
        let _looking = self.looking.lock().await;
        let before = known();
        let now = self.ports.now();
        if enough(&before, now) {
            return Ok(before);
        }
        let published = self.store.get().await?;
        let keys = published.keys.iter().filter_map(decoding_key).collect();
        let mut read = Known { published, keys: Arc::new(keys), read_at: Some(now), missed_at: before.missed_at };
        if misses(&read) {
            read.missed_at = Some(now);
        }
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = read.clone();
        Ok(read)
    }
}

fn is_within(age: Duration, time: Option<Millis>, now: Millis) -> bool {
    time.is_some_and(|time| now.since(time) < age)
}

fn decoding_key(key: &VerificationKey) -> Option<(String, Arc<DecodingKey>)> {
    let decoded = DecodingKey::from_ed_components(&key.x);
    let decoded = decoded.inspect_err(|error| tracing::error!(%error, key.kid, "a published key cannot be read"));
    Some((key.kid.clone(), Arc::new(decoded.ok()?)))
}

/// The id of the key that a token claims to be signed with, if it is a token of ours at all.
fn kid(token: &str) -> Option<String> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    header.kid.filter(|_| header.alg == Algorithm::EdDSA)
}

fn verify(token: &str, key: &DecodingKey) -> Option<Claims> {
    let mut validation = Validation::new(Algorithm::EdDSA);
    // The time comes through the port.
    validation.validate_exp = false;
    Some(jsonwebtoken::decode(token, key, &validation).ok()?.claims)
}
