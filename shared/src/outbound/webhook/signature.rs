//! Webhook signatures after Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`.
//!
//! While a secret rotates, old and new both sign, newest first, so a receiver that knows either
//! one accepts the message.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::ports::Ports;

const PREFIX: &str = "whsec_";
const VERSION: &str = "v1,";
/// The length of a secret by the specification, in bytes.
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
const GENERATED_LENGTH: usize = 32;
/// Base64 of a SHA-256.
const SIGNATURE_LENGTH: usize = 44;

/// Secrets come from many tools; some leave the padding out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A webhook secret: wiped when dropped, never printed.
#[derive(Clone)]
pub struct SigningKey(Zeroizing<Vec<u8>>);

/// Why a text or some bytes are not a webhook secret. Never holds any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// The text does not start with `whsec_`.
    #[error("a webhook secret starts with `whsec_`")]
    Prefix,
    /// The text after the prefix is not base64.
    #[error("a webhook secret is `whsec_` and base64")]
    Encoding,
    /// The secret is shorter or longer than the specification allows.
    #[error("a webhook secret has 24 to 64 bytes")]
    Length,
}

impl SigningKey {
    /// A new secret of 32 random bytes.
    #[must_use]
    pub fn generate(ports: &Ports) -> Self {
        Self(Zeroizing::new(ports.bytes::<GENERATED_LENGTH>().to_vec()))
    }

    /// A secret from its raw bytes.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self, SigningKeyError> {
        let bytes = Zeroizing::new(bytes.into());
        if !KEY_LENGTHS.contains(&bytes.len()) {
            return Err(SigningKeyError::Length);
        }
        Ok(Self(bytes))
    }

    /// The secret as it is shown to its owner once: `whsec_` and base64.
    #[must_use]
    pub fn to_secret(&self) -> Zeroizing<String> {
        // Sized up front: growing would leave a copy behind that nothing wipes.
        let mut text = String::with_capacity(PREFIX.len() + self.0.len().div_ceil(3) * 4);
        text.push_str(PREFIX);
        STANDARD.encode_string(self.0.as_slice(), &mut text);
        Zeroizing::new(text)
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(id.as_bytes());
        mac.update(b".");
        mac.update(timestamp.as_bytes());
        mac.update(b".");
        mac.update(body);
        mac.finalize().into_bytes().into()
    }
}

impl FromStr for SigningKey {
    type Err = SigningKeyError;

    fn from_str(secret: &str) -> Result<Self, SigningKeyError> {
        let encoded = secret.trim().strip_prefix(PREFIX).ok_or(SigningKeyError::Prefix)?;
        let bytes = LENIENT.decode(encoded).map_err(|_| SigningKeyError::Encoding)?;
        Self::from_bytes(bytes)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(redacted)")
    }
}

/// The `webhook-signature` of a message: one signature per secret, in the order given (newest
/// first), separated by spaces.
#[must_use]
pub fn sign(secrets: &[SigningKey], id: &str, timestamp_secs: i64, body: &[u8]) -> String {
    let timestamp = timestamp_secs.to_string();
    let mut text = String::with_capacity(secrets.len() * (VERSION.len() + SIGNATURE_LENGTH + 1));
    for (index, secret) in secrets.iter().enumerate() {
        if index > 0 {
            text.push(' ');
        }
        text.push_str(VERSION);
        STANDARD.encode_string(secret.mac(id, &timestamp, body), &mut text);
    }
    text
}

/// The three Standard Webhooks headers of a received message.
#[derive(Debug, Clone, Copy)]
pub struct SignatureHeaders<'a> {
    /// `webhook-id`
    pub id: &'a str,
    /// `webhook-timestamp`
    pub timestamp: &'a str,
    /// `webhook-signature`
    pub signature: &'a str,
}

/// Why a message is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// `webhook-timestamp` is not a number of seconds.
    #[error("webhook-timestamp is not a Unix time in seconds")]
    Timestamp,
    /// The message is older than the tolerance: perhaps a replay.
    #[error("the message is too old")]
    TooOld,
    /// The message is from further in the future than the tolerance.
    #[error("the message is from the future")]
    TooNew,
    /// No signature in the header is right.
    #[error("no signature matches")]
    NoMatch,
}

/// Checks a received message against one secret.
///
/// Accepts any one of several signatures, skips versions it does not know, and compares in
/// constant time, lengths first: an empty `v1,` can never pass.
pub fn verify(
    secret: &SigningKey,
    headers: &SignatureHeaders<'_>,
    body: &[u8],
    now: i64,
    tolerance: Duration,
) -> Result<(), VerifyError> {
    check_time(headers.timestamp, now, tolerance)?;
    let mut expected = [0; SIGNATURE_LENGTH];
    STANDARD
        .encode_slice(secret.mac(headers.id, headers.timestamp, body), &mut expected)
        .expect("32 bytes are 44 characters of base64");
    let matches = headers
        .signature
        .split(' ')
        .filter_map(|candidate| candidate.strip_prefix(VERSION))
        .filter(|candidate| candidate.len() == expected.len())
        .any(|candidate| bool::from(candidate.as_bytes().ct_eq(&expected)));
    if matches { Ok(()) } else { Err(VerifyError::NoMatch) }
}

fn check_time(timestamp: &str, now: i64, tolerance: Duration) -> Result<(), VerifyError> {
    // `parse` alone would take `+5` too.
    if !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(VerifyError::Timestamp);
    }
    let sent: i64 = timestamp.parse().map_err(|_| VerifyError::Timestamp)?;
    if sent.abs_diff(now) <= tolerance.as_secs() {
        Ok(())
    } else if sent < now {
        Err(VerifyError::TooOld)
    } else {
        Err(VerifyError::TooNew)
    }
}

#[cfg(test)]
mod tests;
