//! Digests and ciphers, by the names that standards, partners and users give them.

use std::fmt;

use aws_lc_rs::{cipher, digest, signature};
use const_oid::ObjectIdentifier as Oid;

use crate::asn1::oids;

/// A digest, of signatures and of MICs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Digest {
    /// SHA-1: received from old partners, never used to sign.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Digest {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sha256, Self::Sha384, Self::Sha512, Self::Sha1];

    /// By a name of any style: `sha256`, `SHA-256`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name: String = name.trim().chars().filter(|letter| *letter != '-').collect();
        Self::ALL.into_iter().find(|digest| digest.plain_name().eq_ignore_ascii_case(&name))
    }

    /// As settings name it: `sha256`.
    #[must_use]
    pub const fn plain_name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Whether we sign with it: `aws-lc-rs` makes no SHA-1 signatures, and nobody should.
    #[must_use]
    pub const fn can_sign(self) -> bool {
        !matches!(self, Self::Sha1)
    }

    /// The digest of bytes.
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        digest::digest(self.algorithm(), bytes).as_ref().to_vec()
    }

    pub(crate) fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    pub(crate) const fn oid(self) -> Oid {
        match self {
            Self::Sha1 => oids::SHA1,
            Self::Sha256 => oids::SHA256,
            Self::Sha384 => oids::SHA384,
            Self::Sha512 => oids::SHA512,
        }
    }

    /// Some partners name the signature's algorithm where the digest's belongs.
    pub(crate) fn of_oid(oid: Oid) -> Option<Self> {
        match oid {
            oids::SHA1 | oids::RSA_WITH_SHA1 => Some(Self::Sha1),
            oids::SHA256 | oids::RSA_WITH_SHA256 => Some(Self::Sha256),
            oids::SHA384 | oids::RSA_WITH_SHA384 => Some(Self::Sha384),
            oids::SHA512 | oids::RSA_WITH_SHA512 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// What signs with it; nothing does with SHA-1.
    pub(crate) fn signing(self) -> Option<&'static signature::RsaSignatureEncoding> {
        match self {
            Self::Sha1 => None,
            Self::Sha256 => Some(&signature::RSA_PKCS1_SHA256),
            Self::Sha384 => Some(&signature::RSA_PKCS1_SHA384),
            Self::Sha512 => Some(&signature::RSA_PKCS1_SHA512),
        }
    }

    /// What verifies PKCS#1 v1.5 signatures with it.
    pub(crate) fn verifying(self) -> &'static signature::RsaParameters {
        match self {
            Self::Sha1 => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Self::Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        }
    }

    /// What verifies PSS signatures with it.
    pub(crate) fn verifying_pss(self) -> Option<&'static signature::RsaParameters> {
        match self {
            Self::Sha1 => None,
            Self::Sha256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Sha384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
            Self::Sha512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
        }
    }
}

/// As RFC 4130 and RFC 5751 name it: `sha1`, `sha-256`.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        })
    }
}

/// A cipher for content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cipher {
    /// AES-128 in CBC mode.
    Aes128Cbc,
    /// AES-192 in CBC mode.
    Aes192Cbc,
    /// AES-256 in CBC mode.
    Aes256Cbc,
    /// AES-128 in GCM mode, for partners that read `AuthEnvelopedData`.
    Aes128Gcm,
    /// AES-256 in GCM mode, for partners that read `AuthEnvelopedData`.
    Aes256Gcm,
    /// Triple DES: for partners that have nothing newer.
    TripleDes,
}

impl Cipher {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Aes256Cbc, Self::Aes192Cbc, Self::Aes128Cbc, Self::Aes256Gcm, Self::Aes128Gcm, Self::TripleDes];
    /// All but Triple DES, which is only for who asks for it.
    pub const MODERN: [Self; 5] = [Self::Aes256Cbc, Self::Aes192Cbc, Self::Aes128Cbc, Self::Aes256Gcm, Self::Aes128Gcm];

    /// By the name that settings have: `aes256-cbc`, `3des`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cipher| cipher.to_string().eq_ignore_ascii_case(name.trim()))
    }

    pub(crate) const fn oid(self) -> Oid {
        match self {
            Self::Aes128Cbc => oids::AES_128_CBC,
            Self::Aes192Cbc => oids::AES_192_CBC,
            Self::Aes256Cbc => oids::AES_256_CBC,
            Self::Aes128Gcm => oids::AES_128_GCM,
            Self::Aes256Gcm => oids::AES_256_GCM,
            Self::TripleDes => oids::DES_EDE3_CBC,
        }
    }

    pub(crate) fn of_oid(oid: Oid) -> Option<Self> {
        Self::ALL.into_iter().find(|cipher| cipher.oid() == oid)
    }

    pub(crate) const fn key_size(self) -> usize {
        match self {
            Self::Aes128Cbc | Self::Aes128Gcm => 16,
            Self::Aes192Cbc | Self::TripleDes => 24,
            Self::Aes256Cbc | Self::Aes256Gcm => 32,
        }
    }

    /// The block cipher in CBC mode; none for GCM.
    #[expect(deprecated, reason = "some partners have nothing newer than Triple DES; it must be allowed by name")]
    pub(crate) fn block(self) -> Option<&'static cipher::Algorithm> {
        match self {
            Self::Aes128Cbc => Some(&cipher::AES_128),
            Self::Aes192Cbc => Some(&cipher::AES_192),
            Self::Aes256Cbc => Some(&cipher::AES_256),
            Self::TripleDes => Some(&cipher::DES_EDE3_FOR_LEGACY_USE_ONLY),
            Self::Aes128Gcm | Self::Aes256Gcm => None,
        }
    }
}

impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aes128Cbc => "aes128-cbc",
            Self::Aes192Cbc => "aes192-cbc",
            Self::Aes256Cbc => "aes256-cbc",
            Self::Aes128Gcm => "aes128-gcm",
            Self::Aes256Gcm => "aes256-gcm",
            Self::TripleDes => "3des",
        })
    }
}

/// How the content's key is encrypted for its reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyTransport {
    /// RSA with PKCS#1 v1.5 padding, which every partner reads.
    #[default]
    Pkcs1,
    /// RSA-OAEP with SHA-256.
    Oaep,
}
