//! Keys and certificates: ours with its private key, and the partner's, which is pinned.

mod certificate;
mod generate;
mod identity;
mod pkcs12;
#[cfg(test)]
pub(crate) mod tests;

pub use certificate::Certificate;
pub use generate::{generate, renew};
pub use identity::Identity;
pub(crate) use identity::Padding;

use crate::asn1::ber::Malformed;

/// The sizes of RSA keys that signatures and key transport work with.
pub const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

/// Why a key or a certificate is refused. The message contains nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither PEM nor DER of a certificate.
    #[error("is not an X.509 certificate")]
    Certificate,
    /// A chain, or several certificates.
    #[error("contains several certificates: give the one that belongs to the key")]
    SeveralCertificates,
    /// A certificate that AS2 cannot use.
    #[error("has a key of an unsupported kind: AS2 needs RSA")]
    NotRsa,
    /// Too short for any signature, or too long for libraries.
    #[error("has an RSA key of {0} bits: at least {min} and at most {max} are needed", min = RSA_BITS.start(), max = RSA_BITS.end())]
    KeySize(usize),
    /// Not a private key in PKCS#8 or PKCS#1.
    #[error("is not an RSA private key in PEM (PKCS#8 or PKCS#1)")]
    PrivateKey,
    /// PEM with a password.
    #[error("is encrypted: decrypt the private key first, or upload a PKCS#12 file with its password")]
    Encrypted,
    /// Key and certificate of different pairs.
    #[error("does not belong to the certificate")]
    Mismatch,
    /// PKCS#12 that cannot be opened.
    #[error("is not a PKCS#12 file that this password opens")]
    Pkcs12,
    /// PKCS#12 with several keys or none.
    #[error("contains {0} private keys with their certificates: exactly one is needed")]
    Pkcs12Keys(usize),
    /// No key could be generated.
    #[error("could not be generated")]
    Generation,
}

impl From<Malformed> for KeyError {
    fn from(_: Malformed) -> Self {
        Self::Certificate
    }
}
