//! Which server we talk to: its host key must be pinned.
//!
//! A server has keys of several kinds and shows the one of the kind asked for first, which need not be the pinned one.
//! So where a key is not pinned, the other kinds are asked for too.

use std::sync::{Arc, Mutex, PoisonError};

use russh::client::Handler;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKeyOrCertificate};

/// The kinds of host keys, best first. RSA signs with SHA-2 alone.
const KINDS: [Algorithm; 6] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// The kinds that are left to ask for.
#[derive(Clone, Debug)]
pub(super) struct Kinds(Vec<Algorithm>);

impl Kinds {
    pub(super) fn all() -> Self {
        Self(KINDS.to_vec())
    }

    pub(super) fn list(&self) -> Vec<Algorithm> {
        self.0.clone()
    }

    /// Without the kind of a key that was shown; `false` if none is left.
    pub(super) fn exclude(&mut self, shown: &HostKey) -> bool {
        let is_rsa = |kind: &Algorithm| matches!(kind, Algorithm::Rsa { .. });
        self.0.retain(|kind| *kind != shown.kind && !(is_rsa(kind) && is_rsa(&shown.kind)));
        !self.0.is_empty()
    }
}

/// A key that a server showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostKey {
    /// Such as `SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU`.
    pub(super) fingerprint: String,
    kind: Algorithm,
}

/// The key that the server of one connection showed.
#[derive(Clone, Default)]
pub(super) struct Shown(Arc<Mutex<Option<HostKey>>>);

impl Shown {
    pub(super) fn get(&self) -> Option<HostKey> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Compares the key of a connection's server with those that are pinned.
pub(super) struct Verifier {
    pub(super) pinned: Vec<String>,
    pub(super) shown: Shown,
}

impl Handler for Verifier {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        // Certificates are not asked for.
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else { return Ok(false) };
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        let pinned = self.pinned.contains(&fingerprint);
        let shown = HostKey { fingerprint, kind: key.algorithm() };
        *self.shown.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        Ok(pinned)
    }
}
