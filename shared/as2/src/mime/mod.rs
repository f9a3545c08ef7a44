//! MIME: headers, media types, parts, transfer encodings. Bytes are never changed, because digests are taken of them.

pub(crate) mod encoding;
pub(crate) mod entity;
pub(crate) mod headers;
pub(crate) mod media_type;
pub(crate) mod multipart;
#[cfg(test)]
mod tests;

/// Why bytes are not MIME that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MimeError {
    #[error("has headers that are too large")]
    HeadersTooLarge,
    #[error("has no well-formed headers")]
    Headers,
    #[error("has more parts than are read")]
    TooManyParts,
    #[error("is multipart without a usable boundary")]
    Boundary,
    #[error("has a body that is not in its Content-Transfer-Encoding")]
    Encoding,
    #[error("has an unknown Content-Transfer-Encoding")]
    UnknownEncoding,
}
