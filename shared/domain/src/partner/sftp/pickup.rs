//! Which files of a partner's server are fetched, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Inbound;
use crate::time::Millis;

/// How long a file must have stood still.
pub const STILL: Duration = Duration::from_secs(10);
/// How soon to look again at files that may still be growing.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// The longest name of a file.
const MAX_NAME_BYTES: usize = 255;
/// After a failure a file is left alone for this time, doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
const MAX_PAUSE: Duration = Duration::from_secs(86_400);

/// A file, as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// A single part of a path.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Seconds since 1970 by the server's clock.
    pub modified_at: u32,
}

/// Whether a name is a single part of a path that a directory can have, and that is read as it is written.
#[must_use]
pub fn is_plain_name(name: &str) -> bool {
    let bad = |c: char| c == '/' || c == '\\' || c.is_control() || c == char::REPLACEMENT_CHARACTER;
    (1..=MAX_NAME_BYTES).contains(&name.len()) && !name.contains(bad) && name != "." && name != ".."
}

impl Inbound {
    /// Whether files of this name are fetched. As in a shell, a name that begins with a dot needs a pattern that does.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        let hidden = name.starts_with('.') && !self.pattern.starts_with('.');
        is_plain_name(name) && !hidden && matches(&self.pattern, name)
    }

    /// When to look again.
    #[must_use]
    pub fn next_look(&self, now: Millis, unsettled: bool) -> Millis {
        let every = Duration::from_secs(60 * u64::from(self.every_minutes));
        now.plus(if unsettled { every.min(LOOK_AGAIN) } else { every })
    }
}

/// Whether a name matches a pattern with `*` and `?`.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut retry) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => (p, n) = (p + 1, n + 1),
            _ => {
                // The last star takes one more.
                let Some((star, taken)) = retry else { return false };
                retry = Some((star, taken + 1));
                (p, n) = (star + 1, taken + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// What the last look at a directory saw: by a digest of each name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Look(BTreeMap<String, Seen>);

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    /// Its size.
    s: u64,
    /// When it was modified.
    m: u32,
    /// Since when it has been so.
    t: Millis,
    /// Failures in a row.
    #[serde(default, skip_serializing_if = "is_zero")]
    f: u32,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    u: Option<Millis>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Seen {
    fn is_like(&self, file: &ListedFile) -> bool {
        (self.s, self.m) == (file.size, file.modified_at)
    }
}

/// What becomes of the files of a listing.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Those to fetch now.
    pub ready: Vec<ListedFile>,
    /// How many may still be growing.
    pub unsettled: usize,
    /// How many are left alone for a while, because they failed.
    pub failing: usize,
}

impl Look {
    /// Looks at a directory again: decides what is fetched, and remembers what is there.
    ///
    /// A file is fetched once its size and its time have stood still, under its name or under another one that is gone:
    /// then it was renamed. An empty file is one that is about to be written.
    pub fn update(&mut self, inbound: &Inbound, listing: &[ListedFile], now: Millis) -> Decision {
        let names: BTreeSet<String> = listing.iter().map(|file| key(&file.name)).collect();
        let gone: Vec<Seen> =
            self.0.iter().filter(|(name, _)| !names.contains(*name)).map(|(_, seen)| seen.clone()).collect();
        let (mut decision, mut next) = (Decision::default(), BTreeMap::new());
        for file in listing {
            let name = key(&file.name);
            // A server that lists a file twice has one of it.
            if next.contains_key(&name) {
                continue;
            }
            let before = self.0.get(&name).filter(|seen| seen.is_like(file)).cloned();
            let renamed =
                || gone.iter().find(|seen| seen.is_like(file)).map(|seen| Seen { f: 0, u: None, ..seen.clone() });
            let new = || Seen { s: file.size, m: file.modified_at, t: now, f: 0, u: None };
            let seen = before.or_else(renamed).unwrap_or_else(new);
            if inbound.wants(&file.name) {
                if seen.u.is_some_and(|until| until > now) {
                    decision.failing += 1;
                } else if file.size > 0 && now.since(seen.t) >= STILL {
                    decision.ready.push(file.clone());
                } else {
                    decision.unsettled += 1;
                }
            }
            next.insert(name, seen);
        }
        self.0 = next;
        decision
    }

    /// A file was fetched and is gone.
    pub fn forget(&mut self, name: &str) {
        self.0.remove(&key(name));
    }

    /// A file could not be fetched, or is still there although it was.
    pub fn failed(&mut self, name: &str, now: Millis) {
        if let Some(seen) = self.0.get_mut(&key(name)) {
            let pause = FIRST_PAUSE.saturating_mul(1 << seen.f.min(12)).min(MAX_PAUSE);
            (seen.f, seen.u) = (seen.f.saturating_add(1), Some(now.plus(pause)));
        }
    }
}

/// Names may tell of people and orders: what is remembered is a digest.
fn key(name: &str) -> String {
    hex::encode(&Sha256::digest(name.as_bytes())[..8])
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
