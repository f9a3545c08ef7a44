//! A certificate, as far as CMS needs it. Its dates and its issuer's signature are not looked at: it is trusted
//! because a user has pinned it.

use std::fmt;

use aws_lc_rs::rsa::PublicEncryptingKey;
use aws_lc_rs::signature::UnparsedPublicKey;

use super::{KeyError, RSA_BITS};
use crate::algorithms::Digest;
use crate::asn1::ber::{BIT_STRING, INTEGER, OCTET_STRING, Reader, SEQUENCE, Value, context};
use crate::asn1::oids;

/// An RSA certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    /// In DER, with its header.
    pub(crate) issuer: Vec<u8>,
    /// The serial number's bytes.
    pub(crate) serial: Vec<u8>,
    pub(crate) subject_key_id: Option<Vec<u8>>,
    /// `SubjectPublicKeyInfo` in DER.
    spki: Vec<u8>,
    /// `RSAPublicKey` in DER.
    rsa: Vec<u8>,
    bits: usize,
}

impl Certificate {
    /// Reads a certificate from PEM.
    ///
    /// # Errors
    /// [`KeyError`]: also if its key is of another kind than RSA, or of a size that cannot be used.
    pub fn of_pem(text: &str) -> Result<Self, KeyError> {
        let blocks = pem::parse_many(text).map_err(|_| KeyError::Certificate)?;
        let mut certificates = blocks.iter().filter(|block| matches!(block.tag(), "CERTIFICATE" | "X509 CERTIFICATE"));
        let first = certificates.next().ok_or(KeyError::Certificate)?;
        if certificates.next().is_some() {
            return Err(KeyError::SeveralCertificates);
        }
        Self::of_der(first.contents())
    }

    /// Reads a certificate from DER.
    ///
    /// # Errors
    /// As [`Certificate::of_pem`].
    pub fn of_der(der: &[u8]) -> Result<Self, KeyError> {
        let whole = Value::first(der)?;
        let mut facts = whole.children()?.expect(SEQUENCE)?.children()?;
        facts.optional(context(0))?;
        let serial = facts.expect(INTEGER)?;
        facts.expect(SEQUENCE)?;
        let issuer = facts.expect(SEQUENCE)?;
        facts.expect(SEQUENCE)?;
        facts.expect(SEQUENCE)?;
        let spki = facts.expect(SEQUENCE)?;
        let (rsa, bits) = rsa_key(&spki)?;
        if !RSA_BITS.contains(&bits) {
            return Err(KeyError::KeySize(bits));
        }
        let spki = spki.to_der()?;
        PublicEncryptingKey::from_der(&spki).map_err(|_| KeyError::Certificate)?;
        Ok(Self {
            der: whole.whole().to_vec(),
            issuer: issuer.to_der()?,
            serial: serial.body().to_vec(),
            subject_key_id: subject_key_id(facts).ok().flatten(),
            spki,
            rsa,
            bits,
        })
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate in PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode(&pem::Pem::new("CERTIFICATE", self.der.clone()))
    }

    /// The SHA-256 of the certificate in hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        Digest::Sha256.of(&self.der).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The size of its key.
    #[must_use]
    pub const fn key_bits(&self) -> usize {
        self.bits
    }

    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    pub(crate) fn rsa_public_key(&self) -> &[u8] {
        &self.rsa
    }

    /// Whether the key signed these bytes.
    pub(crate) fn has_signed(&self, digest: Digest, pss: bool, bytes: &[u8], signature: &[u8]) -> bool {
        let Some(parameters) = (if pss { digest.verifying_pss() } else { Some(digest.verifying()) }) else {
            return false;
        };
        UnparsedPublicKey::new(parameters, &self.rsa).verify(bytes, signature).is_ok()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("fingerprint", &self.fingerprint()).finish_non_exhaustive()
    }
}

fn rsa_key(spki: &Value<'_>) -> Result<(Vec<u8>, usize), KeyError> {
    let mut fields = spki.children()?;
    if fields.expect(SEQUENCE)?.children()?.next()?.oid()? != oids::RSA {
        return Err(KeyError::NotRsa);
    }
    let key = fields.expect(BIT_STRING)?.body();
    let key = Value::first(key.get(1..).ok_or(KeyError::Certificate)?)?;
    Ok((key.whole().to_vec(), modulus_bits(&key)?))
}

/// The bits of the modulus, the first number of an RSA public key.
fn modulus_bits(key: &Value<'_>) -> Result<usize, KeyError> {
    let modulus = key.children()?.expect(INTEGER)?.body();
    let digits = &modulus[modulus.iter().take_while(|digit| **digit == 0).count()..];
    let first = digits.first().ok_or(KeyError::Certificate)?;
    Ok(digits.len() * 8 - first.leading_zeros() as usize)
}

/// From the extensions, which stand after the key.
fn subject_key_id(mut rest: Reader<'_>) -> Result<Option<Vec<u8>>, KeyError> {
    while !rest.is_empty() {
        let field = rest.next()?;
        if field.tag != context(3) {
            continue;
        }
        let mut extensions = field.children()?.expect(SEQUENCE)?.children()?;
        while !extensions.is_empty() {
            let mut extension = extensions.expect(SEQUENCE)?.children()?;
            if extension.next()?.oid()? != oids::SUBJECT_KEY_ID {
                continue;
            }
            extension.optional(0x01)?;
            let value = extension.expect(OCTET_STRING)?;
            return Ok(Some(Value::first(value.body())?.body().to_vec()));
        }
    }
    Ok(None)
}
