//! Reads a range of the log: the shards of each day merged into one order, a page at a time.

use std::collections::VecDeque;

use futures::future::try_join_all;

use super::log::{EventLog, chunk_id_of, events_of, events_or_log, partition};
use super::{Item, StoreError};
use crate::domain::event::Event;
use crate::domain::ids::{ChunkId, LOG_SHARDS};
use crate::domain::scope::Scope;
use crate::domain::time::{DAY_MILLIS, Millis};

/// The order of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// In the order of the log.
    OldestFirst,
    /// In reverse order.
    NewestFirst,
}

/// A reader over a range of one scope's log. Holds at most one page a shard.
#[derive(Debug)]
pub struct LogReader {
    log: EventLog,
    scope: Scope,
    low: ChunkId,
    end: ChunkId,
    direction: Direction,
    day: i64,
    shards: Vec<Shard>,
}

/// Chunks of a shard's first page. Each further page holds twice as many, up to a megabyte, so that a short read costs
/// little.
const FIRST_PAGE: i32 = 4;
const MAX_DOUBLINGS: u32 = 9;

/// One shard of the day being read.
#[derive(Debug, Default)]
struct Shard {
    page: VecDeque<(ChunkId, Item)>,
    pages: u32,
    next: Option<Item>,
    done: bool,
}

impl EventLog {
    /// Reads `[from, end)` in the order of the log, or from the newest backwards.
    #[must_use]
    pub fn read(&self, scope: &Scope, from: ChunkId, end: ChunkId, direction: Direction) -> LogReader {
        LogReader::new(self.clone(), scope.clone(), from, end, direction)
    }
}

impl LogReader {
    pub(super) fn new(log: EventLog, scope: Scope, low: ChunkId, end: ChunkId, direction: Direction) -> Self {
        let day = match direction {
            Direction::OldestFirst => low.at().day(),
            Direction::NewestFirst => last_day(end),
        };
        Self { log, scope, low, end, direction, day, shards: fresh() }
    }

    /// The next chunk, or `None` at the end of the range. A chunk that cannot be read is an error: what is read with a
    /// cursor must not miss its events.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn next(&mut self) -> Result<Option<(ChunkId, Vec<Event>)>, StoreError> {
        let chunk = self.next_item().await?;
        chunk.map(|(id, item)| Ok((id, events_of(&item)?))).transpose()
    }

    /// The next chunk, without events if it cannot be read: for lists and searches.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn next_readable(&mut self) -> Result<Option<(ChunkId, Vec<Event>)>, StoreError> {
        Ok(self.next_item().await?.map(|(id, item)| (id, events_or_log(&item))))
    }

    async fn next_item(&mut self) -> Result<Option<(ChunkId, Item)>, StoreError> {
        if self.low >= self.end {
            return Ok(None);
        }
        loop {
            self.fill().await?;
            if let Some(shard) = self.first_shard() {
                return Ok(self.shards[shard].page.pop_front());
            }
            match self.direction {
                Direction::OldestFirst => self.day += 1,
                Direction::NewestFirst => self.day -= 1,
            }
            if self.day > last_day(self.end) || self.day < self.low.at().day() {
                return Ok(None);
            }
            self.shards = fresh();
        }
    }

    /// Which shard holds the chunk that is next in order.
    fn first_shard(&self) -> Option<usize> {
        let heads = self.shards.iter().enumerate().filter_map(|(i, shard)| Some((shard.page.front()?.0, i)));
        match self.direction {
            Direction::OldestFirst => heads.min().map(|(_, i)| i),
            Direction::NewestFirst => heads.max().map(|(_, i)| i),
        }
    }

    /// Reads a page for each shard that has run out of one, all at the same time.
    async fn fill(&mut self) -> Result<(), StoreError> {
        let day_start = ChunkId::floor(Millis(self.day * DAY_MILLIS));
        let next_day = ChunkId::floor(Millis((self.day + 1) * DAY_MILLIS));
        let (low, end) = (self.low.max(day_start), self.end.min(next_day));
        let (log, scope, day, direction) = (&self.log, &self.scope, self.day, self.direction);
        let pages = self.shards.iter_mut().zip(0_u8..).filter(|(s, _)| s.page.is_empty() && !s.done);
        try_join_all(pages.map(async |(shard, number)| {
            while shard.page.is_empty() && !shard.done {
                let query = log.range(&partition(scope, day, number), low, end).consistent_read(true);
                let query = query.scan_index_forward(direction == Direction::OldestFirst);
                let query = query.limit(FIRST_PAGE << shard.pages.min(MAX_DOUBLINGS));
                let answer = query.set_exclusive_start_key(shard.next.take()).send().await?;
                shard.pages += 1;
                shard.done = answer.last_evaluated_key.is_none();
                shard.next = answer.last_evaluated_key;
                for item in answer.items.unwrap_or_default() {
                    let id = chunk_id_of(&item)?;
                    if id < end {
                        shard.page.push_back((id, item));
                    }
                }
            }
            Ok::<_, StoreError>(())
        }))
        .await?;
        Ok(())
    }
}

fn fresh() -> Vec<Shard> {
    (0..LOG_SHARDS).map(|_| Shard::default()).collect()
}

/// The day of the last chunk before `end`.
fn last_day(end: ChunkId) -> i64 {
    end.before().at().day()
}
