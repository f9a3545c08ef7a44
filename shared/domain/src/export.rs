//! When an export file is closed, what it is called, and where the next one begins.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::{ChunkId, MalformedId};
use super::scope::{Scope, TenantId};
use super::time::Millis;

/// A place in the log: a chunk, and an event in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The chunk.
    pub chunk: ChunkId,
    /// How many of its events are passed already.
    pub index: usize,
}

impl Position {
    /// Before every event of that time.
    #[must_use]
    pub fn at(time: Millis) -> Self {
        Self { chunk: ChunkId::floor(time), index: 0 }
    }

    /// After the event that stands here.
    #[must_use]
    pub fn next(self) -> Self {
        Self { index: self.index + 1, ..self }
    }
}

/// Texts sort as the positions do: a chunk has fewer than 10,000 events.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:04}", self.chunk, self.index)
    }
}

impl FromStr for Position {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let (chunk, index) = text.split_once('.').ok_or(MalformedId)?;
        if index.len() != 4 || !index.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(MalformedId);
        }
        Ok(Self { chunk: chunk.parse()?, index: index.parse().map_err(|_| MalformedId)? })
    }
}

/// A file decided on: fixed before the first byte is sent, so that a crash writes the same one again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The object's key.
    pub key: String,
    /// The log time where it ends at the latest, exclusive; the size may end it sooner.
    pub to: Millis,
    /// Decided on for its size, before its time: it is written only if it gets that large.
    pub by_size: bool,
    /// Where it ends, once that is known before its time: the worker that read so far had no time left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Position>,
}

/// The next attempt at a bucket that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Counts the failures in a row, and from the suspension on the probes since, from 0.
    pub number: u32,
    /// When it is due.
    pub at: Millis,
}

/// How far the export of one route has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cursor {
    /// Whose.
    pub scope: Scope,
    /// The route's uid.
    pub route: String,
    /// The route's id within its kind.
    pub route_id: String,
    /// The first event not yet in a file.
    pub from: Position,
    /// When the last file was closed: the interval counts from here.
    pub closed_at: Millis,
    /// Where the route's window ends, for a temporary one.
    pub ends_at: Option<Millis>,
    /// The file being written.
    pub plan: Option<Plan>,
    /// The next attempt, while the bucket fails.
    #[serde(default)]
    pub probe: Option<Probe>,
    /// Goes up with each write; a write names the one it read.
    pub revision: u64,
}

impl Cursor {
    /// Whether it is time to close a file; `interval` counts from the last one, or the window is over.
    #[must_use]
    pub fn is_due(&self, now: Millis, interval: Duration, grace: Duration) -> bool {
        let window_over = self.ends_at.is_some_and(|end| now >= end.plus(grace));
        !self.is_complete()
            && !self.waits_for_probe(now)
            && (self.plan.is_some() || window_over || now.since(self.closed_at) >= interval)
    }

    /// Whether the bucket failed, and its next attempt is not due.
    #[must_use]
    pub fn waits_for_probe(&self, now: Millis) -> bool {
        self.probe.is_some_and(|probe| now < probe.at)
    }

    /// Whether everything of a temporary route's window is in files.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.plan.is_none() && self.ends_at.is_some_and(|end| self.from >= Position::at(end))
    }

    /// Where a file decided on now ends: only what can no longer change is read.
    #[must_use]
    pub fn limit(&self, now: Millis, grace: Duration) -> Millis {
        let settled = now.minus(grace);
        self.ends_at.map_or(settled, |end| end.min(settled))
    }
}

/// The name of a new file: `{tenant}/{epoch millis}-data-{random}.export`.
#[must_use]
pub fn file_name(tenant: &TenantId, now: Millis, random: [u8; 8]) -> String {
    format!("{tenant}/{}-data-{}.export", now.0, hex::encode(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a route without an end; its last file was closed at 1 s.
    fn cursor() -> Cursor {
        let environment = crate::scope::Environment::Production;
        Cursor {
            scope: Scope { tenant: "acme".parse().expect("tenant"), environment },
            route: "rt_1".into(),
            route_id: "one".into(),
            from: Position::at(Millis(0)),
            closed_at: Millis(1_000),
            ends_at: None,
            plan: None,
            probe: None,
            revision: 0,
        }
    }

    #[test]
    fn names_are_the_contracts() {
        let tenant = "acme".parse().expect("tenant");
        assert_eq!(file_name(&tenant, Millis(17), [0xab; 8]), "acme/17-data-abababababababab.export");
    }

    #[test]
    fn a_file_is_due_by_interval_or_at_the_windows_end() {
        let mut cursor = cursor();
        let (interval, grace) = (Duration::from_secs(300), Duration::from_secs(5));
        assert!(!cursor.is_due(Millis(300_999), interval, grace));
        assert!(cursor.is_due(Millis(301_000), interval, grace));
        assert_eq!(cursor.limit(Millis(301_000), grace), Millis(296_000));
        cursor.probe = Some(Probe { number: 0, at: Millis(400_000) });
        assert!(!cursor.is_due(Millis(399_999), interval, grace));
        assert!(cursor.is_due(Millis(400_000), interval, grace));
        cursor.probe = None;
        cursor.ends_at = Some(Millis(50_000));
        assert!(!cursor.is_due(Millis(54_999), interval, grace));
        assert!(cursor.is_due(Millis(55_000), interval, grace));
        assert_eq!(cursor.limit(Millis(301_000), grace), Millis(50_000));
        assert_eq!(cursor.limit(Millis(54_000), grace), Millis(49_000), "what may still change is not read");
    }

    #[test]
    fn an_export_is_complete_once_its_window_is_in_files() {
        let (interval, grace) = (Duration::from_secs(300), Duration::from_secs(5));
        let file = || Plan { key: "k".into(), to: Millis(50_000), by_size: false, end: None };
        let at = |from, plan| Cursor { from, ends_at: Some(Millis(50_000)), plan, ..cursor() };
        let short = at(Position { chunk: ChunkId::floor(Millis(50_000)).before(), index: 7 }, None);
        assert!(!short.is_complete());
        let done = at(Position::at(Millis(50_000)), None);
        assert!(done.is_complete());
        // However late it is, nothing more comes.
        assert!(!done.is_due(Millis(i64::MAX), interval, grace));
        // A file that was decided on has still to be written, and at once.
        let writing = at(Position::at(Millis(50_000)), Some(file()));
        assert!(!writing.is_complete() && writing.is_due(Millis(1_000), interval, grace));
        let endless = Cursor { from: Position::at(Millis::MAX), ends_at: None, ..cursor() };
        assert!(!endless.is_complete());
    }

    #[test]
    fn positions_follow_the_log() {
        let chunk = ChunkId::new(Millis(7), [1; 5]);
        let here = Position { chunk, index: 3 };
        assert!(Position::at(Millis(7)) <= here && here < here.next() && here.next() < Position::at(Millis(8)));
        assert_eq!(here.next(), Position { chunk, index: 4 });
    }
}

#[cfg(test)]
mod fuzz {
    use proptest::prelude::*;

    use super::*;

    fn position() -> impl Strategy<Value = Position> {
        let of = |(at, random, index)| Position { chunk: ChunkId::new(Millis(at), random), index };
        // Times that are close to each other, so that chunks are sometimes the same.
        (prop_oneof![0_i64..2, 0_i64..1 << 47], prop_oneof![Just([0; 5]), any::<[u8; 5]>()], 0_usize..10_000)
            .prop_map(of)
    }

    proptest! {
        #[test]
        fn positions_are_read_back_and_sort_as_text(one in position(), two in position()) {
            prop_assert_eq!(one.to_string().parse::<Position>().ok(), Some(one));
            prop_assert_eq!(one.to_string().cmp(&two.to_string()), one.cmp(&two));
        }

        #[test]
        fn a_text_is_a_position_in_one_spelling_only(text in "[0-9a-v.+]{0,30}|[0-9a-v]{19}[0g][.][0-9+]{3,5}", any: String) {
            for text in [text, any] {
                if let Ok(position) = text.parse::<Position>() {
                    prop_assert_eq!(position.to_string(), text);
                }
            }
        }
    }
}
