//! Reading certificate chains and private keys that a user pasted.

use rustls::Error::InconsistentKeys;
use rustls::InconsistentKeys::{KeyMismatch, Unknown};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::Summary;
use crate::domain::certificate::CertificateFacts;

/// The most bytes of a chain, and of a key.
const MAX_PEM: usize = 64 * 1024;
const MAX_CERTIFICATES: usize = 10;

/// A certificate with those that it was issued under.
pub(super) struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    /// Of the first one, the client's own.
    pub(super) summary: Summary,
}

/// Why a key and a chain do not fit together, by what is to blame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    Certificate(&'static str),
    PrivateKey(&'static str),
}

impl Chain {
    /// Reads a PEM text that contains certificates and nothing else. The error is a constant phrase.
    pub(super) fn read(pem: &str) -> Result<Self, &'static str> {
        let mut certificates = Vec::new();
        for (kind, der) in sections(pem)? {
            match kind {
                SectionKind::Certificate => certificates.push(CertificateDer::from(der)),
                SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => {
                    return Err("contains a private key, which belongs into private_key_pem");
                }
                _ => return Err("contains something else than certificates"),
            }
        }
        if certificates.len() > MAX_CERTIFICATES {
            return Err("contains more than 10 certificates");
        }
        let (own, issuers) = certificates.split_first().ok_or("contains no certificate")?;
        let summary = summary(own).ok_or("the first certificate cannot be read")?;
        if issuers.iter().any(|issuer| CertificateFacts::of_der(issuer).is_err()) {
            return Err("a certificate after the first cannot be read");
        }
        Ok(Self { certificates, summary })
    }

    /// Whether the key is the one of the first certificate, and whether TLS can use both.
    pub(super) fn matches(&self, key: PrivateKeyDer<'static>) -> Result<(), Mismatch> {
        const UNUSABLE: &str =
            "is not a private key that TLS can use: RSA of 2048 bits or more, ECDSA on P-256, P-384 or P-521, Ed25519";
        let key = default_provider().key_provider.load_private_key(key);
        let key = key.map_err(|_| Mismatch::PrivateKey(UNUSABLE))?;
        match CertifiedKey::new(self.certificates.clone(), key).keys_match() {
            Ok(()) | Err(InconsistentKeys(Unknown)) => Ok(()),
            Err(InconsistentKeys(KeyMismatch)) => {
                Err(Mismatch::PrivateKey("is not the private key of the first certificate"))
            }
            Err(_) => Err(Mismatch::Certificate("the first certificate is not one that TLS can use")),
        }
    }
}

/// Reads a PEM text that contains one private key and nothing else. The error is a constant phrase.
pub(super) fn read_private_key(pem: &str) -> Result<PrivateKeyDer<'static>, &'static str> {
    if pem.contains("ENCRYPTED") {
        return Err("is encrypted: remove the passphrase, for the key is stored encrypted anyway");
    }
    let mut keys = Vec::new();
    for (kind, der) in sections(pem)? {
        match PrivateKeyDer::from_pem(kind, der) {
            Some(key) => keys.push(key),
            None if kind == SectionKind::Certificate => {
                return Err("contains a certificate, which belongs into certificate_pem");
            }
            None => return Err("contains something else than a private key"),
        }
    }
    match keys.pop() {
        Some(key) if keys.is_empty() => Ok(key),
        Some(_) => Err("contains more than one private key"),
        None => Err("contains no private key in the form PKCS#8, SEC 1 or PKCS#1"),
    }
}

/// The sections of a PEM text. Those of kinds that TLS does not know, such as parameters of a curve, are left out.
fn sections(pem: &str) -> Result<Vec<(SectionKind, Vec<u8>)>, &'static str> {
    if pem.len() > MAX_PEM {
        return Err("must have at most 65536 bytes");
    }
    let is_text = |byte: u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n');
    if pem.trim().is_empty() || !pem.bytes().all(is_text) {
        return Err("must be a PEM text");
    }
    let sections: Result<_, _> = PemObject::pem_slice_iter(pem.as_bytes()).collect();
    sections.map_err(|_| "is not a complete PEM text")
}

fn summary(certificate: &CertificateDer<'_>) -> Option<Summary> {
    let CertificateFacts { subject, serial, fingerprint, not_after, .. } =
        CertificateFacts::of_der(certificate).ok()?;
    Some(Summary { subject, serial, sha256_fingerprint: fingerprint, not_after })
}

#[cfg(test)]
mod tests;
