//! The message integrity check: a digest of what was sent, which the receipt repeats.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::algorithms::Digest;

/// A digest and what made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mic {
    /// What made it.
    pub digest: Digest,
    /// The digest itself.
    pub value: Vec<u8>,
}

impl Mic {
    /// The MIC of bytes.
    #[must_use]
    pub fn of(digest: Digest, bytes: &[u8]) -> Self {
        Self { digest, value: digest.of(bytes) }
    }

    /// Reads `<base64>, <algorithm>`. Some partners leave the algorithm out: then the size tells.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (value, name) = text.split_once(',').map_or((text, None), |(value, name)| (value, Some(name)));
        let value: String = value.split_ascii_whitespace().collect();
        let value = BASE64.decode(value).ok()?;
        let digest = match name {
            Some(name) => Digest::named(name)?,
            None => Digest::ALL.into_iter().find(|digest| digest.algorithm().output_len() == value.len())?,
        };
        Some(Self { digest, value })
    }
}

impl fmt::Display for Mic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", BASE64.encode(&self.value), self.digest)
    }
}
