//! The workers: each takes the messages of one queue, or the schedule's tick, and hands them to the engine.

mod table;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use serde::{Deserialize, Serialize};
use sluice::app::App;
use sluice::deadline::Deadline;
use sluice::domain::scope::TenantId;
use sluice::engine::EngineError;
use sluice::engine::tenancy::Bootstrap;
use sluice::lambda::{bodies, failures, receipts};
use sluice::queue::Queue;
use sluice::store::StoreError;

pub use table::{LocalPollers, WorkerSpec, functions};

/// A worker that takes SQS batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worker {
    /// Matches chunks against routes.
    Dispatch,
    /// Posts events to targets.
    Deliver,
    /// Writes export files.
    Export,
    /// Sends stretches of the log.
    Replay,
    /// Carries out runs of automations.
    Automate,
    /// Carries out runs of pipelines.
    Sync,
}

impl Worker {
    /// Every one.
    pub const ALL: [Self; 6] = [Self::Dispatch, Self::Deliver, Self::Export, Self::Replay, Self::Automate, Self::Sync];

    /// The worker of that name: the `Handler` of its function.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|worker| worker.name() == name)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.spec().function.name
    }

    /// The queue it takes its messages from.
    #[must_use]
    pub const fn queue(self) -> Queue {
        self.spec().queue
    }

    /// Works on a batch until the deadline at most; the answer names the messages that are to come again, which is soon.
    pub async fn run(self, app: &App, event: &SqsEvent, deadline: Deadline) -> SqsBatchResponse {
        let messages = bodies(event);
        let failed = match self {
            Self::Dispatch => app.engine.dispatcher.run(&messages).await,
            Self::Deliver => app.engine.deliverer.run(&messages, deadline).await,
            Self::Export => app.engine.export.run(&messages, deadline).await,
            Self::Replay => app.engine.replay.run(&messages, deadline).await,
            Self::Automate => app.engine.automations.run(&messages, deadline).await,
            Self::Sync => app.engine.runner.run(&messages, deadline).await,
        };
        if !failed.is_empty() {
            app.queues.release(self.queue(), &receipts(event, &failed)).await;
        }
        failures(event, &failed)
    }
}

/// The name of the worker that the schedule calls.
pub const TICK: &str = "tick";

/// The work of every minute.
///
/// # Errors
/// [`EngineError`]; the next tick tries again.
pub async fn tick(app: &App, deadline: Deadline) -> Result<(), EngineError> {
    app.engine.tick.run(deadline).await
}

/// The name of the function that makes an operator's tenant; it is invoked by hand, never over HTTP.
pub const BOOTSTRAP: &str = "admin.bootstrap";

/// The input of [`BOOTSTRAP`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootstrapRequest {
    /// The operator's tenant.
    pub tenant: TenantId,
}

/// The output of [`BOOTSTRAP`].
#[derive(Debug, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum BootstrapAnswer {
    /// A client with every scope; its secret is in this answer and in no other.
    Created {
        /// The operator's tenant.
        tenant: TenantId,
        /// The client.
        client_id: String,
        /// Its secret.
        client_secret: String,
    },
    /// The tenant has an admin already: nothing was made.
    Exists {
        /// The operator's tenant.
        tenant: TenantId,
    },
    /// The tenant is, or was, one that the operator made: nothing was made.
    NotAnOperator {
        /// The tenant.
        tenant: TenantId,
    },
}

/// Makes an operator's tenant and its first client.
///
/// # Errors
/// [`StoreError`].
pub async fn bootstrap(app: &App, request: &BootstrapRequest) -> Result<BootstrapAnswer, StoreError> {
    let tenant = request.tenant.clone();
    Ok(match app.engine.tenancy.bootstrap(&tenant).await? {
        Bootstrap::Made(client_id, secret) => {
            BootstrapAnswer::Created { tenant, client_id, client_secret: secret.to_string() }
        }
        Bootstrap::Exists => BootstrapAnswer::Exists { tenant },
        Bootstrap::NotAnOperator => BootstrapAnswer::NotAnOperator { tenant },
    })
}
