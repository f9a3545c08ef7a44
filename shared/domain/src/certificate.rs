//! X.509 certificates: reads one, checks that it can be used, and says what it is.
//!
//! Signatures are not verified: a certificate is trusted because a user has put it there.

use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use x509_cert::der::asn1::UintRef;
use x509_cert::der::oid::db::{rfc5912, rfc8410};
use x509_cert::der::{Decode, Header, Reader, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::Time;

use crate::time::Millis;

/// The most bytes of a certificate's text.
pub const MAX_CERTIFICATE_BYTES: usize = 64 * 1_024;
/// The most bytes of a subject or an issuer as text.
const MAX_NAME_BYTES: usize = 2_048;
/// The sizes of RSA keys that are neither weak nor too large for TLS libraries.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2_048..=8_192;

/// A certificate, and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Certificate {
    /// The certificate as PEM.
    pub pem: String,
    /// Whose it is, as RFC 4514 writes names.
    #[schema(example = "CN=as2.example.com,O=Example Ltd")]
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// The serial number in hexadecimal digits.
    pub serial: String,
    /// The SHA-256 of the certificate in hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub fingerprint: String,
    /// The first second in which it is valid.
    pub not_before: Millis,
    /// The last second in which it is valid.
    pub not_after: Millis,
    /// The kind of its key.
    pub key_type: KeyType,
    /// The size of its key.
    #[schema(minimum = 256, maximum = 8_192)]
    pub key_bits: u32,
}

/// What any certificate says, whatever its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Whose it is, as RFC 4514 writes names.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// The serial number in hexadecimal digits.
    pub serial: String,
    /// The SHA-256 of the certificate in hexadecimal digits.
    pub fingerprint: String,
    /// The first second in which it is valid.
    pub not_before: Millis,
    /// The last second in which it is valid.
    pub not_after: Millis,
}

impl CertificateFacts {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn of_der(der: &[u8]) -> Result<Self, CertificateError> {
        Self::of(&x509_cert::Certificate::from_der(der).map_err(|_| refusal(der))?, der)
    }

    fn of(certificate: &x509_cert::Certificate, der: &[u8]) -> Result<Self, CertificateError> {
        let facts = certificate.tbs_certificate();
        let serial = hex::encode(facts.serial_number().as_bytes());
        Ok(Self {
            subject: name(facts.subject())?,
            issuer: name(facts.issuer())?,
            serial: serial.strip_prefix("00").filter(|rest| !rest.is_empty()).unwrap_or(&serial).to_owned(),
            fingerprint: hex::encode(Sha256::digest(der)),
            not_before: millis(facts.validity().not_before),
            not_after: millis(facts.validity().not_after),
        })
    }
}

/// The kind of a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyType {
    /// RSA.
    Rsa,
    /// A NIST curve: P-256, P-384 or P-521.
    Ec,
    /// Ed25519.
    Ed25519,
}

/// Why a text is refused as a certificate. The message never contains the text: it may be a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Longer than [`MAX_CERTIFICATE_BYTES`].
    #[error("is longer than {MAX_CERTIFICATE_BYTES} bytes")]
    TooLong,
    /// Somebody pasted the wrong file.
    #[error("contains a private key: send the certificate alone, and keep the key to yourself")]
    PrivateKey,
    /// A chain, or anything else with more than one block.
    #[error("contains more than one block: send a single certificate in each entry, without its chain")]
    Several,
    /// PEM of another kind.
    #[error("is {0}, not a certificate")]
    Other(&'static str),
    /// Neither PEM nor base64 of DER, or the DER is wrong.
    #[error("is not an X.509 certificate in PEM or base64 of DER")]
    Malformed,
    /// A subject or an issuer that nobody could read.
    #[error("has a subject or an issuer of more than {MAX_NAME_BYTES} bytes")]
    NameTooLong,
    /// A key that nothing here could use.
    #[error("has a key of an unsupported kind: use RSA, ECDSA with P-256, P-384 or P-521, or Ed25519")]
    KeyType,
    /// An RSA key outside of [`RSA_BITS`].
    #[error("has an RSA key of {0} bits: at least {min} and at most {max} are needed", min = RSA_BITS.start(), max = RSA_BITS.end())]
    KeySize(u32),
    /// A key of a kind that AS2 has no use for.
    #[error("has a key of another kind than RSA, which AS2 needs to sign and to encrypt")]
    NotRsa,
    /// It is over.
    #[error("expired at {0}")]
    Expired(Millis),
}

impl Certificate {
    /// Reads a certificate from PEM or from base64 of DER. Whether it is over, [`Certificate::check`] says.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn read(text: &str) -> Result<Self, CertificateError> {
        let der = der_of(text)?;
        let certificate = x509_cert::Certificate::from_der(&der).map_err(|_| refusal(&der))?;
        let (key_type, key_bits) = key(certificate.tbs_certificate().subject_public_key_info())?;
        let facts = CertificateFacts::of(&certificate, &der)?;
        let CertificateFacts { subject, issuer, serial, fingerprint, not_before, not_after } = facts;
        Ok(Self { pem: pem_of(&der), subject, issuer, serial, fingerprint, not_before, not_after, key_type, key_bits })
    }

    /// Checks that it is not over. One that begins later passes: the next one is there before it is needed.
    ///
    /// # Errors
    /// [`CertificateError::Expired`].
    pub fn check(&self, now: Millis) -> Result<(), CertificateError> {
        if now > self.not_after { Err(CertificateError::Expired(self.not_after)) } else { Ok(()) }
    }
}

/// The DER of a text with a single block of PEM, or of base64 alone.
fn der_of(text: &str) -> Result<Vec<u8>, CertificateError> {
    if text.len() > MAX_CERTIFICATE_BYTES {
        return Err(CertificateError::TooLong);
    }
    if text.contains("PRIVATE KEY-----") {
        return Err(CertificateError::PrivateKey);
    }
    let mut blocks = text.split("-----BEGIN ").skip(1);
    let body = match (blocks.next(), blocks.next()) {
        (None, _) => text,
        (Some(block), None) => body_of(block)?,
        (Some(_), Some(_)) => return Err(CertificateError::Several),
    };
    let digits: String = body.split_ascii_whitespace().collect();
    BASE64.decode(digits).map_err(|_| CertificateError::Malformed)
}

/// The body of a block of PEM that begins with its label.
fn body_of(block: &str) -> Result<&str, CertificateError> {
    let (label, rest) = block.split_once("-----").ok_or(CertificateError::Malformed)?;
    match label {
        "CERTIFICATE" | "X509 CERTIFICATE" => {}
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => return Err(CertificateError::Other("a request")),
        "PUBLIC KEY" | "RSA PUBLIC KEY" | "EC PUBLIC KEY" => return Err(CertificateError::Other("a public key")),
        "PKCS7" | "CMS" => return Err(CertificateError::Other("a PKCS#7 bundle")),
        _ => return Err(CertificateError::Malformed),
    }
    let (body, end) = rest.split_once("-----END ").ok_or(CertificateError::Malformed)?;
    let ends = end.strip_prefix(label).is_some_and(|end| end.starts_with("-----"));
    if ends { Ok(body) } else { Err(CertificateError::Malformed) }
}

/// Private keys and PKCS#12 files begin with a version, a small integer; certificates do not.
fn refusal(der: &[u8]) -> CertificateError {
    let after_header = || {
        let mut reader = SliceReader::new(der).ok()?;
        Header::decode(&mut reader).ok()?;
        let mut start = [0; 2];
        reader.peek_into(&mut start).ok()?;
        Some(start)
    };
    if after_header() == Some([2, 1]) { CertificateError::PrivateKey } else { CertificateError::Malformed }
}

fn pem_of(der: &[u8]) -> String {
    let digits = BASE64.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && place % 64 == 0 {
            pem.push('\n');
        }
        pem.push(digit);
    }
    pem.push_str("\n-----END CERTIFICATE-----\n");
    pem
}

fn name(name: &impl fmt::Display) -> Result<String, CertificateError> {
    let mut text = String::new();
    // A name with a value that cannot be written is an error here, and would be a panic in `to_string`.
    write!(text, "{name}").map_err(|_| CertificateError::Malformed)?;
    if text.len() > MAX_NAME_BYTES { Err(CertificateError::NameTooLong) } else { Ok(text) }
}

/// Certificates without an end say the last second of the year 9999, a day after the last time that can be written.
fn millis(time: Time) -> Millis {
    let latest = jiff::Timestamp::MAX.as_second() * 1_000;
    Millis(i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(latest).min(latest))
}

/// The kind and the size of a key.
fn key(info: &SubjectPublicKeyInfoOwned) -> Result<(KeyType, u32), CertificateError> {
    let (kind, bytes) = (info.algorithm.oid, info.subject_public_key.raw_bytes());
    if kind == rfc5912::RSA_ENCRYPTION {
        let bits = rsa_bits(bytes).ok_or(CertificateError::Malformed)?;
        return if RSA_BITS.contains(&bits) { Ok((KeyType::Rsa, bits)) } else { Err(CertificateError::KeySize(bits)) };
    }
    if kind == rfc8410::ID_ED_25519 {
        return Ok((KeyType::Ed25519, 256));
    }
    let curve = info.algorithm.parameters.as_ref().and_then(|parameters| parameters.decode_as().ok());
    let curves = [(rfc5912::SECP_256_R_1, 256), (rfc5912::SECP_384_R_1, 384), (rfc5912::SECP_521_R_1, 521)];
    let known = curves.iter().find(|(oid, _)| kind == rfc5912::ID_EC_PUBLIC_KEY && curve == Some(*oid));
    known.map(|(_, bits)| (KeyType::Ec, *bits)).ok_or(CertificateError::KeyType)
}

/// The size of the modulus in an `RSAPublicKey` of PKCS#1.
fn rsa_bits(key: &[u8]) -> Option<u32> {
    let mut reader = SliceReader::new(key).ok()?;
    let modulus = reader.sequence(|fields| {
        let modulus = UintRef::decode(fields)?;
        UintRef::decode(fields)?;
        Ok::<_, x509_cert::der::Error>(modulus)
    });
    let modulus = modulus.ok()?.as_bytes();
    let unused = modulus.first()?.leading_zeros();
    Some(u32::try_from(modulus.len()).ok()?.checked_mul(8)? - unused)
}

#[cfg(test)]
pub(crate) mod tests;
