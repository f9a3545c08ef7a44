//! The disk space of a SQLite file: what was deleted gives its space back, in steps of some milliseconds.

use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

/// How often it is looked whether there is space to give back.
const LOOK: Duration = Duration::from_secs(1);
/// The pause between two steps.
const PAUSE: Duration = Duration::from_millis(20);
/// How many pages of 4 KiB a step gives back.
const STEP: i64 = 256;
/// How many free pages stay: what is written next takes them.
const SPARE: i64 = 1_024;
/// Up to this size a file of an earlier version is written anew when it is opened: that takes a second or two.
const SMALL: i64 = 256 * 1024 * 1024;

/// Whether an error says that the disk is full.
#[must_use]
pub fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

/// Has a database keep what it takes to give space back. One of an earlier version is written anew for that, once, if it is
/// small or mostly free; else its free pages are used again, and its file stays as large as it is.
pub fn prepare(connection: &Connection) {
    if let Err(error) = try_prepare(connection) {
        tracing::warn!(%error, "the database does not give disk space back");
    }
}

fn try_prepare(connection: &Connection) -> rusqlite::Result<()> {
    const INCREMENTAL: i64 = 2;
    if number(connection, "auto_vacuum")? == INCREMENTAL {
        return Ok(());
    }
    connection.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
    let (pages, free) = (number(connection, "page_count")?, number(connection, "freelist_count")?);
    let size = pages * number(connection, "page_size")?;
    if size <= SMALL || 2 * free > pages {
        connection.execute_batch("VACUUM")?;
    }
    Ok(())
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))
}

/// Gives free pages back, a step at a time.
#[derive(Debug)]
pub struct Shrinker {
    next: Instant,
}

impl Default for Shrinker {
    fn default() -> Self {
        Self { next: Instant::now() + LOOK }
    }
}

impl Shrinker {
    /// When the next turn is due.
    #[must_use]
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Makes a step, if it is time and there is something to give back.
    pub fn turn(&mut self, connection: &Connection) {
        if Instant::now() < self.next {
            return;
        }
        let more = step(connection).unwrap_or_else(|error| {
            // The disk may be full, or another connection is writing: it is tried again.
            tracing::debug!(%error, "no disk space was given back");
            false
        });
        self.next = Instant::now() + if more { PAUSE } else { LOOK };
    }
}

/// Gives some pages back; whether there are more.
fn step(connection: &Connection) -> rusqlite::Result<bool> {
    let before = number(connection, "freelist_count")?;
    if before <= SPARE {
        return Ok(false);
    }
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({})", STEP.min(before - SPARE)))?;
    // Each row is a page.
    let mut pages = vacuum.query([])?;
    while pages.next()?.is_some() {}
    // A file that is not prepared gives nothing back.
    let after = number(connection, "freelist_count")?;
    let more = after < before && after > SPARE;
    if !more {
        // The file becomes shorter when the journal is brought into it.
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    }
    Ok(more)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(connection: &Connection) {
        let fill = "CREATE TABLE t (v BLOB);
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
            INSERT INTO t SELECT randomblob(10000) FROM n;
            DELETE FROM t WHERE rowid % 10 > 0;";
        connection.execute_batch(fill).expect("filled");
    }

    fn shrunk(connection: &Connection) -> usize {
        (1..).find(|_| !step(connection).expect("a step")).unwrap_or_default()
    }

    #[test]
    fn space_is_given_back_in_small_steps() {
        let connection = Connection::open_in_memory().expect("a database");
        prepare(&connection);
        filled(&connection);
        let before = number(&connection, "page_count").expect("a count");
        let steps = shrunk(&connection);
        let after = number(&connection, "page_count").expect("a count");
        assert!(after < before / 2 && (10..40).contains(&steps), "{before} pages, and {after} after {steps} steps");
        let kept: i64 = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).expect("a count");
        assert_eq!(kept, 300);
    }

    #[test]
    fn a_database_of_an_earlier_version_is_prepared_when_it_is_opened() {
        let connection = Connection::open_in_memory().expect("a database");
        filled(&connection);
        assert!(!step(&connection).expect("a step"), "it gives nothing back");
        prepare(&connection);
        assert_eq!(number(&connection, "auto_vacuum").expect("a mode"), 2);
        filled_again(&connection);
        assert!(shrunk(&connection) > 1);
    }

    fn filled_again(connection: &Connection) {
        connection.execute_batch("ALTER TABLE t RENAME TO old").expect("renamed");
        filled(connection);
    }
}
