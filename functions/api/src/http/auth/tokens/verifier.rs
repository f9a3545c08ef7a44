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
use sluice::tokens::VerificationKey;

use super::{Claims, Token};

/// How long the keys are believed: tokens of a removed key are refused after it.
const BELIEVED: Duration = Duration::from_secs(60);
/// A key that is not known is looked up at once, but no sooner than this after a look that found none: tokens of junk
/// cost no more reads.
const MISSED: Duration = Duration::from_secs(2);
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
    keys: Arc<HashMap<String, Arc<DecodingKey>>>,
    read_at: Option<Millis>,
    /// The last time that a key was looked up and not found.
    missed_at: Option<Millis>,
}

impl Known {
    /// The key of that id, or that there is none; `None`: they must be read.
    fn answer(&self, kid: &str, now: Millis) -> Option<Option<Arc<DecodingKey>>> {
        if !is_within(BELIEVED, self.read_at, now) {
            return None;
        }
        let key = self.keys.get(kid).cloned();
        (key.is_some() || is_within(MISSED, self.missed_at, now)).then_some(key)
    }
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

    /// Whether a token is signed by a published key, and what it says.
    pub(super) async fn read(&self, token: &str) -> Result<Token, StoreError> {
        let print: TokenPrint = Sha256::digest(token).into();
        let remembered = self.verified.lock().unwrap_or_else(PoisonError::into_inner).get(&print).cloned();
        let kid = remembered.as_ref().map_or_else(|| kid(token), |verified| Some(verified.kid.clone()));
        let Some(kid) = kid else { return Ok(Token::Unknown) };
        // A remembered token ends with its key too.
        let Some(key) = self.key(&kid).await? else { return Ok(Token::Unknown) };
        let is_good = |claims: &Claims| claims.exp > self.ports.now().as_secs();
        if let Some(Verified { claims, .. }) = remembered {
            if is_good(&claims) {
                return Ok(Token::Good(claims));
            }
            self.verified.lock().unwrap_or_else(PoisonError::into_inner).remove(&print);
            return Ok(Token::Expired);
        }
        let Some(claims) = verify(token, &key).map(Arc::new) else { return Ok(Token::Unknown) };
        if !is_good(&claims) {
            return Ok(Token::Expired);
        }
        let mut known = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_VERIFIED {
            known.clear();
        }
        known.insert(print, Verified { kid, claims: Arc::clone(&claims) });
        Ok(Token::Good(claims))
    }

    /// The next who asks gets the keys as they are then.
    pub(super) fn look_again(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Known::default();
    }

    /// The key of that id, as remembered or as published now. Who asks meanwhile waits for the same read.
    async fn key(&self, kid: &str) -> Result<Option<Arc<DecodingKey>>, StoreError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(answer) = known().answer(kid, self.ports.now()) {
            return Ok(answer);
        }
        let _looking = self.looking.lock().await;
        let (before, now) = (known(), self.ports.now());
        if let Some(answer) = before.answer(kid, now) {
            return Ok(answer);
        }
        let keys: HashMap<_, _> = self.store.get().await?.keys.iter().filter_map(decoding_key).collect();
        let found = keys.get(kid).cloned();
        let missed_at = if found.is_none() { Some(now) } else { before.missed_at };
        let read = Known { keys: Arc::new(keys), read_at: Some(now), missed_at };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(found)
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
