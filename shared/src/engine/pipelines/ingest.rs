//! Ingest: the records of the next batch.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::attempt::{Stopped, after};
use super::ledger::Ledger;
use super::plan::Plan;
use super::trace::Origins;
use crate::connectors::{Ask, Source};
use crate::domain::pipeline::dead_letter::{LetterFilter, LetterStatus};
use crate::domain::pipeline::run::{Job, Letters, Run};
use crate::domain::scope::Scope;
use crate::domain::value::Value;
use crate::store::pipelines::ReplayError;

/// How long a batch is read, whatever it has by then: a call may end.
const MAX_TIME: Duration = Duration::from_secs(10);
/// Digits of a mark.
const MARK: usize = 16;
/// A batch of this weight is full, whatever it has: about as many bytes of memory.
const MAX_WEIGHT: usize = 32 * 1024 * 1024;
/// Dead letters that are sent again in one batch.
const LETTERS: usize = 100;

/// Records that are worked on together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) records: Vec<Value>,
    /// Where the next batch begins; none after the last.
    pub(super) next: Option<String>,
    /// Whether the source was read to its end.
    pub(super) whole: bool,
    /// The earlier attempts of those that were sent before.
    pub(super) origins: Origins,
}

/// What of a run decides its next batch.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) position: Option<String>,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) source_ids: Vec<String>,
    /// How many records may still be read.
    pub(super) room: usize,
    pub(super) batch_size: usize,
    pub(super) failures: u32,
    /// Records of the batch that were written already, by their marks.
    pub(super) done: HashSet<String>,
}

impl Reading {
    pub(super) fn of(run: &Run, plan: &Plan) -> Self {
        let (source_ids, to) = match &run.job {
            Job::Sync { source_ids, window, .. } => {
                (source_ids.clone(), window.as_ref().and_then(|window| window.to.clone()))
            }
            Job::Inbound { .. } | Job::Replay { .. } => (Vec::new(), None),
        };
        let room = run.max_entities.map_or(u64::MAX, |most| most.saturating_sub(run.counts.total));
        Self {
            position: run.progress.position.clone(),
            from: run.progress.from.clone(),
            to,
            source_ids,
            room: usize::try_from(room).unwrap_or(usize::MAX),
            batch_size: plan.batch_size,
            failures: run.progress.failures,
            done: marks(run),
        }
    }

    /// The batch after one that was read.
    pub(super) fn after(&self, batch: &Batch) -> Self {
        let room = self.room.saturating_sub(batch.records.len());
        Self { position: batch.next.clone(), room, failures: 0, done: HashSet::new(), ..self.clone() }
    }
}

/// What a record is known by among those of its batch: another content has another mark.
pub(super) fn mark(record: &Value) -> String {
    mark_of(&record.to_json())
}

/// The mark of a record by its JSON text.
pub(super) fn mark_of(json: &str) -> String {
    hex::encode(&Sha256::digest(json)[..MARK / 2])
}

fn marks(run: &Run) -> HashSet<String> {
    let done = run.progress.done.as_bytes().chunks(MARK);
    done.map(|mark| String::from_utf8_lossy(mark).into_owned()).collect()
}

/// Reads pages until a batch is full.
pub(super) async fn read(source: &dyn Source, reading: &Reading) -> Result<Batch, Stopped> {
    let mut batch = Batch { next: reading.position.clone(), ..Batch::default() };
    let (mut weight, begun) = (0, Instant::now());
    loop {
        let ask = Ask {
            position: batch.next.as_deref(),
            from: reading.from.as_deref(),
            to: reading.to.as_deref(),
            source_ids: &reading.source_ids,
            page_size: reading.batch_size,
        };
        let mut page = match source.read(&ask).await {
            Ok(page) => page,
            // What was read is not lost: the next batch begins where this one ends.
            Err(_) if !batch.records.is_empty() => return Ok(batch),
            Err(error) => return Err(after(error, reading.failures)),
        };
        page.records.retain(|record| reading.done.is_empty() || !reading.done.contains(&mark(record)));
        weight += page.records.iter().map(Value::weight).sum::<usize>();
        if batch.records.is_empty() {
            batch.records = page.records;
        } else {
            batch.records.extend(page.records);
        }
        batch.whole = page.next.is_none();
        batch.next = page.next;
        if batch.records.len() >= reading.room {
            let cut = batch.records.len() > reading.room;
            batch.records.truncate(reading.room);
            batch.whole &= !cut;
            batch.next = None;
        }
        let is_full = batch.records.len() >= reading.batch_size || weight >= MAX_WEIGHT;
        if batch.next.is_none() || is_full || begun.elapsed() > MAX_TIME {
            return Ok(batch);
        }
    }
}

impl Ledger {
    /// The next batch of a run.
    pub(super) async fn read(&self, scope: &Scope, run: &mut Run, plan: &Plan) -> Result<Batch, Stopped> {
        match (&run.job, &plan.source) {
            (Job::Sync { .. }, Some(source)) => read(source.as_ref(), &Reading::of(run, plan)).await,
            (Job::Replay { letters, .. }, _) => {
                let letters = letters.clone();
                self.letters(scope, run, &letters).await
            }
            _ => self.inbound(scope, run).await,
        }
    }

    /// What set off an inbound run: a record, or a list of records.
    pub(super) async fn inbound(&self, scope: &Scope, run: &Run) -> Result<Batch, Stopped> {
        let payload = self.stores.payloads.get(scope, &run.id).await?;
        let value = payload.as_deref().map(Value::parse).and_then(Result::ok);
        let value = value.ok_or_else(|| Stopped::Failed("What the webhook sent is not there any more.".to_owned()))?;
        let mut records = if let Value::Array(records) = value { records } else { vec![value] };
        let done = marks(run);
        records.retain(|record| done.is_empty() || !done.contains(&mark(record)));
        Ok(Batch { records, whole: true, ..Batch::default() })
    }

    /// Dead letters that are pending, from now on as replayed by this run. Which ones is recorded first, so that a
    /// crash repeats them.
    async fn letters(&self, scope: &Scope, run: &mut Run, letters: &Letters) -> Result<Batch, Stopped> {
        let (ids, edited) = match letters {
            Letters::One { id, payload } => (vec![id.clone()], payload.clone()),
            Letters::Some(filter) => (self.claimed(scope, run, filter).await?, None),
        };
        let mut batch = Batch { whole: true, ..Batch::default() };
        for id in &ids {
            let payload = match &edited {
                Some(edited) => Some(edited.clone().into_bytes()),
                None => self.stores.payloads.get(scope, id).await?,
            };
            // What cannot be sent stays as it is.
            let Some(record) = payload.and_then(|payload| Value::parse(&payload).ok()) else { continue };
            match self.stores.letters.settle(scope, id, LetterStatus::Replayed, Some(&run.id)).await {
                Ok(letter) => {
                    // Nothing that happened later is overwritten.
                    let newest = match (letter.triggered_at, &letter.source_id) {
                        (Some(at), Some(source_id)) => self.is_newest(scope, run, source_id, at).await?,
                        _ => true,
                    };
                    batch.origins.add(&record, &letter);
                    batch.records.extend(newest.then_some(record));
                }
                Err(ReplayError::Over(_) | ReplayError::NotFound | ReplayError::NotKept) => {}
                Err(ReplayError::Store(error)) => return Err(error.into()),
            }
        }
        let done = marks(run);
        batch.records.retain(|record| done.is_empty() || !done.contains(&mark(record)));
        // There may be more.
        batch.next = (matches!(letters, Letters::Some(_)) && ids.len() == LETTERS).then(String::new);
        Ok(batch)
    }

    async fn claimed(&self, scope: &Scope, run: &mut Run, filter: &LetterFilter) -> Result<Vec<String>, Stopped> {
        let claimed = run.progress.position.as_deref().filter(|position| !position.is_empty());
        if let Some(claimed) = claimed {
            return Ok(claimed.split(',').map(str::to_owned).collect());
        }
        let facts = self.stores.letters.pending(scope, filter).await?;
        // Those that this run made itself are not tried again and again.
        let older =
            facts.into_iter().filter(|facts| facts.kept && facts.created_at < run.created_at).map(|facts| facts.id);
        let ids: Vec<String> = older.take(LETTERS).collect();
        run.progress.position = Some(ids.join(","));
        self.save(scope, run).await?;
        Ok(ids)
    }
}
