//! What is done to the messages while no server has the database.

use std::path::Path;

use rusqlite::Connection;

use crate::{Error, clock};

/// Makes every message that was received and not deleted visible again, before the server is started.
///
/// For a consumer that runs in the same process as the server: when the server starts, the receivers of
/// those messages are gone, so there is no reason to wait for their visibility timeouts. Returns their number.
///
/// # Errors
/// When the database exists and cannot be opened.
pub fn release_in_flight(db_path: &Path) -> Result<usize, Error> {
    let release = "UPDATE messages SET visible_at = ?1 WHERE receives > 0 AND visible_at > ?1";
    if !db_path.exists() {
        return Ok(0);
    }
    Ok(Connection::open(db_path)?.execute(release, [clock::now_ms()])?)
}

/// Moves the messages that were buried from this queue back to it, as `StartMessageMoveTask` does: their age and their
/// receives start anew. What was sent to the dead letter queue itself stays there. Returns their number.
///
/// # Errors
/// When the database exists and cannot be opened.
pub fn redrive(db_path: &Path, queue: &str) -> Result<usize, Error> {
    // The messages of a queue that was purged have an id that no queue has.
    let redrive = "UPDATE messages SET queue = (SELECT id FROM queues WHERE name = ?2), source = NULL,
            visible_at = ?1, sent_at = ?1, receives = 0, earlier_receives = 0, first_received_at = NULL
        WHERE source = ?2 AND queue IN (SELECT id FROM queues)
            AND EXISTS (SELECT 1 FROM queues WHERE name = ?2)";
    if !db_path.exists() {
        return Ok(0);
    }
    Ok(Connection::open(db_path)?.execute(redrive, (clock::now_ms(), queue))?)
}
