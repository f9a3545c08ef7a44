//! Execute: records are written to the target; what it does not take becomes a dead letter.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::attempt::{Stopped, after};
use super::ingest;
use super::ledger::Ledger;
use super::plan::Plan;
use super::trace::{Origins, Trace};
use crate::connectors::{Batch, Record, Target, Written};
use crate::domain::pipeline::batch::{Mapped, Ready, Unfit};
use crate::domain::pipeline::dead_letter::{Category, DeadLetter, LetterStatus};
use crate::domain::pipeline::run::{Counts, Job, MAX_SAMPLES, RecordError, Run};
use crate::domain::pipeline::stage::Stage;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::domain::transaction::Outcome;
use crate::domain::value::Value;
use crate::engine::EngineError;
use crate::store::StoreError;
use crate::store::pipelines::MAX_PAYLOAD_BYTES;

/// Larger results are not shown.
const MAX_SAMPLE_BYTES: usize = 8 * 1024;
/// How often a record is offered to a target that may take it later.
const TRIES: u32 = 4;
/// The wait before the second offer.
const WAIT: Duration = Duration::from_millis(500);
/// How long a target is left alone that asks for fewer requests and does not say for how long.
const LEFT_ALONE: Duration = Duration::from_secs(5);

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) counts: Counts,
    pub(super) letters: Vec<Buried>,
    /// The transactions of what arrived.
    pub(super) delivered: Vec<Outcome>,
    pub(super) samples: Vec<String>,
    /// How long the target wants to be left alone, if it did not take all for that reason.
    pub(super) wait: Option<Duration>,
    /// Then, the marks of the records that need not be offered again.
    pub(super) marks: String,
}

/// A dead letter, its record and its transaction.
#[derive(Debug)]
pub(super) struct Buried {
    letter: DeadLetter,
    record: String,
    outcome: Outcome,
}

/// Why a record is a dead letter.
struct Cause {
    stage: Stage,
    category: Category,
    error: String,
    field: Option<String>,
    value: Option<String>,
}

impl Ledger {
    /// Writes what was mapped.
    pub(super) async fn execute(
        &self,
        scope: &Scope,
        run: &Run,
        plan: &Plan,
        mapped: Mapped,
        origins: &Origins,
    ) -> Result<Results, Stopped> {
        let mut results = Results::default();
        let trace = Trace::new(run, origins, &self.ports);
        results.counts.total = (mapped.ready.len() + mapped.unfit.len()) as u64;
        for Unfit { source_id, stage, fault, source } in mapped.unfit {
            let (field, value) = (Some(fault.field.clone()), Some(fault.value.clone()));
            let cause = Cause { stage, category: Category::Permanent, error: fault.to_string(), field, value };
            results.letters.push(self.letter(&trace, source_id, &source, cause));
        }
        let ready = self.newest(scope, run, mapped.ready, &mut results.counts).await?;
        match &plan.target {
            Some(target) => self.write(scope, &trace, (target.as_ref(), ready), &mut results).await?,
            None => {
                results.counts.success += ready.len() as u64;
                let samples = ready.iter().take(MAX_SAMPLES.saturating_sub(run.samples.len()));
                let samples = samples.map(|ready| ready.body.to_json());
                results.samples = samples.filter(|sample| sample.len() <= MAX_SAMPLE_BYTES).collect();
            }
        }
        results.counts.failed = results.letters.len() as u64;
        Ok(results)
    }

    /// Without the records of which something newer was written already.
    async fn newest(
        &self,
        scope: &Scope,
        run: &Run,
        ready: Vec<Ready>,
        counts: &mut Counts,
    ) -> Result<Vec<Ready>, Stopped> {
        let Job::Inbound { triggered_at: Some(at) } = run.job else { return Ok(ready) };
        let mut newest = Vec::with_capacity(ready.len());
        for one in ready {
            if self.is_newest(scope, run, &one.source_id, at).await? {
                newest.push(one);
            } else {
                counts.skipped += 1;
            }
        }
        Ok(newest)
    }

    /// Whether nothing that happened later to a record was written; takes note of it.
    pub(super) async fn is_newest(
        &self,
        scope: &Scope,
        run: &Run,
        source_id: &str,
        at: Millis,
    ) -> Result<bool, StoreError> {
        let subject = format!("{}#{}#{source_id}", run.instance, run.entity_type);
        self.stores.times.advance(scope, &subject, at).await
    }

    async fn write(
        &self,
        scope: &Scope,
        trace: &Trace<'_>,
        (target, ready): (&dyn Target, Vec<Ready>),
        results: &mut Results,
    ) -> Result<(), Stopped> {
        let run = trace.run;
        let (records, sources): (Vec<Record>, Vec<Value>) = ready.into_iter().map(split).unzip();
        let written = self.offer(scope, run, target, &records).await?;
        let mut done = Vec::new();
        for ((record, source), written) in records.into_iter().zip(&sources).zip(written) {
            if let Written::Throttled { retry_after, .. } = written {
                results.counts.total -= 1;
                results.wait = results.wait.max(Some(retry_after.unwrap_or(LEFT_ALONE)));
                continue;
            }
            done.push(source);
            let (category, error) = match written {
                Written::Done | Written::Unchanged => {
                    let is_new = written == Written::Done;
                    results.counts.success += u64::from(is_new);
                    results.counts.skipped += u64::from(!is_new);
                    results.delivered.push(trace.delivered(&record.source_id, source));
                    continue;
                }
                Written::Refused(error) => (Category::Permanent, error),
                Written::Failed(reason) | Written::Throttled { reason, .. } => (Category::Transient, reason),
            };
            let cause = Cause { stage: Stage::Execute, category, error, field: None, value: None };
            results.letters.push(self.letter(trace, Some(record.source_id), source, cause));
        }
        if results.wait.is_some() {
            let unfit = results.letters.iter().map(|letter| ingest::mark_of(&letter.record));
            results.marks = unfit.chain(done.into_iter().map(ingest::mark)).collect();
        }
        Ok(())
    }

    /// Offers records to a target, and again those that it may take later.
    async fn offer(
        &self,
        scope: &Scope,
        run: &Run,
        target: &dyn Target,
        records: &[Record],
    ) -> Result<Vec<Written>, Stopped> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let number = run.progress.batches;
        let written = target.write(&Batch { number, records }).await;
        let mut written = written.map_err(|error| after(error, run.progress.failures))?;
        for attempt in 1..TRIES {
            let waiting =
                written.iter().enumerate().filter_map(|(place, written)| Some((place, wait(written, attempt)?)));
            let (mut places, waits): (Vec<usize>, Vec<Duration>) = waiting.unzip();
            let Some(longest) = waits.into_iter().max() else { break };
            tokio::time::sleep(longest).await;
            places = self.still_newest(scope, run, records, places, &mut written).await?;
            let again: Vec<Record> = places.iter().map(|place| records[*place].clone()).collect();
            match target.write(&Batch { number, records: &again }).await {
                Ok(answers) => places.into_iter().zip(answers).for_each(|(place, answer)| written[place] = answer),
                // What was written before stays written.
                Err(error) => places.into_iter().for_each(|place| written[place] = error.clone().written()),
            }
        }
        Ok(written)
    }

    /// Of these places, those of records to which nothing happened meanwhile; the others need not be written any more.
    async fn still_newest(
        &self,
        scope: &Scope,
        run: &Run,
        records: &[Record],
        places: Vec<usize>,
        written: &mut [Written],
    ) -> Result<Vec<usize>, Stopped> {
        let Job::Inbound { triggered_at: Some(at) } = run.job else { return Ok(places) };
        let mut still = Vec::with_capacity(places.len());
        for place in places {
            if self.is_newest(scope, run, &records[place].source_id, at).await? {
                still.push(place);
            } else {
                written[place] = Written::Unchanged;
            }
        }
        Ok(still)
    }

    /// A dead letter. Its id follows from the run and the record, so a repetition makes the same.
    fn letter(&self, trace: &Trace<'_>, source_id: Option<String>, source: &Value, cause: Cause) -> Buried {
        let run = trace.run;
        let outcome = trace.buried((source_id.as_deref(), &cause.error, cause.category), source);
        let record = source.to_json();
        let digest = Sha256::new().chain_update(&run.id).chain_update([0]).chain_update(&record).finalize();
        let now = self.ports.now();
        let letter = DeadLetter {
            id: format!("dlq_{:012x}{}", run.created_at.0, hex::encode(&digest[..10])),
            instance: run.instance.clone(),
            entity_type: run.entity_type.clone(),
            run: run.id.clone(),
            source_id,
            transaction: outcome.id().to_string(),
            direction: outcome.direction,
            attempt: outcome.attempt,
            stage: cause.stage,
            category: cause.category,
            field: cause.field.filter(|field| !field.is_empty()),
            value: cause.value,
            error: cause.error,
            kept: record.len() <= MAX_PAYLOAD_BYTES,
            triggered_at: if let Job::Inbound { triggered_at } = run.job { triggered_at } else { None },
            status: LetterStatus::Pending,
            replayed_by: None,
            created_at: now,
            updated_at: now,
            revision: 0,
        };
        Buried { letter, record, outcome }
    }

    /// Records what became of records: transactions, and dead letters that the run takes note of.
    pub(super) async fn settle(
        &self,
        scope: &Scope,
        run: &mut Run,
        (mut outcomes, letters): (Vec<Outcome>, Vec<Buried>),
    ) -> Result<(), EngineError> {
        // A dry run leaves nothing behind.
        if !run.dry_run {
            outcomes.extend(letters.iter().map(|letter| letter.outcome.clone()));
            self.transactions.record(scope, outcomes).await?;
        }
        for Buried { letter, record, .. } in letters {
            let id = (!run.dry_run).then(|| letter.id.clone());
            if id.is_some() && letter.kept {
                self.stores.payloads.keep(scope, &letter.id, record.as_bytes()).await?;
            }
            if id.is_some() {
                self.stores.letters.add(scope, &letter).await?;
            }
            run.note(RecordError {
                source_id: letter.source_id,
                stage: letter.stage,
                error: letter.error,
                dead_letter_id: id,
            });
        }
        Ok(())
    }

    /// The records of a run that failed and that no later run would read: they become dead letters.
    pub(super) async fn bury_rest(
        &self,
        scope: &Scope,
        run: &mut Run,
        records: Vec<Value>,
        error: &str,
    ) -> Result<(), EngineError> {
        let stage = run.stage;
        let cause =
            || Cause { stage, category: Category::Transient, error: error.to_owned(), field: None, value: None };
        let (origins, read) = (Origins::default(), run.clone());
        let trace = Trace::new(&read, &origins, &self.ports);
        let letters = records.iter().map(|record| self.letter(&trace, None, record, cause())).collect();
        run.counts.total += records.len() as u64;
        run.counts.failed += records.len() as u64;
        self.settle(scope, run, (Vec::new(), letters)).await
    }
}

fn split(ready: Ready) -> (Record, Value) {
    (Record { source_id: ready.source_id, key: ready.key, body: ready.body }, ready.source)
}

/// How long to wait before a record is offered again, if it is.
fn wait(written: &Written, attempt: u32) -> Option<Duration> {
    let own = WAIT * 2_u32.pow(attempt - 1);
    match written {
        Written::Done | Written::Unchanged | Written::Refused(_) => None,
        Written::Failed(_) => Some(own),
        // A longer wait is left to a later call.
        Written::Throttled { retry_after, .. } => retry_after.is_none_or(|asked| asked <= own).then_some(own),
    }
}
