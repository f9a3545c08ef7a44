//! Long polls: receives that found nothing and wait inside the writer.
//!
//! A waiting receive is served in the very transaction that brings its message, oldest first, so a
//! send wakes exactly as many as it can feed. The table tells when the next message is due, so
//! there is no polling.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::fault::{Code, Fault, Outcome, Refusal};
use crate::handover::Handover;
use crate::messages::Received;
use crate::receipt::Receipt;
use crate::reply::Reply;
use crate::tables::Tables;

/// The most long polls at a time; the next is told to come back later.
const MAX_WAITING: usize = 4096;

/// A receive, as the writer is asked for it.
#[derive(Debug)]
pub(crate) struct Receive {
    pub(crate) queue: String,
    pub(crate) most: usize,
    pub(crate) visibility: Option<i64>,
    /// In seconds; the queue's own where there is none.
    pub(crate) wait: Option<i64>,
    pub(crate) answer: oneshot::Sender<Result<Handover, Fault>>,
    /// Where messages go that do not reach the asker.
    pub(crate) back: mpsc::UnboundedSender<Vec<Receipt>>,
}

impl Receive {
    fn reply(self, result: Result<Vec<Received>, Fault>) -> Reply {
        // The asker may have gone: the handover then gives its messages back.
        Box::new(move |committed| {
            let result = committed.and(result).map(|messages| Handover::new(messages, self.back));
            drop(self.answer.send(result));
        })
    }
}

struct Waiting {
    receive: Receive,
    deadline: Instant,
}

/// The long polls of one queue.
#[derive(Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    /// When the queue's next message comes due, on the wall clock.
    due: Option<i64>,
}

/// All long polls.
#[derive(Default)]
pub(crate) struct Waiters {
    lines: HashMap<Arc<str>, Line>,
    draining: bool,
}

impl Waiters {
    /// Answers a receive at once, or lets it wait.
    pub(crate) fn receive(&mut self, tables: &mut Tables<'_>, receive: Receive) -> rusqlite::Result<Option<Reply>> {
        if receive.answer.is_closed() {
            return Ok(None);
        }
        let found = settle(tables.receive(&receive.queue, receive.most, receive.visibility))?;
        let queue = match (found, tables.queue(&receive.queue)) {
            (Ok(messages), Ok(queue)) if messages.is_empty() => queue,
            (found, _) => return Ok(Some(receive.reply(found))),
        };
        let seconds = receive.wait.unwrap_or(queue.config.wait);
        let seconds = u64::try_from(seconds).unwrap_or_default();
        if seconds == 0 || self.draining {
            return Ok(Some(receive.reply(Ok(Vec::new()))));
        }
        if self.lines.values().map(|line| line.waiting.len()).sum::<usize>() >= MAX_WAITING {
            let fault = Fault::new(Code::RequestThrottled, "Too many receives are waiting.");
            return Ok(Some(receive.reply(Err(fault))));
        }
        let deadline = Instant::now() + Duration::from_secs(seconds);
        let line = self.lines.entry(Arc::clone(&queue.name)).or_default();
        line.due = tables.next_due(&queue)?;
        line.waiting.push_back(Waiting { receive, deadline });
        Ok(None)
    }

    /// Serves the long polls of every queue in which something may have come due.
    pub(crate) fn serve(&mut self, tables: &mut Tables<'_>, replies: &mut Vec<Reply>) -> rusqlite::Result<()> {
        let mut names: HashSet<Arc<str>> = std::mem::take(&mut tables.touched);
        for (name, line) in &self.lines {
            if line.due.is_some_and(|due| due <= tables.now) {
                names.insert(Arc::clone(name));
            }
        }
        // Serving one queue may bury messages in another, whose long polls are then next.
        while !names.is_empty() {
            for name in names.drain() {
                self.serve_queue(tables, &name, replies)?;
            }
            names = std::mem::take(&mut tables.touched);
        }
        self.expire(replies);
        Ok(())
    }

    fn serve_queue(&mut self, tables: &mut Tables<'_>, name: &str, replies: &mut Vec<Reply>) -> rusqlite::Result<()> {
        let Some(line) = self.lines.get_mut(name) else {
            return Ok(());
        };
        while let Some(Waiting { receive, deadline }) = line.waiting.pop_front() {
            if receive.answer.is_closed() {
                continue;
            }
            match settle(tables.receive(name, receive.most, receive.visibility))? {
                Ok(messages) if messages.is_empty() => {
                    line.waiting.push_front(Waiting { receive, deadline });
                    break;
                }
                found => replies.push(receive.reply(found)),
            }
        }
        line.due = match tables.queue(name) {
            Ok(queue) => tables.next_due(&queue)?,
            Err(_) => None,
        };
        Ok(())
    }

    /// Answers those that have waited long enough, and forgets those whose client has gone.
    fn expire(&mut self, replies: &mut Vec<Reply>) {
        let now = Instant::now();
        self.lines.retain(|_, line| {
            for Waiting { receive, deadline } in std::mem::take(&mut line.waiting) {
                if receive.answer.is_closed() {
                    continue;
                }
                if deadline <= now {
                    replies.push(receive.reply(Ok(Vec::new())));
                } else {
                    line.waiting.push_back(Waiting { receive, deadline });
                }
            }
            !line.waiting.is_empty()
        });
    }

    /// Answers all long polls empty, and lets no other wait: the server is stopping.
    pub(crate) fn drain(&mut self, replies: &mut Vec<Reply>) {
        self.draining = true;
        for (_, line) in self.lines.drain() {
            for Waiting { receive, .. } in line.waiting {
                replies.push(receive.reply(Ok(Vec::new())));
            }
        }
    }

    /// How long the writer may sleep; `None` without waiting receives.
    pub(crate) fn next(&self, now_ms: i64) -> Option<Duration> {
        let now = Instant::now();
        let next = |line: &Line| {
            let deadlines = line.waiting.iter().map(|waiting| waiting.deadline);
            let until_deadline = deadlines.min()?.saturating_duration_since(now);
            let until_due = line.due.map(|due| u64::try_from(due - now_ms).unwrap_or_default());
            Some(until_due.map(Duration::from_millis).unwrap_or(until_deadline).min(until_deadline))
        };
        self.lines.values().filter_map(next).min()
    }
}

/// Parts the faults a caller is told from the errors that end the transaction.
pub(crate) fn settle<T>(outcome: Outcome<T>) -> rusqlite::Result<Result<T, Fault>> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(Refusal::Fault(fault)) => Ok(Err(fault)),
        Err(Refusal::Database(error)) => Err(error),
    }
}
