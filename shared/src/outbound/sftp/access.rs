//! How a server is reached, with the secrets opened.

use std::fmt;
use std::sync::Arc;

use russh::keys::{Algorithm, PrivateKey, decode_secret_key};
use zeroize::Zeroizing;

use crate::domain::partner::Sftp;
use crate::domain::scope::Scope;
use crate::domain::sealed::Sealed;
use crate::outbound::kind::PrepareError;
use crate::outbound::vault::Vault;

/// RSA keys below this can be broken.
const MIN_RSA_BITS: u32 = 2_048;

/// How a server is reached, and how we prove who we are.
#[derive(Clone)]
pub struct SftpAccess {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) username: String,
    pub(super) credential: Credential,
    /// The fingerprints of the host keys that are accepted.
    pub(super) pinned: Vec<String>,
    label: String,
}

#[derive(Clone)]
pub(super) enum Credential {
    Password(Zeroizing<String>),
    Key(Arc<PrivateKey>),
}

impl fmt::Debug for SftpAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SftpAccess").field(&self.label).finish()
    }
}

impl SftpAccess {
    /// Opens the secrets.
    ///
    /// # Errors
    /// [`PrepareError`].
    pub fn open(vault: &Vault, scope: &Scope, sftp: &Sftp<Sealed>) -> Result<Self, PrepareError> {
        let credential = match (&sftp.private_key, &sftp.password) {
            (Some(key), _) => {
                let key = read_private_key(&vault.open(scope, key)?);
                Credential::Key(Arc::new(key.map_err(|error| PrepareError::Unusable(format!("private key {error}")))?))
            }
            (None, Some(password)) => Credential::Password(vault.open(scope, password)?),
            (None, None) => return Err(PrepareError::Unusable("neither a password nor a private key".to_owned())),
        };
        let host = if sftp.host.contains(':') { format!("[{}]", sftp.host) } else { sftp.host.clone() };
        Ok(Self {
            host: sftp.host.clone(),
            port: sftp.port,
            username: sftp.username.clone(),
            credential,
            pinned: sftp.host_key_fingerprints.clone(),
            label: format!("sftp://{host}:{}", sftp.port),
        })
    }

    /// How logs name the server.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }
}

/// Reads a private key. The error tells nothing of it.
pub(super) fn read_private_key(text: &str) -> Result<PrivateKey, &'static str> {
    let key = decode_secret_key(text, None).map_err(|_| "cannot be read: give it as PEM or as OpenSSH writes it")?;
    match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => Ok(key),
        Algorithm::Rsa { .. } => {
            let bits = key.public_key().key_data().rsa().map_or(0, |rsa| rsa.key_size());
            if bits < MIN_RSA_BITS { Err("is an RSA key of fewer than 2048 bits") } else { Ok(key) }
        }
        _ => Err("must be Ed25519, ECDSA or RSA"),
    }
}

/// Checks that a private key can be used.
///
/// # Errors
/// Why it cannot, telling nothing of it.
pub(super) fn check_private_key(text: &str) -> Result<(), &'static str> {
    read_private_key(text).map(drop)
}
