//! Identifiers Sluice makes: where an event stands in the log is readable from its id.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::time::Millis;

/// How many partitions a day of one scope's log is spread over, so that no single one is hot.
pub const LOG_SHARDS: u8 = 4;

/// Keeps the order of the bytes it encodes, unlike RFC 4648's first alphabet.
const BASE32_HEX: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// Where a chunk of events stands in the log: time, shard, randomness and a number, sortable as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChunkId(u128);

impl ChunkId {
    /// Characters of the text form.
    pub const LEN: usize = 20;

    /// A new id at `at`; the shard is taken from the randomness.
    #[must_use]
    pub fn new(at: Millis, random: [u8; 5]) -> Self {
        let time = u128::from(at.0.unsigned_abs()) & 0xffff_ffff_ffff;
        let shard = u128::from(random[0] % LOG_SHARDS);
        let tail = random[1..5].iter().fold(0_u128, |acc, byte| (acc << 8) | u128::from(*byte));
        Self((time << 48) | (shard << 40) | (tail << 8))
    }

    /// The id of the `n`th chunk of the publish that begins with this one; they stand beside each other.
    #[must_use]
    pub fn nth(self, n: u8) -> Self {
        Self((self.0 & !0xff) | u128::from(n))
    }

    /// The highest id that a chunk of the same publish can have.
    #[must_use]
    pub fn last_of_publish(self) -> Self {
        self.nth(u8::MAX)
    }

    /// The lowest id of that time: a bound for ranges.
    #[must_use]
    pub fn floor(at: Millis) -> Self {
        Self((u128::from(at.0.unsigned_abs()) & 0xffff_ffff_ffff) << 48)
    }

    /// The next possible id: a bound that takes this one in.
    #[must_use]
    pub fn after(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The last possible id before this one.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The log time.
    #[must_use]
    pub fn at(self) -> Millis {
        Millis(i64::try_from(self.0 >> 48).unwrap_or(i64::MAX))
    }

    /// The shard of the day it stands in.
    #[must_use]
    pub fn shard(self) -> u8 {
        ((self.0 >> 40) & 0xff) as u8
    }
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0 << 4; // 96 bits and 4 of padding make 20 characters of 5 bits
        for i in (0..Self::LEN).rev() {
            let index = ((bits >> (5 * i)) & 31) as usize;
            write!(f, "{}", char::from(BASE32_HEX[index]))?;
        }
        Ok(())
    }
}

impl fmt::Debug for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChunkId({self})")
    }
}

/// Not an identifier of the kind asked for.
#[derive(Debug, thiserror::Error)]
#[error("malformed identifier")]
pub struct MalformedId;

impl FromStr for ChunkId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        if text.len() != Self::LEN {
            return Err(MalformedId);
        }
        let bits = text.bytes().try_fold(0_u128, |acc, byte| {
            let digit = BASE32_HEX.iter().position(|c| *c == byte).ok_or(MalformedId)?;
            Ok((acc << 5) | digit as u128)
        })?;
        if bits & 0xf == 0 { Ok(Self(bits >> 4)) } else { Err(MalformedId) }
    }
}

impl TryFrom<String> for ChunkId {
    type Error = MalformedId;

    fn try_from(text: String) -> Result<Self, MalformedId> {
        text.parse()
    }
}

impl From<ChunkId> for String {
    fn from(id: ChunkId) -> Self {
        id.to_string()
    }
}

/// The id Sluice gives an event whose publisher gave none: it names the event's chunk, so a look-up needs no index.
#[must_use]
pub fn event_id(chunk: ChunkId, index: usize) -> String {
    format!("evt_{chunk}{index:03x}")
}

/// The chunk that an id made by [`event_id`] names; `None` for a publisher's own id.
#[must_use]
pub fn chunk_of(event_id: &str) -> Option<ChunkId> {
    let rest = event_id.strip_prefix("evt_")?;
    if rest.len() != ChunkId::LEN + 3 || !rest.is_ascii() {
        return None;
    }
    rest[..ChunkId::LEN].parse().ok()
}

/// A time-sortable id with a prefix that tells its kind, such as `req_01…`: a version 7 UUID of this time and randomness.
#[must_use]
pub fn unique(prefix: &str, at: Millis, random: &[u8; 10]) -> String {
    let uuid = uuid::Builder::from_unix_timestamp_millis(at.0.unsigned_abs(), random).into_uuid();
    format!("{prefix}_{}", uuid.simple())
}

/// A random id in the form of a GUID: a version 4 UUID.
#[must_use]
pub fn guid(random: [u8; 16]) -> String {
    uuid::Builder::from_random_bytes(random).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_round_trips_and_sorts_like_time(a in 0_i64..1 << 47, b in 0_i64..1 << 47, random: [u8; 5]) {
            let (one, two) = (ChunkId::new(Millis(a), random), ChunkId::new(Millis(b), random));
            prop_assert_eq!(one.to_string().parse::<ChunkId>().ok(), Some(one));
            prop_assert_eq!(one.at(), Millis(a));
            prop_assert_eq!(one.to_string() < two.to_string(), one < two);
            prop_assert!(one.shard() < LOG_SHARDS);
            prop_assert!(ChunkId::floor(Millis(a)) <= one);
            prop_assert_eq!(chunk_of(&event_id(one, 999)), Some(one));
            prop_assert_eq!(one.shard(), random[0] % LOG_SHARDS);
            let json = serde_json::to_string(&one).expect("JSON");
            prop_assert_eq!(&json, &format!("\"{one}\""));
            prop_assert_eq!(format!("{one:?}"), format!("ChunkId({one})"));
            prop_assert_eq!(serde_json::from_str::<ChunkId>(&json).ok(), Some(one));
        }

        #[test]
        fn ids_made_by_different_chance_differ(at in 0_i64..1 << 47, one: [u8; 4], two: [u8; 4]) {
            let id = |[a, b, c, d]: [u8; 4]| ChunkId::new(Millis(at), [0, a, b, c, d]);
            prop_assert_eq!(id(one) == id(two), one == two);
            // The chunks of one publish stand beside each other.
            let [first, second] = [id(one), id(two)];
            prop_assert!(one == two || first.last_of_publish() < second || second.last_of_publish() < first);
        }

        #[test]
        fn chunks_of_a_publish_are_numbered_in_order(at in 0_i64..1 << 47, random: [u8; 5], from: u8, n: u8, m: u8) {
            let id = ChunkId::new(Millis(at), random).nth(from);
            prop_assert_eq!(id.nth(n).cmp(&id.nth(m)), n.cmp(&m));
            prop_assert_eq!((id.nth(n).at(), id.nth(n).shard()), (id.at(), id.shard()));
            prop_assert_eq!(id.last_of_publish(), id.nth(255));
            prop_assert!(id.nth(n).before() < id.nth(n) && id.nth(n) < id.nth(n).after());
            prop_assert_eq!(id.nth(n).after().before(), id.nth(n));
            if n < m {
                prop_assert!(id.nth(n).after() <= id.nth(m) && id.nth(n) <= id.nth(m).before());
            }
        }

        #[test]
        fn event_ids_sort_like_the_log(at in 0_i64..1 << 47, random: [u8; 5], n in 0_usize..999) {
            let chunk = ChunkId::new(Millis(at), random);
            prop_assert!(event_id(chunk, n) < event_id(chunk, n + 1));
            prop_assert!(event_id(chunk, n) < event_id(chunk.nth(1), 0));
        }

        #[test]
        fn unique_ids_name_their_kind_and_sort_like_time(a in 0_i64..1 << 47, b in 0_i64..1 << 47, random: [u8; 10]) {
            let (one, two) = (unique("req", Millis(a), &random), unique("req", Millis(b), &random));
            prop_assert_eq!(one.cmp(&two), a.cmp(&b));
            let digits = one.strip_prefix("req_").expect("the prefix");
            let uuid: uuid::Uuid = digits.parse().expect("a UUID");
            prop_assert_eq!(uuid.get_version_num(), 7);
        }

        #[test]
        fn what_only_looks_like_an_event_id_names_no_chunk(tail in "[0-9a-v]{0,30}", accents in 1_usize..12) {
            if tail.len() != ChunkId::LEN + 3 {
                prop_assert_eq!(chunk_of(&format!("evt_{tail}")), None);
            }
            // As many bytes as an id has, though not as many characters.
            let ascii = "0".repeat(ChunkId::LEN + 3 - 2 * accents.min(11));
            prop_assert_eq!(chunk_of(&format!("evt_{ascii}{}", "\u{e9}".repeat(accents.min(11)))), None);
        }

        #[test]
        fn bounds_enclose_their_time(a in 0_i64..1 << 47, b in 0_i64..1 << 47, random: [u8; 5]) {
            let id = ChunkId::new(Millis(b), random);
            prop_assert_eq!(id < ChunkId::floor(Millis(a)), b < a);
        }

        #[test]
        fn any_text_is_read_without_panic(text: String) {
            let _ = text.parse::<ChunkId>();
            let _ = chunk_of(&text);
        }
    }
}
