//! CMS (RFC 5652, 3274, 5083): one layer of protection.

pub(crate) mod compressed;
pub(crate) mod enveloped;
mod recipient;
pub(crate) mod signed;
#[cfg(test)]
mod tests;

use const_oid::ObjectIdentifier as Oid;

use crate::asn1::ber::{Malformed, Value, context};

/// Why a layer cannot be made or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CmsError {
    #[error("has a CMS structure that cannot be read")]
    Malformed,
    #[error("uses {0}, which is not supported")]
    Unsupported(String),
    #[error("is signed with an unknown digest")]
    UnknownDigest,
    #[error("uses {0}, which is not allowed for this partner")]
    Forbidden(String),
    #[error("is not encrypted for any of our certificates")]
    NotForUs,
    #[error("cannot be decrypted, or has nothing in it that can be read")]
    Undecryptable,
    #[error("is not signed by any of the partner's certificates")]
    Stranger,
    #[error("has a content that is not what was signed")]
    Altered,
    #[error("cannot be decompressed")]
    Incompressible,
    #[error("becomes too large when it is decompressed")]
    Inflated,
    #[error("could not be protected")]
    Crypto,
}

impl CmsError {
    /// Whether it tells of a signature that could be read.
    pub(crate) fn is_of_signature(&self) -> bool {
        matches!(self, Self::Stranger | Self::Altered | Self::UnknownDigest | Self::Forbidden(_))
    }
}

impl From<Malformed> for CmsError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// The type and the content of a `ContentInfo`.
pub(crate) fn content_of(bytes: &[u8]) -> Result<(Oid, Value<'_>), CmsError> {
    let mut fields = Value::first(bytes)?.children()?;
    let kind = fields.next()?.oid()?;
    let content = fields.expect(context(0))?.children()?.next()?;
    Ok((kind, content))
}

/// The octets that stand in an explicit tag, or are tagged implicitly: as a range of the message if they are in one
/// piece, so that they need not be copied.
pub(crate) fn take(bytes: Vec<u8>, place: Place) -> Vec<u8> {
    match place {
        Place::Here(range) => crate::mime::entity::only(bytes, range),
        Place::Gathered(octets) => octets,
    }
}

/// Where the octets of a content are.
pub(crate) enum Place {
    Here(std::ops::Range<usize>),
    Gathered(Vec<u8>),
}

impl Place {
    pub(crate) fn of(value: &Value<'_>) -> Result<Self, CmsError> {
        match value.piece() {
            Some(range) => Ok(Self::Here(range)),
            None => Ok(Self::Gathered(value.octets()?.into_owned())),
        }
    }
}
