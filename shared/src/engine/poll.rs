//! Polls the log: what has settled after a position, oldest first; where there is nothing yet, it waits.
//!
//! The end of a page is never later than `now - grace`, as for exports: no event appears before it any more. So a
//! reader that continues where its last page ended sees each event once.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::readers::Readers;
use crate::domain::chunk::raw_size;
use crate::domain::event::Event;
use crate::domain::export::Position;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::ports::Ports;
use crate::store::StoreError;
use crate::store::log::EventLog;
use crate::store::reader::Direction;

/// Chunks read for one page, whatever matches: a rare name must not read the whole log in one request.
const MAX_CHUNKS: usize = 200;
/// The time that one page spans at most: days without events cost reads too.
const MAX_SPAN: Duration = Duration::from_secs(32 * 86_400);
/// What the events of a page take before it is full: with the last one it is below the 4 MiB of the largest answer.
pub const PAGE_BYTES: usize = 3 * 1024 * 1024 + 512 * 1024;
/// The pauses between two looks at the log: the first, by how much each is longer than the one before, the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const GROWTH: f64 = 1.25;
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Polls that wait at once, of all tenants: a quarter of the connections that the local run has with 1,024 descriptors.
/// A tenant has half of them at most. A Lambda function has one poll at a time.
const MAX_WAITING: usize = 64;

/// What a reader asks for.
#[derive(Clone, Copy, Debug)]
pub struct Poll<'a> {
    /// Where it continues.
    pub from: Position,
    /// Only events logged before this time.
    pub to: Millis,
    /// Only events of this name.
    pub name: Option<&'a str>,
    /// The most events of the page.
    pub limit: usize,
    /// How long to wait for a first event.
    pub wait: Duration,
}

/// Events in the order of the log.
#[derive(Debug)]
pub struct Page {
    /// The events.
    pub events: Vec<Event>,
    /// Where to continue.
    pub next: Position,
    bytes: usize,
}

impl Page {
    fn empty(next: Position) -> Self {
        Self { events: Vec::new(), next, bytes: 0 }
    }

    /// Adds an event; `false` if the page is full without it.
    fn add(&mut self, event: Event, limit: usize) -> bool {
        let bytes = self.bytes + response_size(&event);
        if self.events.len() == limit || (bytes > PAGE_BYTES && !self.events.is_empty()) {
            return false;
        }
        self.bytes = bytes;
        self.events.push(event);
        true
    }
}

/// An event's size in a response. On Lambda the response is itself a JSON string, where quotes and backslashes take two
/// bytes.
fn response_size(event: &Event) -> usize {
    raw_size(event) + event.payload.get().bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

/// How far one look at the log came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Through everything that has settled: only time brings more.
    Settled,
    /// To the end of what was asked for, or to a limit of the page.
    Limit,
}

/// Reads the settled log.
#[derive(Clone, Debug)]
pub struct LogPoller {
    log: EventLog,
    ports: Ports,
    grace: Duration,
    waiting: Readers,
    closing: CancellationToken,
}

impl LogPoller {
    /// Over a log that has settled after `grace`.
    #[must_use]
    pub fn new(log: EventLog, ports: Ports, grace: Duration) -> Self {
        Self { log, ports, grace, waiting: Readers::new(MAX_WAITING), closing: CancellationToken::new() }
    }

    /// Until when the log has settled: no event appears before it any more.
    #[must_use]
    pub fn settled(&self) -> Millis {
        self.ports.now().minus(self.grace)
    }

    /// Ends every wait at once, for the process is about to stop.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// The next page; an empty one if there is nothing within the wait. An empty page that comes sooner has reached a
    /// limit, and more may follow it; or as many polls wait as may.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn page(&self, scope: &Scope, mut poll: Poll<'_>) -> Result<Page, StoreError> {
        let deadline = self.ports.now().plus(poll.wait);
        let (mut pause, mut place) = (FIRST_PAUSE, None);
        loop {
            let (page, reach) = self.look(scope, &poll).await?;
            let now = self.ports.now();
            let over = now >= deadline || self.closing.is_cancelled();
            if over || reach == Reach::Limit || !page.events.is_empty() {
                return Ok(page);
            }
            place = place.or_else(|| self.waiting.try_take(&scope.tenant));
            if place.is_none() {
                return Ok(page);
            }
            // What was looked through is not read again.
            poll.from = page.next;
            tokio::select! {
                () = self.ports.wait_until(now.plus(pause).min(deadline)) => {}
                () = self.closing.cancelled() => {}
            }
            pause = pause.mul_f64(GROWTH).min(MAX_PAUSE);
        }
    }

    /// Reads what there is now.
    async fn look(&self, scope: &Scope, poll: &Poll<'_>) -> Result<(Page, Reach), StoreError> {
        let now = self.ports.now();
        let settled = self.settled();
        let from = poll.from.max(Position::at(now.minus(self.log.retention())));
        let end = settled.min(poll.to).min(from.chunk.at().plus(MAX_SPAN));
        let reach = if end == settled { Reach::Settled } else { Reach::Limit };
        let end = Position::at(end);
        let mut page = Page::empty(from);
        if end <= from {
            return Ok((page, reach));
        }
        let mut reader = self.log.read(scope, from.chunk, end.chunk, Direction::OldestFirst);
        for _ in 0..MAX_CHUNKS {
            let Some((chunk, events)) = reader.next().await? else {
                page.next = end;
                return Ok((page, reach));
            };
            let passed = if chunk == from.chunk { from.index } else { 0 };
            let wanted = |event: &Event| poll.name.is_none_or(|name| event.name == name);
            for (index, event) in events.into_iter().enumerate().skip(passed).filter(|(_, event)| wanted(event)) {
                if !page.add(event, poll.limit) {
                    page.next = Position { chunk, index };
                    return Ok((page, Reach::Limit));
                }
            }
            page.next = Position { chunk: chunk.after(), index: 0 };
        }
        Ok((page, Reach::Limit))
    }
}
