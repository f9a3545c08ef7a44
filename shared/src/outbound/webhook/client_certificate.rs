//! A client certificate for mutual TLS: as a user writes it, as it is stored, as it is shown.

mod chain;

use std::fmt;

use reqwest::Identity;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::unusable;
use crate::domain::scope::Scope;
use crate::domain::sealed::{MASK, Sealed};
use crate::domain::time::Millis;
use crate::outbound::kind::PrepareError;
use crate::outbound::vault::{Secret, Vault};
use crate::outbound::written::Faults;
use crate::secrets::KeyError;
use chain::{Chain, Mismatch, read_private_key};

const CERTIFICATE: &str = "/client_certificate/certificate_pem";
const PRIVATE_KEY: &str = "/client_certificate/private_key_pem";

/// A certificate and its private key, for targets that ask for a client certificate (mutual TLS).
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificate {
    /// The certificate, followed by those that it was issued under, as PEM.
    #[schema(max_length = 65_536)]
    certificate_pem: String,
    /// Its private key as PEM (PKCS#8, SEC 1 or PKCS#1), without a passphrase. Secret.
    #[schema(max_length = 65_536)]
    private_key_pem: String,
    /// The subject's distinguished name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(read_only, example = "CN=gateway,O=Example")]
    subject: Option<String>,
    /// The serial number in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(read_only)]
    serial: Option<String>,
    /// The SHA-256 of the certificate in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(read_only)]
    sha256_fingerprint: Option<String>,
    /// When it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(read_only)]
    not_after: Option<Millis>,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// A client certificate as it is stored; `S` is how its private key is held.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct StoredCertificate<S = Sealed> {
    certificate_pem: String,
    private_key_pem: S,
    summary: Summary,
}

/// What is shown of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Summary {
    subject: String,
    serial: String,
    sha256_fingerprint: String,
    not_after: Millis,
}

impl ClientCertificate {
    /// Checks everything; the result has still to be [sealed](StoredCertificate::seal). `None` if there is a fault.
    ///
    /// # Errors
    /// The private key is kept and cannot be opened.
    pub(super) fn check(
        self,
        faults: &mut Faults,
        vault: &Vault,
        scope: &Scope,
        kept: Option<&StoredCertificate>,
    ) -> Result<Option<StoredCertificate<Secret<Sealed>>>, KeyError> {
        let secret = Secret::read(self.private_key_pem, kept.map(|kept| kept.private_key_pem.clone()));
        let opened = match &secret {
            Secret::Kept(sealed) => vault.open(scope, sealed)?,
            Secret::New(text) => text.clone(),
        };
        let chain = Chain::read(&self.certificate_pem).map_err(|message| faults.add(CERTIFICATE, message)).ok();
        let key = read_private_key(&opened).map_err(|message| faults.add(PRIVATE_KEY, message)).ok();
        let (Some(chain), Some(key)) = (chain, key) else { return Ok(None) };
        match chain.matches(key) {
            Ok(()) => {}
            Err(Mismatch::Certificate(message)) => faults.add(CERTIFICATE, message),
            Err(Mismatch::PrivateKey(message)) => faults.add(PRIVATE_KEY, message),
        }
        let summary = chain.summary;
        // One that has expired since it was registered is no obstacle to other changes.
        let is_new = kept.is_none_or(|kept| kept.certificate_pem != self.certificate_pem);
        if is_new && summary.not_after < vault.ports().now() {
            faults.add(CERTIFICATE, format!("expired at {}", summary.not_after));
        }
        Ok(Some(StoredCertificate { certificate_pem: self.certificate_pem, private_key_pem: secret, summary }))
    }
}

impl StoredCertificate<Secret<Sealed>> {
    /// Seals the private key.
    pub(super) fn seal(self, vault: &Vault, scope: &Scope) -> Result<StoredCertificate, KeyError> {
        let private_key_pem = vault.store(scope, self.private_key_pem)?;
        Ok(StoredCertificate { certificate_pem: self.certificate_pem, private_key_pem, summary: self.summary })
    }
}

impl StoredCertificate {
    /// As a user may see it; reads as [`ClientCertificate`].
    pub(super) fn show(&self) -> ClientCertificate {
        let Summary { subject, serial, sha256_fingerprint, not_after } = self.summary.clone();
        ClientCertificate {
            certificate_pem: self.certificate_pem.clone(),
            private_key_pem: MASK.to_owned(),
            subject: Some(subject),
            serial: Some(serial),
            sha256_fingerprint: Some(sha256_fingerprint),
            not_after: Some(not_after),
        }
    }

    /// The certificate with its private key, as the HTTP client takes it.
    pub(super) fn identity(&self, vault: &Vault, scope: &Scope) -> Result<Identity, PrepareError> {
        let private_key_pem = vault.open(scope, &self.private_key_pem)?;
        let pem = Zeroizing::new(format!("{}\n{}", self.certificate_pem, *private_key_pem));
        Identity::from_pem(pem.as_bytes()).map_err(|error| unusable("client certificate", error))
    }
}

#[cfg(test)]
mod tests;
