//! The writer: the one thread that owns the database, and the group commit.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::Error;
use crate::clock::now_ms;
use crate::fault::{Fault, Outcome};
use crate::messages::Received;
use crate::receipt::Receipt;
use crate::reply::Reply;
use crate::space::Shrinker;
use crate::tables::{self, Cache, Tables};
use crate::waiters::{Receive, Waiters, settle};

/// How many commands wait for the writer before their askers do.
const CHANNEL: usize = 256;
/// How many commands share one commit.
const GROUP: usize = 256;
/// How often messages past their time are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// The pause between two slices while there is more to clear away.
const SWEEP_PAUSE: Duration = Duration::from_millis(20);
/// How many messages one slice removes: a few milliseconds, for requests wait meanwhile.
const SWEEP_SLICE: usize = 200;

/// The pause after a transaction that failed.
const FAILURE_PAUSE: Duration = Duration::from_millis(50);

type Job = Box<dyn FnOnce(&mut Tables<'_>) -> rusqlite::Result<Reply> + Send>;

enum Command {
    Run(Job, Durability),
    Receive(Receive),
    GiveBack(Vec<Receipt>),
    Drain,
    Stop,
}

/// What a power cut may undo. Whatever happens to the process alone undoes nothing that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Durability {
    /// What was received, deleted or hidden: then messages come again, as they may at any time.
    Hint,
    /// Nothing: on disk before it is answered.
    Disk,
}

impl Command {
    fn durability(&self) -> Durability {
        match self {
            Self::Run(_, durability) => *durability,
            Self::Receive(_) | Self::GiveBack(_) | Self::Drain | Self::Stop => Durability::Hint,
        }
    }
}

/// The way to the writer.
#[derive(Clone)]
pub(crate) struct Store {
    commands: mpsc::Sender<Command>,
    back: mpsc::UnboundedSender<Vec<Receipt>>,
}

impl Store {
    /// Runs `work` in the next transaction, and answers once that is as durable as asked for. It must
    /// refuse before its first write: a fault does not undo what was written before it.
    pub(crate) async fn run<T, F>(&self, durability: Durability, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tables<'_>) -> Outcome<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |tables| {
            // The asker may have gone.
            match settle(work(tables)) {
                Ok(result) => Ok(Box::new(move |committed| drop(answer.send(committed.and(result))))),
                Err(error) => {
                    drop(answer.send(Err(Fault::of(&error))));
                    Err(error)
                }
            }
        });
        self.command(Command::Run(job, durability)).await?;
        // A transaction that was rolled back drops its answers.
        answered.await.map_err(|_| Fault::internal())?
    }

    /// Receives, and waits for messages where that is asked for.
    pub(crate) async fn receive(
        &self,
        queue: String,
        most: usize,
        visibility: Option<i64>,
        wait: Option<i64>,
    ) -> Result<Vec<Received>, Fault> {
        let (answer, answered) = oneshot::channel();
        let receive = Receive { queue, most, visibility, wait, answer, back: self.back.clone() };
        self.command(Command::Receive(receive)).await?;
        Ok(answered.await.map_err(|_| Fault::internal())??.take())
    }

    /// Ends all long polls, now and from now on.
    pub(crate) async fn drain(&self) {
        // Fails only where the writer has already ended.
        let _ = self.command(Command::Drain).await;
    }

    async fn command(&self, command: Command) -> Result<(), Fault> {
        self.commands.send(command).await.map_err(|_| Fault::internal())
    }
}

/// The writer's thread.
pub(crate) struct Writer {
    commands: mpsc::Sender<Command>,
    thread: std::thread::JoinHandle<()>,
}

impl Writer {
    /// Lets the writer finish what it was asked before, and waits until the database is closed.
    pub(crate) async fn stop(self) -> Result<(), Error> {
        // Fails only where the writer has already ended.
        let _ = self.commands.send(Command::Stop).await;
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await;
        match joined {
            Ok(Ok(())) => Ok(()),
            _ => Err(Error::Writer),
        }
    }
}

/// Opens the database and starts its thread.
pub(crate) async fn start(path: PathBuf) -> Result<(Store, Writer), Error> {
    let (commands, received) = mpsc::channel(CHANNEL);
    let (back, given_back) = mpsc::unbounded_channel();
    let (opened, open) = oneshot::channel();
    let thread = std::thread::Builder::new().name("sluice-sqs".to_owned()).spawn(move || {
        match Loop::open(&path, received, given_back) {
            Ok((writer, runtime)) => {
                if opened.send(Ok(())).is_ok() {
                    runtime.block_on(writer.run());
                }
            }
            Err(error) => drop(opened.send(Err(error))),
        }
    })?;
    open.await.map_err(|_| Error::Writer)??;
    Ok((Store { commands: commands.clone(), back }, Writer { commands, thread }))
}

struct Loop {
    connection: Connection,
    /// What its commits wait for.
    durability: Durability,
    cache: Cache,
    waiters: Waiters,
    commands: mpsc::Receiver<Command>,
    given_back: mpsc::UnboundedReceiver<Vec<Receipt>>,
    next_sweep: Instant,
    shrinker: Shrinker,
}

impl Loop {
    /// The runtime of its own gives the thread a receive with a timeout, whatever becomes of the
    /// runtime that serves.
    fn open(
        path: &Path,
        commands: mpsc::Receiver<Command>,
        given_back: mpsc::UnboundedReceiver<Vec<Receipt>>,
    ) -> Result<(Self, tokio::runtime::Runtime), Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let connection = tables::open(path)?;
        let cache = Cache::load(&connection)?;
        let (waiters, next_sweep) = (Waiters::default(), Instant::now());
        let (durability, shrinker) = (Durability::Disk, Shrinker::default());
        Ok((Self { connection, durability, cache, waiters, commands, given_back, next_sweep, shrinker }, runtime))
    }

    async fn run(mut self) {
        let mut group = Vec::with_capacity(GROUP);
        loop {
            let sweep = self.next_sweep.saturating_duration_since(Instant::now());
            let due = sweep.min(self.shrinker.next().saturating_duration_since(Instant::now()));
            let sleep = self.waiters.next(now_ms()).unwrap_or(due).min(due);
            tokio::select! {
                received = self.commands.recv_many(&mut group, GROUP) => if received == 0 { return },
                Some(receipts) = self.given_back.recv() => group.push(Command::GiveBack(receipts)),
                () = tokio::time::sleep(sleep) => {}
            }
            let stop = group.iter().any(|command| matches!(command, Command::Stop));
            if let Err(error) = self.turn(&mut group) {
                // Askers whose turn did not come see their answers dropped, and are told of a failure.
                tracing::error!(%error, "a queue transaction was rolled back");
                group.clear();
                self.reload();
                // What failed is due again at once, and a full disk is no reason to spin.
                tokio::time::sleep(FAILURE_PAUSE).await;
            }
            if stop {
                return;
            }
            self.shrinker.turn(&self.connection);
        }
    }

    /// One transaction: what was asked, the long polls it can feed, a slice of clearing away.
    fn turn(&mut self, group: &mut Vec<Command>) -> rusqlite::Result<()> {
        let mut replies = Vec::with_capacity(group.len());
        let durability = group.iter().map(Command::durability).max().unwrap_or(Durability::Hint);
        let done = self.set_durability(durability).and_then(|()| self.transact(group, &mut replies));
        for reply in replies {
            reply(done.as_ref().map_or_else(|error| Err(Fault::of(error)), |()| Ok(())));
        }
        done
    }

    fn transact(&mut self, group: &mut Vec<Command>, replies: &mut Vec<Reply>) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut tables = Tables::new(&transaction, &mut self.cache);
        for command in group.drain(..) {
            match command {
                Command::Run(job, _) => replies.push(job(&mut tables)?),
                Command::Receive(receive) => {
                    replies.extend(self.waiters.receive(&mut tables, receive)?);
                }
                Command::GiveBack(receipts) => {
                    for receipt in receipts {
                        tables.give_back(receipt)?;
                    }
                }
                Command::Drain => self.waiters.drain(replies),
                Command::Stop => {}
            }
        }
        self.waiters.serve(&mut tables, replies)?;
        if tables.has_doomed || self.next_sweep <= Instant::now() {
            let more = tables.sweep(SWEEP_SLICE)?;
            self.next_sweep = Instant::now() + if more { SWEEP_PAUSE } else { SWEEP_INTERVAL };
        }
        transaction.commit()
    }

    /// How much of a commit must be on disk before it is answered: waiting for a disk takes milliseconds.
    fn set_durability(&mut self, durability: Durability) -> rusqlite::Result<()> {
        if durability != self.durability {
            let mode = if durability == Durability::Disk { "FULL" } else { "NORMAL" };
            self.connection.pragma_update(None, "synchronous", mode)?;
            self.durability = durability;
        }
        Ok(())
    }

    /// After a rollback the memory may hold what the database does not.
    fn reload(&mut self) {
        match Cache::load(&self.connection) {
            Ok(cache) => self.cache = cache,
            Err(error) => tracing::error!(%error, "the queues could not be read again"),
        }
    }
}
