//! Dead letters of records and of deliveries, in one list.

use std::collections::BTreeMap;

use super::{EngineError, Pipelines};
use crate::domain::pipeline::dead_letter::{Category, DeadLetter, LetterFilter, LetterStatus};
use crate::domain::pipeline::run::{self, Job, Run, Trigger};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::domain::transaction::{Outcome, TransactionFilter, TransactionStatus};
use crate::store::StoreError;
use crate::store::pipelines::{Listed, MAX_LISTED, ReplayError};
use crate::store::transactions::Transactions;

/// A dead letter.
#[derive(Debug)]
pub enum Letter {
    /// Of a record.
    Record(Box<DeadLetter>),
    /// Of a delivery.
    Delivery(Box<Outcome>),
}

/// Which dead letters are listed, by what they are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Records and deliveries.
    Both,
    /// Records.
    Records,
    /// Deliveries.
    Deliveries,
}

/// Lists dead letters, and has them sent again.
#[derive(Clone)]
pub struct Letters {
    pub(crate) pipelines: Pipelines,
    pub(crate) transactions: Transactions,
}

/// Why a delivery is a dead letter.
#[must_use]
pub fn category(outcome: &Outcome) -> Category {
    match (outcome.status, outcome.code) {
        (TransactionStatus::Rejected, _) | (_, Some(400..=499)) => Category::Permanent,
        (_, Some(500..=599)) => Category::Transient,
        _ => Category::Unknown,
    }
}

impl Letters {
    /// A page of those that are asked for, the newest first; pages count from 0.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn page(
        &self,
        scope: &Scope,
        filter: &LetterFilter,
        of: Of,
        (page, size): (usize, usize),
    ) -> Result<Listed<Letter>, EngineError> {
        let records =
            if of == Of::Deliveries { Vec::new() } else { self.pipelines.stores.letters.facts(scope, filter).await? };
        let deliveries = if of == Of::Records { Vec::new() } else { self.deliveries(scope, filter).await? };
        let mut all: Vec<(Millis, Place)> = Vec::with_capacity(records.len() + deliveries.len());
        all.extend(records.into_iter().map(|facts| (facts.created_at, Place::Record(facts.id))));
        all.extend(deliveries.into_iter().map(|outcome| (outcome.at, Place::Delivery(Box::new(outcome)))));
        all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let total = all.len();
        let mut items = Vec::with_capacity(size);
        for (_, place) in all.into_iter().skip(page.saturating_mul(size)).take(size) {
            match place {
                Place::Record(id) => {
                    let letter = self.pipelines.stores.letters.get(scope, &id).await?;
                    items.extend(letter.map(|letter| Letter::Record(Box::new(letter))));
                }
                Place::Delivery(outcome) => items.push(Letter::Delivery(outcome)),
            }
        }
        Ok(Listed { items, total })
    }

    /// The deliveries that are asked for: those that wait, since what was sent again is no dead letter any more.
    async fn deliveries(&self, scope: &Scope, filter: &LetterFilter) -> Result<Vec<Outcome>, EngineError> {
        let none =
            filter.instance.is_some() || filter.entity_type.is_some() || filter.status == Some(LetterStatus::Replayed);
        if none {
            return Ok(Vec::new());
        }
        let asked = transactions(filter);
        let (outcomes, _) = self.transactions.page(scope, &asked, None, MAX_LISTED).await?;
        let status = filter.status;
        let wanted = |outcome: &Outcome| {
            filter.category.is_none_or(|wanted| wanted == category(outcome))
                && status.is_none_or(|status| (status == LetterStatus::Discarded) == outcome.discarded)
        };
        Ok(outcomes.into_iter().filter(wanted).collect())
    }

    /// Starts a run that sends a record again, perhaps with another payload.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub async fn replay(
        &self,
        scope: &Scope,
        id: &str,
        payload: Option<String>,
    ) -> Result<Result<Run, EngineError>, ReplayError> {
        let pipelines = &self.pipelines;
        let letter = pipelines.stores.letters.get(scope, id).await?.ok_or(ReplayError::NotFound)?;
        if letter.status != LetterStatus::Pending {
            return Err(ReplayError::Over(letter.status));
        }
        if !letter.kept && payload.is_none() {
            return Err(ReplayError::NotKept);
        }
        let letters = run::Letters::One { id: id.to_owned(), payload };
        let run = replay(pipelines, (&letter.instance, &letter.entity_type), letters, 1);
        // The run first: it takes the letter by itself if this process dies, and does nothing if another has it.
        if let Err(error) = pipelines.start(scope, &run).await {
            return Ok(Err(error));
        }
        pipelines.stores.letters.settle(scope, id, LetterStatus::Replayed, Some(&run.id)).await?;
        Ok(Ok(run))
    }

    /// Starts a run for each instance and entity type of the pending records that are asked for; only counts them in
    /// a dry run.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn replay_some(
        &self,
        scope: &Scope,
        filter: &LetterFilter,
        dry_run: bool,
    ) -> Result<Vec<Run>, EngineError> {
        let mut groups: BTreeMap<(String, String), u64> = BTreeMap::new();
        let pending = self.pipelines.stores.letters.pending(scope, filter).await?;
        for facts in pending.into_iter().filter(|facts| facts.kept) {
            *groups.entry((facts.instance, facts.entity_type)).or_default() += 1;
        }
        let mut runs = Vec::with_capacity(groups.len());
        for ((instance, entity_type), count) in groups {
            let filter = LetterFilter {
                instance: Some(instance.clone()),
                entity_type: Some(entity_type.clone()),
                ..filter.clone()
            };
            let run = replay(&self.pipelines, (&instance, &entity_type), run::Letters::Some(filter), count);
            if !dry_run {
                self.pipelines.start(scope, &run).await?;
            }
            runs.push(run);
        }
        Ok(runs)
    }

    /// Gives a record or a delivery up for good.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub async fn discard(&self, scope: &Scope, id: &str) -> Result<(), ReplayError> {
        let Ok(transaction) = id.parse() else {
            let letters = &self.pipelines.stores.letters;
            return letters.settle(scope, id, LetterStatus::Discarded, None).await.map(drop);
        };
        let found = self.transactions.find(scope, &transaction).await?.ok_or(ReplayError::NotFound)?;
        if found.last.discarded {
            return Err(ReplayError::Over(LetterStatus::Discarded));
        }
        let is_given_up = is_dead(&found.last) && self.transactions.discard(scope, &transaction).await?;
        if is_given_up { Ok(()) } else { Err(ReplayError::Over(LetterStatus::Replayed)) }
    }
}

impl Pipelines {
    /// Gives back what a run that failed or was cancelled was about to send: nothing is lost with it.
    pub(super) async fn restore(&self, scope: &Scope, run: &Run) -> Result<(), EngineError> {
        let Job::Replay { letters, .. } = &run.job else { return Ok(()) };
        let ids: Vec<&str> = match letters {
            run::Letters::One { id, .. } => vec![id],
            run::Letters::Some(_) => run.progress.position.as_deref().unwrap_or_default().split(',').collect(),
        };
        for id in ids.into_iter().filter(|id| !id.is_empty()) {
            match self.stores.letters.restore(scope, id, &run.id).await {
                Ok(()) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

enum Place {
    Record(String),
    Delivery(Box<Outcome>),
}

/// Whether a delivery is a dead letter.
#[must_use]
pub fn is_dead(outcome: &Outcome) -> bool {
    matches!(outcome.status, TransactionStatus::Dead | TransactionStatus::Rejected)
}

/// The deliveries that a filter asks for.
#[must_use]
pub fn transactions(filter: &LetterFilter) -> TransactionFilter {
    TransactionFilter {
        statuses: vec![TransactionStatus::Dead, TransactionStatus::Rejected],
        deliveries: true,
        from: filter.from,
        to: filter.to,
        ..TransactionFilter::default()
    }
}

fn replay(pipelines: &Pipelines, (instance, entity_type): (&str, &str), letters: run::Letters, count: u64) -> Run {
    let job = Job::Replay { letters, count };
    Run::new(pipelines.new_id(), instance, entity_type, (Trigger::Replay, job), pipelines.ports.now())
}
