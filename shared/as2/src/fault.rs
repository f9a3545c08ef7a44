//! What is wrong with a message, in the words of RFC 4130 and in ours.

use std::fmt;

use crate::cms::CmsError;
use crate::mime::MimeError;

/// Why a message is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{modifier}: {detail}")]
pub struct Fault {
    /// What the receipt says.
    pub modifier: Modifier,
    /// What our own log says. It tells no content.
    pub detail: String,
}

impl Fault {
    /// A fault.
    #[must_use]
    pub fn new(modifier: Modifier, detail: impl Into<String>) -> Self {
        Self { modifier, detail: detail.into() }
    }
}

/// The modifiers of a negative disposition (RFC 4130, 7.4.3; RFC 5402, 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Modifier {
    /// The signature is not the partner's.
    AuthenticationFailed,
    /// It cannot be decrypted, or nothing in it can be read.
    DecryptionFailed,
    /// It cannot be decompressed.
    DecompressionFailed,
    /// The content is not what was signed.
    IntegrityCheckFailed,
    /// It has not the protection that was agreed on.
    InsufficientMessageSecurity,
    /// It was received before.
    DuplicateDocument,
    /// Sender and receiver are the same.
    SenderEqualsReceiver,
    /// Anything else.
    UnexpectedProcessingError,
    /// The receiver does not know the sender, or is not the one that is meant.
    UnknownTradingPartner,
    /// A failure: the format of the message or of the receipt that it asks for.
    UnsupportedFormat,
    /// A failure: none of the MIC algorithms.
    UnsupportedMicAlgorithms,
}

impl Modifier {
    /// Whether the standard calls it a failure, which ends the exchange, or an error of this one message.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::UnsupportedFormat | Self::UnsupportedMicAlgorithms)
    }
}

impl fmt::Display for Modifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AuthenticationFailed => "authentication-failed",
            Self::DecryptionFailed => "decryption-failed",
            Self::DecompressionFailed => "decompression-failed",
            Self::IntegrityCheckFailed => "integrity-check-failed",
            Self::InsufficientMessageSecurity => "insufficient-message-security",
            Self::DuplicateDocument => "duplicate-document",
            Self::SenderEqualsReceiver => "sender-equals-receiver",
            Self::UnexpectedProcessingError => "unexpected-processing-error",
            Self::UnknownTradingPartner => "unknown-trading-partner",
            Self::UnsupportedFormat => "unsupported format",
            Self::UnsupportedMicAlgorithms => "unsupported MIC-algorithms",
        })
    }
}

impl From<MimeError> for Fault {
    fn from(error: MimeError) -> Self {
        Self::new(Modifier::UnexpectedProcessingError, format!("The message {error}."))
    }
}

impl From<CmsError> for Fault {
    fn from(error: CmsError) -> Self {
        let modifier = match error {
            CmsError::Unsupported(_) => Modifier::UnsupportedFormat,
            CmsError::UnknownDigest => Modifier::UnsupportedMicAlgorithms,
            CmsError::Forbidden(_) => Modifier::InsufficientMessageSecurity,
            CmsError::NotForUs | CmsError::Undecryptable => Modifier::DecryptionFailed,
            CmsError::Stranger => Modifier::AuthenticationFailed,
            CmsError::Altered => Modifier::IntegrityCheckFailed,
            CmsError::Incompressible | CmsError::Inflated => Modifier::DecompressionFailed,
            CmsError::Malformed | CmsError::Crypto => Modifier::UnexpectedProcessingError,
        };
        Self::new(modifier, format!("The message {error}."))
    }
}
