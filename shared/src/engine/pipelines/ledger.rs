//! The records of a run: its progress, its batches and its dead letters.

use std::time::Duration;

use super::EngineError;
use super::attempt::Stopped;
use crate::domain::pipeline::run::Run;
use crate::domain::scope::Scope;
use crate::ports::Ports;
use crate::store::StoreError;
use crate::store::pipelines::PipelineStores;
use crate::store::transactions::Transactions;

/// A worker that has written nothing for so long has lost its run. If it goes on, a batch is written twice.
pub(super) const LEASE: Duration = Duration::from_secs(20);

/// Reads and writes what is recorded of runs.
#[derive(Clone)]
pub(crate) struct Ledger {
    pub(crate) stores: PipelineStores,
    pub(crate) transactions: Transactions,
    pub(crate) ports: Ports,
}

impl Ledger {
    /// Writes a run's progress, and keeps the run for this worker.
    pub(super) async fn save(&self, scope: &Scope, run: &mut Run) -> Result<(), Stopped> {
        run.leased_until = Some(self.ports.now().plus(LEASE));
        self.record(scope, run).await
    }

    /// Leaves a run to the next worker.
    pub(super) async fn release(&self, scope: &Scope, run: &mut Run) -> Result<(), EngineError> {
        run.leased_until = None;
        match self.stores.runs.update(scope, run).await {
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn record(&self, scope: &Scope, run: &mut Run) -> Result<(), Stopped> {
        match self.stores.runs.update(scope, run).await {
            Ok(()) => Ok(()),
            // It was cancelled, or another worker has it.
            Err(StoreError::Conflict) => Err(Stopped::Lost),
            Err(error) => Err(error.into()),
        }
    }
}
