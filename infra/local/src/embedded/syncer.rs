//! Holds answers to writes back until they are on disk.
//!
//! SQLite would wait for the disk in each commit, and hold up whatever comes after it. Here one wait serves all commits
//! that were made meanwhile, and reads go on. The journal is one file, written from its start to its end: what is on disk
//! of it has everything that was committed before.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;

use crate::StartError;

/// Gives an answer. Dropped instead, whoever asked is told of a failure.
pub(super) type Reply = Box<dyn FnOnce() + Send>;

/// A thread that syncs the journal of one database.
pub(super) struct Syncer {
    replies: mpsc::Sender<Reply>,
    thread: JoinHandle<()>,
}

impl Syncer {
    /// For an open database in WAL mode, which keeps its journal while it is open.
    pub(super) fn start(database: &Path) -> Result<Self, StartError> {
        let journal = open(database).map_err(|e| StartError::new(database.display(), e))?;
        let (replies, received) = mpsc::channel::<Reply>();
        let thread = super::thread("dynamodb-sync", move || {
            while let Ok(first) = received.recv() {
                let replies: Vec<Reply> = std::iter::once(first).chain(received.try_iter()).collect();
                match journal.sync_data() {
                    Ok(()) => replies.into_iter().for_each(|reply| reply()),
                    Err(error) => tracing::error!(%error, "the journal could not be written to disk"),
                }
            }
        })?;
        Ok(Self { replies, thread })
    }

    /// Gives the answer once everything that was committed so far is on disk.
    pub(super) fn reply(&self, reply: Reply) {
        // Fails only where the thread has panicked: then the reply is dropped.
        drop(self.replies.send(reply));
    }

    /// Gives the answers that are held back; `false` where the thread has panicked.
    pub(super) fn stop(self) -> bool {
        drop(self.replies);
        self.thread.join().is_ok()
    }
}

fn open(database: &Path) -> io::Result<File> {
    let mut journal = database.as_os_str().to_owned();
    journal.push("-wal");
    let file = File::open(journal)?;
    // The file may be new: its name must last too.
    if let Some(folder) = database.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(file)
}
