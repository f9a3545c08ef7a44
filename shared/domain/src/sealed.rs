//! Encrypted secrets, as records hold them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Stands for a secret in responses; sent back, it keeps the stored value.
pub const MASK: &str = "••••••••";

/// An encrypted secret: `v1.{key id}.{base64 of nonce and ciphertext}`. Only a key ring opens it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    /// Wraps a key ring's ciphertext.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The ciphertext.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ciphertext_is_kept_as_it_is_and_not_printed() {
        let sealed = Sealed::new("v1.k1.c2VjcmV0".into());
        assert_eq!((sealed.text(), format!("{sealed:?}").as_str()), ("v1.k1.c2VjcmV0", "Sealed(..)"));
    }
}
