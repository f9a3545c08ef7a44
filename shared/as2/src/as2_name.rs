//! AS2 names: who a message is from and for.

use std::fmt;

use crate::mime::media_type::{quote, unquote};

/// The most letters of a name.
const MAX_NAME: usize = 128;

/// The name of a party: 1 to 128 printable ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct As2Name(String);

/// Why a text is no AS2 name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not 1 to {MAX_NAME} printable ASCII characters, of which the first and the last are not spaces")]
pub struct NameError;

impl As2Name {
    /// A name as users write it, without the quotes of the header.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn new(name: &str) -> Result<Self, NameError> {
        let printable = name.bytes().all(|letter| (b' '..=b'~').contains(&letter));
        let good = printable && !name.is_empty() && name.len() <= MAX_NAME && name.trim() == name;
        if good { Ok(Self(name.to_owned())) } else { Err(NameError) }
    }

    /// A name as it stands in `AS2-From` and `AS2-To`.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn of_header(value: &str) -> Result<Self, NameError> {
        Self::new(unquote(value.trim()).trim())
    }

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As headers hold it: with spaces, quotes, backslashes or separators it is quoted.
    #[must_use]
    pub fn to_header(&self) -> String {
        let plain = self.0.bytes().all(|letter| letter.is_ascii_graphic() && !matches!(letter, b'"' | b'\\'));
        if plain { self.0.clone() } else { quote(&self.0) }
    }
}

impl fmt::Display for As2Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
