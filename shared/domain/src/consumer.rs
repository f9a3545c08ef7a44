//! Consumers: readers of the log whose position the server keeps.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::export::Position;
use super::ids::MalformedId;
use super::time::Millis;

/// The most consumers of one scope.
pub const MAX_CONSUMERS: usize = 25;

/// A consumer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumer {
    /// Unlike the name, never used again.
    pub uid: String,
    /// The name its user gave it.
    pub name: String,
    /// Everything before it is acknowledged. Stored as text, which the database can compare.
    #[serde(with = "as_text")]
    pub position: Position,
    /// When it was made.
    pub created_at: Millis,
    /// When it was made, or last acknowledged something.
    pub updated_at: Millis,
    /// How often it was written; an acknowledgement does not count.
    #[serde(default)]
    pub revision: u64,
}

/// Whether a text is a consumer's name: 1 to 50 of `[a-z0-9-]`.
#[must_use]
pub fn is_consumer_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=50).contains(&text.len()) && text.bytes().all(allowed)
}

/// Acknowledges what a consumer was given: everything before a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckToken {
    /// The consumer's uid.
    pub consumer: String,
    /// Where it continues.
    pub position: Position,
}

impl fmt::Display for AckToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.consumer, self.position)
    }
}

impl FromStr for AckToken {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let (consumer, position) = text.split_once('/').ok_or(MalformedId)?;
        Ok(Self { consumer: consumer.to_owned(), position: position.parse()? })
    }
}

mod as_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    use super::Position;

    pub(super) fn serialize<S: Serializer>(position: &Position, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(position)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Position, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ChunkId;

    #[test]
    fn names() {
        for good in ["a", "0", "-", "erp-1", &"x".repeat(50)] {
            assert!(is_consumer_name(good), "{good}");
        }
        for bad in ["", "A", "a_b", "a/b", "é", &"x".repeat(51)] {
            assert!(!is_consumer_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_position_is_stored_as_text() {
        let position = Position { chunk: ChunkId::floor(Millis(5)), index: 7 };
        let at = Millis(9);
        let consumer = Consumer {
            uid: "csm_1".to_owned(),
            name: "erp".to_owned(),
            position,
            created_at: at,
            updated_at: at,
            revision: 1,
        };
        let stored = serde_json::to_value(&consumer).expect("JSON");
        assert_eq!(stored["position"], position.to_string());
        assert_eq!(serde_json::from_value::<Consumer>(stored).ok(), Some(consumer));
    }
}

#[cfg(test)]
mod fuzz {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::ChunkId;

    proptest! {
        #[test]
        fn tokens_are_read_back(consumer in "csm_[0-9a-f]{32}", at in 0_i64..1 << 47, random: [u8; 5], index in 0_usize..10_000) {
            let token = AckToken { consumer, position: Position { chunk: ChunkId::new(Millis(at), random), index } };
            prop_assert_eq!(token.to_string().parse::<AckToken>().ok(), Some(token));
        }

        #[test]
        fn any_text_is_refused_or_read(text in "\\PC{0,20}/[0-9a-v]{20}[.][0-9]{4}|[a-z/.0]{0,40}", any: String) {
            for text in [text, any] {
                if let Ok(token) = text.parse::<AckToken>() {
                    prop_assert_eq!(token.to_string(), text);
                }
            }
        }
    }
}
