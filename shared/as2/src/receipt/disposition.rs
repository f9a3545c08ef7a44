//! What became of a message.

use std::fmt;

use crate::fault::Modifier;

/// What a receipt says has become of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It was processed.
    Processed,
    /// It was processed, but the receiver remarks something.
    Warning(String),
    /// It was not accepted.
    Error(String),
    /// It could not be processed at all.
    Failure(String),
}

impl Disposition {
    /// Whether the message was accepted.
    #[must_use]
    pub const fn is_positive(&self) -> bool {
        matches!(self, Self::Processed | Self::Warning(_))
    }

    /// Reads the value of the field `Disposition`.
    #[must_use]
    pub fn read(value: &str) -> Self {
        let value = value.split_once(';').map_or(value, |(_, disposition)| disposition).trim();
        let (kind, text) = value.split_once(':').unwrap_or((value, ""));
        let text = text.trim().to_owned();
        let (kind, modifier) = kind.split_once('/').unwrap_or((kind, ""));
        let (kind, modifier) = (kind.trim().to_ascii_lowercase(), modifier.trim().to_ascii_lowercase());
        match (kind.as_str(), modifier.as_str()) {
            ("processed", "") => Self::Processed,
            ("processed" | "displayed", "warning") => Self::Warning(text),
            (_, "error") => Self::Error(text),
            (_, "failure") | ("failed", _) => Self::Failure(text),
            _ => Self::Failure(value.to_owned()),
        }
    }

    /// The text after the modifier.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Processed => "",
            Self::Warning(text) | Self::Error(text) | Self::Failure(text) => text,
        }
    }

    /// The same with a text, if it has none.
    pub(super) fn or_text(self, text: &str) -> Self {
        match self {
            Self::Warning(own) if own.is_empty() => Self::Warning(text.to_owned()),
            Self::Error(own) if own.is_empty() => Self::Error(text.to_owned()),
            Self::Failure(own) if own.is_empty() => Self::Failure(text.to_owned()),
            other => other,
        }
    }
}

impl From<Modifier> for Disposition {
    fn from(modifier: Modifier) -> Self {
        match modifier {
            Modifier::DuplicateDocument => Self::Warning(modifier.to_string()),
            _ if modifier.is_failure() => Self::Failure(modifier.to_string()),
            _ => Self::Error(modifier.to_string()),
        }
    }
}

/// As the field `Disposition` has it.
impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("automatic-action/MDN-sent-automatically; ")?;
        match self {
            Self::Processed => f.write_str("processed"),
            Self::Warning(text) => write!(f, "processed/warning: {text}"),
            Self::Error(text) => write!(f, "processed/error: {text}"),
            Self::Failure(text) => write!(f, "failed/failure: {text}"),
        }
    }
}
