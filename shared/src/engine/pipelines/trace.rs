//! Records as transactions: what became of each stands in the list of all transactions.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::ingest::mark;
use crate::domain::event::is_event_id;
use crate::domain::pipeline::dead_letter::{Category, DeadLetter};
use crate::domain::pipeline::run::{Job, Run};
use crate::domain::time::Millis;
use crate::domain::transaction::{Direction, Outcome, RouteRef, TransactionId, TransactionStatus};
use crate::domain::value::Value;
use crate::ports::Ports;

/// A record's earlier attempt.
#[derive(Clone, Debug)]
struct Origin {
    id: TransactionId,
    direction: Direction,
    attempt: u32,
}

/// The earlier attempts of the records of a batch, by their marks.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins(HashMap<String, Origin>);

impl Origins {
    /// A record that is sent again belongs to the transaction of its dead letter.
    pub(super) fn add(&mut self, record: &Value, letter: &DeadLetter) {
        if let Ok(id) = letter.transaction.parse() {
            self.0.insert(mark(record), Origin { id, direction: letter.direction, attempt: letter.attempt });
        }
    }

    fn of(&self, record: &Value) -> Option<&Origin> {
        if self.0.is_empty() { None } else { self.0.get(&mark(record)) }
    }
}

/// Makes the transactions of some records of a run.
pub(super) struct Trace<'a> {
    pub(super) run: &'a Run,
    origins: &'a Origins,
    ports: &'a Ports,
    route: RouteRef,
    direction: Direction,
    begun: Instant,
}

impl<'a> Trace<'a> {
    pub(super) fn new(run: &'a Run, origins: &'a Origins, ports: &'a Ports) -> Self {
        let direction = match run.job {
            Job::Inbound { .. } => Direction::Inbound,
            Job::Sync { .. } | Job::Replay { .. } => Direction::Outbound,
        };
        Self { run, origins, ports, route: RouteRef::of_instance(&run.instance), direction, begun: Instant::now() }
    }

    /// A record that arrived.
    pub(super) fn delivered(&self, source_id: &str, record: &Value) -> Outcome {
        self.outcome(Some(source_id), record, TransactionStatus::Delivered, String::new())
    }

    /// A record that is a dead letter.
    pub(super) fn buried(&self, letter: (Option<&str>, &str, Category), record: &Value) -> Outcome {
        let (source_id, error, category) = letter;
        let status = match category {
            Category::Permanent => TransactionStatus::Rejected,
            Category::Transient | Category::Unknown => TransactionStatus::Dead,
        };
        self.outcome(source_id, record, status, error.to_owned())
    }

    fn outcome(&self, source_id: Option<&str>, record: &Value, status: TransactionStatus, error: String) -> Outcome {
        let (id, direction, attempt) = match self.origins.of(record) {
            Some(origin) => (origin.id.clone(), origin.direction, origin.attempt + 1),
            None => (self.id(source_id, record), self.direction, 1),
        };
        Outcome {
            route: RouteRef { uid: id.route, ..self.route.clone() },
            direction,
            event: id.event,
            name: self.run.entity_type.clone(),
            logged_at: id.logged_at,
            partner_id: None,
            document_type: Some(self.run.entity_type.clone()),
            attempt,
            status,
            code: None,
            millis: u32::try_from(self.begun.elapsed().as_millis()).unwrap_or(u32::MAX),
            response: String::new(),
            error,
            at: self.ports.now(),
            discarded: false,
        }
    }

    /// A repeated batch gives its records the ids that they had. Each batch has a time of its own, so that one record
    /// among a million is found by its id.
    fn id(&self, source_id: Option<&str>, record: &Value) -> TransactionId {
        let event = match source_id.filter(|id| is_event_id(id)) {
            Some(id) => id.to_owned(),
            None => {
                let named = Sha256::new().chain_update(source_id.unwrap_or_default()).chain_update([0]);
                let digest = named.chain_update(record.to_json()).finalize();
                format!("rec_{}", hex::encode(&digest[..16]))
            }
        };
        TransactionId { logged_at: logged_at(self.run), route: self.route.uid.clone(), event }
    }
}

fn logged_at(run: &Run) -> Millis {
    run.created_at.plus(Duration::from_millis(run.progress.batches))
}
