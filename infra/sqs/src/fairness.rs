//! Fair queues: a group of messages with many in flight waits for those that have few, as on AWS.
//!
//! Messages come oldest first. Only where the next ones belong to a group that has its share in flight already are the
//! other groups looked at.

use rusqlite::params;

use crate::messages::{Due, count};
use crate::tables::Tables;

/// A group with so many messages in flight is noisy.
const SHARE: usize = 8;
/// How many groups are looked at for a quiet one.
const GROUPS: usize = 500;

const COLUMNS: &str = "id, receives, earlier_receives, sent_at, size, first_received_at, source, grp";

impl Tables<'_> {
    /// The messages that are due next: of quiet groups first, the oldest first.
    pub(crate) fn due(&self, queue: i64, most: usize) -> rusqlite::Result<Vec<Due>> {
        let oldest = self.oldest(queue, most)?;
        let mut noisy = Vec::new();
        for group in oldest.iter().filter_map(|due| due.group.as_deref()) {
            if !noisy.iter().any(|known| known == group) && self.in_flight(queue, group)? >= SHARE {
                noisy.push(group.to_owned());
            }
        }
        if noisy.is_empty() {
            return Ok(oldest);
        }
        let is_noisy = |due: &Due| due.group.as_ref().is_some_and(|group| noisy.contains(group));
        let (loud, mut due): (Vec<Due>, Vec<Due>) = oldest.into_iter().partition(is_noisy);
        for group in self.groups(queue)?.into_iter().filter(|group| !noisy.contains(group)) {
            if due.len() >= most {
                break;
            }
            if self.in_flight(queue, &group)? < SHARE {
                let found = self.oldest_of(queue, &group, most - due.len())?;
                let known: Vec<i64> = due.iter().map(|due| due.id).collect();
                due.extend(found.into_iter().filter(|one| !known.contains(&one.id)));
            }
        }
        due.extend(loud);
        due.truncate(most);
        Ok(due)
    }

    fn oldest(&self, queue: i64, most: usize) -> rusqlite::Result<Vec<Due>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM messages WHERE queue = ?1 AND visible_at <= ?2
             ORDER BY visible_at, receives, id LIMIT ?3"
        ))?;
        let rows = statement.query_map(params![queue, self.now, count(most)], Due::read)?;
        rows.collect()
    }

    fn oldest_of(&self, queue: i64, group: &str, most: usize) -> rusqlite::Result<Vec<Due>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM messages WHERE queue = ?1 AND grp = ?2 AND visible_at <= ?3
             ORDER BY visible_at, id LIMIT ?4"
        ))?;
        let rows = statement.query_map(params![queue, group, self.now, count(most)], Due::read)?;
        rows.collect()
    }

    /// How many messages of a group are in flight; counts no further than matters.
    fn in_flight(&self, queue: i64, group: &str) -> rusqlite::Result<usize> {
        let mut statement = self.connection.prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM messages
             WHERE queue = ?1 AND grp = ?2 AND visible_at > ?3 AND receives > 0 LIMIT ?4)",
        )?;
        statement.query_row(params![queue, group, self.now, count(SHARE)], |row| row.get(0))
    }

    /// The groups of a queue, each found by one step over the index.
    fn groups(&self, queue: i64) -> rusqlite::Result<Vec<String>> {
        let mut statement = self.connection.prepare_cached(
            "WITH RECURSIVE next(grp) AS (
                 SELECT min(grp) FROM messages WHERE queue = ?1
                 UNION ALL
                 SELECT (SELECT min(grp) FROM messages WHERE queue = ?1 AND grp > next.grp)
                 FROM next WHERE next.grp IS NOT NULL)
             SELECT grp FROM next WHERE grp IS NOT NULL LIMIT ?2",
        )?;
        let rows = statement.query_map(params![queue, count(GROUPS)], |row| row.get(0))?;
        rows.collect()
    }
}
