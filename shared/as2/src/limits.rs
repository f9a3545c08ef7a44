//! What a message may cost.

/// The bounds within which a message is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes that a compressed content may become.
    pub inflated_bytes: usize,
    /// The most bytes of the headers of one MIME entity.
    pub header_bytes: usize,
    /// The most parts of one multipart entity.
    pub parts: usize,
    /// The most layers of protection around a document.
    pub layers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { inflated_bytes: 100 << 20, header_bytes: 32 << 10, parts: 16, layers: 5 }
    }
}
