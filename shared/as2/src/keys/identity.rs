//! Our key with its certificate: it signs, and opens what is encrypted for it.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
    OaepPrivateDecryptingKey, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey,
};
use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};
use zeroize::Zeroizing;

use super::{Certificate, KeyError, RSA_BITS};
use crate::algorithms::Digest;
use crate::asn1::ber::{INTEGER, OCTET_STRING, SEQUENCE, Value};
use crate::asn1::{der, oids};

/// A private key and its certificate.
pub struct Identity {
    certificate: Certificate,
    pkcs8: Zeroizing<Vec<u8>>,
    signing: RsaKeyPair,
    decrypting: PrivateDecryptingKey,
}

/// How a content's key was encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    Pkcs1,
    Oaep(Digest),
}

impl Identity {
    /// Reads a private key (PKCS#8 or PKCS#1) and its certificate, both in PEM.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn of_pem(private_key: &str, certificate: &str) -> Result<Self, KeyError> {
        Self::of_der(&pkcs8_of_pem(private_key)?, Certificate::of_pem(certificate)?)
    }

    /// Takes a private key (PKCS#8 in DER) and its certificate.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn of_der(pkcs8: &[u8], certificate: Certificate) -> Result<Self, KeyError> {
        let bits = key_bits(pkcs8)?;
        if !RSA_BITS.contains(&bits) {
            return Err(KeyError::KeySize(bits));
        }
        let signing = RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| KeyError::PrivateKey)?;
        let decrypting = PrivateDecryptingKey::from_pkcs8(pkcs8).map_err(|_| KeyError::PrivateKey)?;
        if signing.public_key().as_ref() != certificate.rsa_public_key() {
            return Err(KeyError::Mismatch);
        }
        Ok(Self { certificate, pkcs8: Zeroizing::new(pkcs8.to_vec()), signing, decrypting })
    }

    /// Opens a PKCS#12 file with exactly one key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn of_pkcs12(file: &[u8], password: &str) -> Result<Self, KeyError> {
        super::pkcs12::read(file, password)
    }

    /// The certificate, for partners.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The private key as PKCS#8 in PEM, to be stored encrypted.
    #[must_use]
    pub fn private_key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(pem::encode(&pem::Pem::new("PRIVATE KEY", self.pkcs8.to_vec())))
    }

    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// None: nothing signs with this digest.
    pub(crate) fn sign(&self, digest: Digest, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.signing.public_modulus_len()];
        self.signing.sign(digest.signing()?, &SystemRandom::new(), bytes, &mut signature).ok()?;
        Some(signature)
    }

    /// The key of a content, or one that opens nothing: who sends many variants of a message must not learn which of
    /// them have well-formed padding. The same variant gets the same key again, as a well-formed one would.
    pub(crate) fn content_key(&self, padding: Padding, encrypted: &[u8], size: usize) -> (Zeroizing<Vec<u8>>, bool) {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, Digest::Sha256.of(&self.pkcs8).as_slice());
        let mut substitute = hmac::sign(&secret, encrypted).as_ref().to_vec();
        substitute.truncate(size);
        match self.unwrapped(padding, encrypted).filter(|key| key.len() == size) {
            Some(key) => (key, true),
            None => (Zeroizing::new(substitute), false),
        }
    }

    fn unwrapped(&self, padding: Padding, encrypted: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut plain = Zeroizing::new(vec![0; self.decrypting.key_size_bytes()]);
        let key = self.decrypting.clone();
        let size = match padding {
            Padding::Pkcs1 => Pkcs1PrivateDecryptingKey::new(key).ok()?.decrypt(encrypted, &mut plain).ok()?.len(),
            Padding::Oaep(digest) => {
                let algorithm = match digest {
                    Digest::Sha1 => &OAEP_SHA1_MGF1SHA1,
                    Digest::Sha256 => &OAEP_SHA256_MGF1SHA256,
                    Digest::Sha384 => &OAEP_SHA384_MGF1SHA384,
                    Digest::Sha512 => &OAEP_SHA512_MGF1SHA512,
                };
                let key = OaepPrivateDecryptingKey::new(key).ok()?;
                key.decrypt(algorithm, encrypted, &mut plain, None).ok()?.len()
            }
        };
        plain.truncate(size);
        Some(plain)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

fn pkcs8_of_pem(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let blocks = pem::parse_many(text).map_err(|_| KeyError::PrivateKey)?;
    let block = blocks.iter().find(|block| block.tag().ends_with("PRIVATE KEY")).ok_or(KeyError::PrivateKey)?;
    match block.tag() {
        "ENCRYPTED PRIVATE KEY" => Err(KeyError::Encrypted),
        // The old format of OpenSSL.
        "RSA PRIVATE KEY" if block.headers().iter().next().is_some() => Err(KeyError::Encrypted),
        "PRIVATE KEY" => Ok(Zeroizing::new(block.contents().to_vec())),
        "RSA PRIVATE KEY" => Ok(Zeroizing::new(der::sequence(&[
            &der::number(0),
            &der::algorithm(oids::RSA),
            &der::octets(block.contents()),
        ]))),
        _ => Err(KeyError::NotRsa),
    }
}

fn key_bits(pkcs8: &[u8]) -> Result<usize, KeyError> {
    let read = || {
        let mut fields = Value::first(pkcs8)?.children()?;
        fields.expect(INTEGER)?;
        let algorithm = fields.expect(SEQUENCE)?.children()?.next()?.oid()?;
        Ok((algorithm, fields.expect(OCTET_STRING)?))
    };
    let (algorithm, key) = read().map_err(|_: crate::asn1::ber::Malformed| KeyError::PrivateKey)?;
    if algorithm != oids::RSA {
        return Err(KeyError::NotRsa);
    }
    let modulus = || {
        let mut numbers = Value::first(key.body())?.children()?;
        numbers.expect(INTEGER)?;
        numbers.expect(INTEGER)
    };
    let modulus = modulus().map_err(|_| KeyError::PrivateKey)?.body();
    let zeros = modulus.iter().take_while(|digit| **digit == 0).count();
    let first = modulus.get(zeros).ok_or(KeyError::PrivateKey)?;
    Ok((modulus.len() - zeros) * 8 - first.leading_zeros() as usize)
}
