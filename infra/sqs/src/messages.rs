//! The messages of a queue: sent, received, hidden, buried and removed, inside one transaction.

use std::sync::Arc;

use rusqlite::{OptionalExtension as _, Row, params};

use crate::fault::{Code, Fault, Outcome};
use crate::receipt::{self, Receipt};
use crate::tables::{Counts, Queue, Tables};

/// The most body bytes in one answer. AWS, too, may answer with fewer messages than were asked for.
const MAX_RECEIVE_BYTES: i64 = 4 * 1_048_576;
/// How many messages past their time one request removes in passing.
const EXPIRE_SLICE: usize = 100;
/// How many messages one receive moves to the dead letter queue before it answers with what it has.
const MAX_BURIALS: usize = 100;

/// A checked message on its way in.
#[derive(Debug)]
pub(crate) struct NewMessage {
    pub(crate) message_id: String,
    pub(crate) md5: String,
    pub(crate) body: String,
    /// The message attributes as JSON.
    pub(crate) attributes: Option<String>,
    pub(crate) size: i64,
    /// In seconds; the queue's own where there is none.
    pub(crate) delay: Option<i64>,
    /// The group that it shares its turns with.
    pub(crate) group: Option<String>,
}

/// A message on its way out.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) message_id: String,
    pub(crate) receipt: Receipt,
    pub(crate) md5: String,
    pub(crate) body: String,
    pub(crate) attributes: Option<String>,
    pub(crate) sent_at: i64,
    pub(crate) first_received_at: i64,
    /// Over all queues the message has been in.
    pub(crate) receives: i64,
    /// The name of the queue it was buried from.
    pub(crate) source: Option<String>,
}

/// A row of `messages` that is due.
pub(crate) struct Due {
    pub(crate) id: i64,
    receives: i64,
    earlier_receives: i64,
    sent_at: i64,
    size: i64,
    first_received_at: Option<i64>,
    source: Option<String>,
    /// The group that it shares its turns with.
    pub(crate) group: Option<String>,
}

impl Due {
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            receives: row.get(1)?,
            earlier_receives: row.get(2)?,
            sent_at: row.get(3)?,
            size: row.get(4)?,
            first_received_at: row.get(5)?,
            source: row.get(6)?,
            group: row.get(7)?,
        })
    }
}

impl Tables<'_> {
    /// Stores messages. One that is too long for this queue is refused alone.
    pub(crate) fn send(&mut self, name: &str, messages: Vec<NewMessage>) -> Outcome<Vec<Result<(), Fault>>> {
        let queue = self.queue(name)?;
        let mut results = Vec::with_capacity(messages.len());
        for message in messages {
            if message.size > queue.config.max_bytes {
                let limit = queue.config.max_bytes;
                let text =
                    format!("One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes.");
                results.push(Err(Fault::new(Code::InvalidParameterValue, text)));
                continue;
            }
            self.insert(&queue, &message)?;
            results.push(Ok(()));
        }
        self.touched.insert(Arc::clone(&queue.name));
        Ok(results)
    }

    fn insert(&mut self, queue: &Queue, message: &NewMessage) -> rusqlite::Result<()> {
        let visible_at = self.now + message.delay.unwrap_or(queue.config.delay) * 1000;
        self.connection
            .prepare_cached("INSERT INTO messages (queue, visible_at, sent_at, size, grp) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![queue.id, visible_at, self.now, message.size, message.group])?;
        let id = self.connection.last_insert_rowid();
        self.connection
            .prepare_cached("INSERT INTO bodies (id, message_id, md5, body, attributes) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![id, message.message_id, message.md5, message.body, message.attributes])?;
        Ok(())
    }

    /// Takes up to `most` messages and hides them for `visibility` seconds. Those that were received
    /// as often as the redrive policy allows go to the dead letter queue instead.
    pub(crate) fn receive(&mut self, name: &str, most: usize, visibility: Option<i64>) -> Outcome<Vec<Received>> {
        let queue = self.queue(name)?;
        self.expire(&queue, EXPIRE_SLICE)?;
        let hidden_until = self.now + visibility.unwrap_or(queue.config.visibility) * 1000;
        let mut taken: Vec<Received> = Vec::new();
        let (mut bytes, mut buried) = (0, 0);
        loop {
            let due = self.due(queue.id, most - taken.len())?;
            let before = buried;
            for row in due {
                if let Some(grave) = self.grave(&queue, row.receives) {
                    self.bury(&queue, &grave, row.id)?;
                    buried += 1;
                    continue;
                }
                if !taken.is_empty() && bytes + row.size > MAX_RECEIVE_BYTES {
                    return Ok(taken);
                }
                bytes += row.size;
                taken.push(self.take(row, hidden_until)?);
            }
            // With a timeout of 0 the next round would bring the same messages once more.
            let repeats = hidden_until <= self.now && !taken.is_empty();
            if taken.len() >= most || buried == before || buried >= MAX_BURIALS || repeats {
                return Ok(taken);
            }
        }
    }

    fn take(&self, row: Due, hidden_until: i64) -> rusqlite::Result<Received> {
        let first_received_at = row.first_received_at.unwrap_or(self.now);
        let receive = row.receives + 1;
        self.connection
            .prepare_cached("UPDATE messages SET visible_at = ?2, receives = ?3, first_received_at = ?4 WHERE id = ?1")?
            .execute(params![row.id, hidden_until, receive, first_received_at])?;
        let receipt = Receipt { instance: self.cache.instance, row: row.id, receive };
        self.connection.prepare_cached("SELECT message_id, md5, body, attributes FROM bodies WHERE id = ?1")?.query_row(
            [row.id],
            |body| {
                Ok(Received {
                    message_id: body.get(0)?,
                    md5: body.get(1)?,
                    body: body.get(2)?,
                    attributes: body.get(3)?,
                    receipt,
                    sent_at: row.sent_at,
                    first_received_at,
                    receives: row.earlier_receives + receive,
                    source: row.source,
                })
            },
        )
    }

    /// The queue in which a message belongs that was received so often; none where it may go on here.
    fn grave(&self, queue: &Queue, receives: i64) -> Option<Arc<Queue>> {
        let redrive = queue.config.redrive.as_ref()?;
        let grave = self.cache.queues.get(redrive.target.as_str());
        grave.filter(|_| receives >= redrive.max_receives).cloned()
    }

    /// Id, body and age stay. The receives start anew, for the other queue may have a policy of its own.
    fn bury(&mut self, queue: &Queue, grave: &Queue, id: i64) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "UPDATE messages SET queue = ?2, visible_at = ?3, source = ?4,
                 earlier_receives = earlier_receives + receives, receives = 0 WHERE id = ?1",
            )?
            .execute(params![id, grave.id, self.now, &*queue.name])?;
        self.touched.insert(Arc::clone(&grave.name));
        Ok(())
    }

    /// Removes a message. With the handle of an earlier receive this succeeds and removes nothing.
    pub(crate) fn delete(&mut self, name: &str, receipt: Receipt) -> Outcome<()> {
        let queue = self.queue(name)?;
        self.check(receipt)?;
        let removed = self
            .connection
            .prepare_cached("DELETE FROM messages WHERE id = ?1 AND queue = ?2 AND receives = ?3")?
            .execute(params![receipt.row, queue.id, receipt.receive])?;
        if removed > 0 {
            self.remove_body(receipt.row)?;
        }
        Ok(())
    }

    /// Hides a message that is in flight for another `visibility` seconds from now.
    pub(crate) fn change_visibility(&mut self, name: &str, receipt: Receipt, visibility: i64) -> Outcome<()> {
        let queue = self.queue(name)?;
        self.check(receipt)?;
        let visible_at: Option<i64> = self
            .connection
            .prepare_cached("SELECT visible_at FROM messages WHERE id = ?1 AND queue = ?2 AND receives = ?3")?
            .query_row(params![receipt.row, queue.id, receipt.receive], |row| row.get(0))
            .optional()?;
        let Some(visible_at) = visible_at else {
            let reason = "Message does not exist or is not available for visibility timeout change.";
            return Err(Fault::invalid("ReceiptHandle", receipt.encode(), reason).into());
        };
        if visible_at <= self.now {
            let message = "The specified message isn't in flight.";
            return Err(Fault::new(Code::MessageNotInflight, message).into());
        }
        self.connection
            .prepare_cached("UPDATE messages SET visible_at = ?2 WHERE id = ?1")?
            .execute(params![receipt.row, self.now + visibility * 1000])?;
        self.touched.insert(Arc::clone(&queue.name));
        Ok(())
    }

    /// Undoes a receive whose receiver never got the message. Nothing happens where it has been received again.
    pub(crate) fn give_back(&mut self, receipt: Receipt) -> rusqlite::Result<()> {
        let queue: Option<i64> = self
            .connection
            .prepare_cached(
                "UPDATE messages SET visible_at = ?3, receives = receives - 1,
                 first_received_at = CASE receives WHEN 1 THEN NULL ELSE first_received_at END
                 WHERE id = ?1 AND receives = ?2 RETURNING queue",
            )?
            .query_row(params![receipt.row, receipt.receive, self.now], |row| row.get(0))
            .optional()?;
        let queue = self.cache.queues.values().find(|known| Some(known.id) == queue);
        self.touched.extend(queue.map(|queue| Arc::clone(&queue.name)));
        Ok(())
    }

    fn check(&self, receipt: Receipt) -> Result<(), Fault> {
        if receipt.instance == self.cache.instance { Ok(()) } else { Err(receipt::invalid()) }
    }

    /// When the queue's next message comes due; in the past where one is due already.
    pub(crate) fn next_due(&self, queue: &Queue) -> rusqlite::Result<Option<i64>> {
        self.connection
            .prepare_cached("SELECT min(visible_at) FROM messages WHERE queue = ?1")?
            .query_row([queue.id], |row| row.get(0))
    }

    pub(crate) fn counts(&mut self, name: &str) -> Outcome<Counts> {
        let queue = self.queue(name)?;
        self.expire(&queue, EXPIRE_SLICE)?;
        let counts = self
            .connection
            .prepare_cached(
                "SELECT count(*) FILTER (WHERE visible_at <= ?2),
                        count(*) FILTER (WHERE visible_at > ?2 AND receives > 0),
                        count(*) FILTER (WHERE visible_at > ?2 AND receives = 0)
                 FROM messages WHERE queue = ?1",
            )?
            .query_row(params![queue.id, self.now], |row| {
                Ok(Counts { visible: row.get(0)?, in_flight: row.get(1)?, delayed: row.get(2)? })
            })?;
        Ok(counts)
    }

    /// Removes messages past the queue's retention, oldest first. Answers how many.
    pub(crate) fn expire(&mut self, queue: &Queue, slice: usize) -> rusqlite::Result<usize> {
        self.remove_older(queue.id, self.now - queue.config.retention * 1000, slice)
    }

    pub(crate) fn remove_older(&mut self, queue: i64, until: i64, slice: usize) -> rusqlite::Result<usize> {
        let ids: Vec<i64> = self
            .connection
            .prepare_cached("SELECT id FROM messages WHERE queue = ?1 AND sent_at <= ?2 ORDER BY sent_at LIMIT ?3")?
            .query_map(params![queue, until, count(slice)], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for id in &ids {
            self.connection.prepare_cached("DELETE FROM messages WHERE id = ?1")?.execute([id])?;
            self.remove_body(*id)?;
        }
        Ok(ids.len())
    }

    fn remove_body(&self, id: i64) -> rusqlite::Result<()> {
        self.connection.prepare_cached("DELETE FROM bodies WHERE id = ?1")?.execute([id])?;
        Ok(())
    }
}

pub(crate) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
