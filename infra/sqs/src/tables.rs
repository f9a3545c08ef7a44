//! The database: its schema, and the queues in it. The messages are in [`crate::messages`].

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use crate::clock::now_ms;
use crate::config::{Config, arn};
use crate::fault::{Code, Fault, Outcome};
use crate::space;

/// `messages` holds what changes at every receive and stays narrow; `bodies` what never changes, so
/// that hiding a message does not rewrite its body. `doomed` lists the queue ids whose messages are to
/// go: deleting or purging a queue costs one row, and the rest is done in slices between requests.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS queues (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    config TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue INTEGER NOT NULL,
    visible_at INTEGER NOT NULL,
    receives INTEGER NOT NULL DEFAULT 0,
    sent_at INTEGER NOT NULL,
    size INTEGER NOT NULL,
    first_received_at INTEGER,
    earlier_receives INTEGER NOT NULL DEFAULT 0,
    source TEXT,
    grp TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS messages_due ON messages (queue, visible_at, receives);
CREATE INDEX IF NOT EXISTS messages_age ON messages (queue, sent_at);
CREATE TABLE IF NOT EXISTS bodies (
    id INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL,
    md5 TEXT NOT NULL,
    body TEXT NOT NULL,
    attributes TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS doomed (queue INTEGER PRIMARY KEY) STRICT;
";

/// One queue, as the writer keeps it in memory.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    pub(crate) id: i64,
    pub(crate) name: Arc<str>,
    pub(crate) config: Config,
    pub(crate) created_at: i64,
    pub(crate) modified_at: i64,
}

/// The writer's state between transactions.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    /// Marks the receipt handles of this database.
    pub(crate) instance: u64,
    pub(crate) queues: HashMap<Arc<str>, Arc<Queue>>,
}

impl Cache {
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let instance: i64 =
            connection.query_row("SELECT value FROM meta WHERE name = 'instance'", [], |row| row.get(0))?;
        let mut statement = connection.prepare("SELECT id, name, config, created_at, modified_at FROM queues")?;
        let rows = statement.query_map([], |row| {
            let name: Arc<str> = Arc::from(row.get::<_, String>(1)?);
            let config = serde_json::from_str(&row.get::<_, String>(2)?).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, Box::new(error))
            })?;
            let (created_at, modified_at) = (row.get(3)?, row.get(4)?);
            Ok(Arc::new(Queue { id: row.get(0)?, name, config, created_at, modified_at }))
        })?;
        let mut queues = HashMap::new();
        for queue in rows {
            let queue = queue?;
            queues.insert(Arc::clone(&queue.name), queue);
        }
        Ok(Self { instance: instance.cast_unsigned(), queues })
    }
}

/// Opens the database, and makes it where there is none.
pub(crate) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    // A server that was just killed may still be letting go of its lock.
    connection.busy_timeout(Duration::from_secs(5))?;
    // One process at a time, which also keeps the WAL's index in memory instead of a shared file.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    space::prepare(&connection);
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.pragma_update_and_check(None, "journal_size_limit", 67_108_864, |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch(SCHEMA)?;
    add_groups(&connection)?;
    // The tail of a v7 UUID is random.
    let instance = Uuid::now_v7().as_u64_pair().1.cast_signed();
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('instance', ?1)", [instance])?;
    Ok(connection)
}

/// A database of an earlier version has no groups.
fn add_groups(connection: &Connection) -> rusqlite::Result<()> {
    let columns = connection.prepare("SELECT 1 FROM pragma_table_info('messages') WHERE name = 'grp'")?.exists([])?;
    if !columns {
        connection.execute_batch("ALTER TABLE messages ADD COLUMN grp TEXT")?;
    }
    connection.execute_batch(
        "CREATE INDEX IF NOT EXISTS messages_group ON messages (queue, grp, visible_at) WHERE grp IS NOT NULL",
    )
}

/// The tables inside one transaction.
pub(crate) struct Tables<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) cache: &'a mut Cache,
    /// The queues in which something may have come due: their long polls are looked at again.
    pub(crate) touched: HashSet<Arc<str>>,
    /// Whether a queue was deleted or purged, so that there is something to clear away.
    pub(crate) has_doomed: bool,
    pub(crate) now: i64,
}

/// How many messages a queue has, by what hides them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) visible: i64,
    pub(crate) in_flight: i64,
    pub(crate) delayed: i64,
}

impl<'a> Tables<'a> {
    pub(crate) fn new(connection: &'a Connection, cache: &'a mut Cache) -> Self {
        let now = now_ms();
        Self { connection, cache, touched: HashSet::new(), has_doomed: false, now }
    }

    pub(crate) fn queue(&self, name: &str) -> Result<Arc<Queue>, Fault> {
        self.cache.queues.get(name).cloned().ok_or_else(Fault::no_queue)
    }

    /// Makes a queue; one of the same name is fine as long as `attributes` agree with it.
    pub(crate) fn create(&mut self, name: &str, attributes: &HashMap<String, String>) -> Outcome<()> {
        if let Ok(existing) = self.queue(name) {
            let mut wanted = existing.config.clone();
            wanted.apply(attributes)?;
            if wanted == existing.config {
                return Ok(());
            }
            let message = "A queue already exists with the same name and a different value.";
            return Err(Fault::new(Code::QueueNameExists, message).into());
        }
        let mut config = Config::default();
        config.apply(attributes)?;
        self.check_redrive(&config)?;
        self.connection
            .prepare_cached("INSERT INTO queues (name, config, created_at, modified_at) VALUES (?1, ?2, ?3, ?3)")?
            .execute(params![name, encode(&config), self.now])?;
        let id = self.connection.last_insert_rowid();
        let name: Arc<str> = Arc::from(name);
        let (created_at, modified_at) = (self.now, self.now);
        self.keep(Queue { id, name, config, created_at, modified_at });
        Ok(())
    }

    pub(crate) fn set_attributes(&mut self, name: &str, attributes: &HashMap<String, String>) -> Outcome<()> {
        let mut queue = Queue::clone(&*self.queue(name)?);
        queue.config.apply(attributes)?;
        self.check_redrive(&queue.config)?;
        queue.modified_at = self.now;
        self.connection
            .prepare_cached("UPDATE queues SET config = ?2, modified_at = ?3 WHERE id = ?1")?
            .execute(params![queue.id, encode(&queue.config), self.now])?;
        self.keep(queue);
        Ok(())
    }

    fn check_redrive(&self, config: &Config) -> Result<(), Fault> {
        match &config.redrive {
            Some(redrive) if !self.cache.queues.contains_key(redrive.target.as_str()) => {
                let reason = "Dead letter target does not exist.";
                Err(Fault::invalid("RedrivePolicy", arn(&redrive.target), reason))
            }
            _ => Ok(()),
        }
    }

    fn keep(&mut self, queue: Queue) {
        self.cache.queues.insert(Arc::clone(&queue.name), Arc::new(queue));
    }

    pub(crate) fn delete_queue(&mut self, name: &str) -> Outcome<()> {
        let queue = self.queue(name)?;
        self.connection.prepare_cached("DELETE FROM queues WHERE id = ?1")?.execute([queue.id])?;
        self.doom(queue.id)?;
        self.cache.queues.remove(name);
        // Its long polls are to hear of it.
        self.touched.insert(Arc::clone(&queue.name));
        Ok(())
    }

    /// Empties a queue by giving it a new id: its messages stay behind under the old one.
    pub(crate) fn purge(&mut self, name: &str) -> Outcome<()> {
        let mut queue = Queue::clone(&*self.queue(name)?);
        self.connection.prepare_cached("DELETE FROM queues WHERE id = ?1")?.execute([queue.id])?;
        self.connection
            .prepare_cached("INSERT INTO queues (name, config, created_at, modified_at) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![name, encode(&queue.config), queue.created_at, queue.modified_at])?;
        let id = self.connection.last_insert_rowid();
        self.doom(queue.id)?;
        queue.id = id;
        self.keep(queue);
        Ok(())
    }

    fn doom(&mut self, queue: i64) -> rusqlite::Result<()> {
        self.connection.prepare_cached("INSERT INTO doomed VALUES (?1)")?.execute([queue])?;
        self.has_doomed = true;
        Ok(())
    }

    /// One slice of clearing away: messages of queues that are gone, then messages past their time.
    /// Answers whether there may be more.
    pub(crate) fn sweep(&mut self, slice: usize) -> rusqlite::Result<bool> {
        let doomed: Option<i64> = self
            .connection
            .prepare_cached("SELECT queue FROM doomed LIMIT 1")?
            .query_row([], |row| row.get(0))
            .optional()?;
        if let Some(queue) = doomed {
            if self.remove_older(queue, i64::MAX, slice)? < slice {
                self.connection.prepare_cached("DELETE FROM doomed WHERE queue = ?1")?.execute([queue])?;
            }
            return Ok(true);
        }
        let queues: Vec<Arc<Queue>> = self.cache.queues.values().cloned().collect();
        for queue in queues {
            if self.expire(&queue, slice)? == slice {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn encode(config: &Config) -> String {
    // Numbers and strings: there is nothing in it that could fail.
    serde_json::to_string(config).unwrap_or_default()
}
