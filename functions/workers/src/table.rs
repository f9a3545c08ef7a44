//! The workers' rows of the table of functions, each with its queue.

use sluice::deployment::Action::{DeleteItem, GetItem, PutItem, Query, UpdateItem};
use sluice::deployment::ObjectAction::{GetObject, ListBucket, PutObject};
use sluice::deployment::{FunctionSpec, PermissionSet};
use sluice::queue::Queue;
use sluice::rings::Ring;

use crate::{BOOTSTRAP, TICK, Worker};

const DAY_SECONDS: u32 = 86_400;

/// A worker's function, its queue, and how the two are connected.
#[derive(Clone, Copy, Debug)]
pub struct WorkerSpec {
    /// The function.
    pub function: FunctionSpec,
    /// The queue it takes its messages from.
    pub queue: Queue,
    /// The most messages of one call.
    pub batch_size: u32,
    /// The most calls at once, so that no backlog takes the account's whole concurrency from the endpoints.
    pub max_concurrency: u32,
    /// How often a message is received before it goes to the dead-letter queue.
    pub max_receives: u32,
    /// How long a message is kept.
    pub retention_seconds: u32,
    /// The age of the oldest message that raises an alarm.
    pub alarm_age_seconds: u32,
    /// The local run's pollers.
    pub local: LocalPollers,
}

/// The local run's replacement for the event source mapping. It bounds the memory.
#[derive(Clone, Copy, Debug)]
pub struct LocalPollers {
    /// Calls at once.
    pub parallel: usize,
    /// The most messages of one call.
    pub batch_size: u32,
}

impl WorkerSpec {
    /// The retention of dead-letter queues: the longest that SQS offers.
    pub const DLQ_RETENTION_SECONDS: u32 = 14 * DAY_SECONDS;

    /// How long a received message stays hidden: six times as long as a call may take, as AWS advises, so that a call
    /// that was throttled can be repeated in the meantime.
    #[must_use]
    pub const fn visibility_seconds(&self) -> u32 {
        6 * self.function.timeout_seconds
    }
}

/// The permissions of every worker: routes hold encrypted secrets.
const WORKER: PermissionSet = PermissionSet { keys: &[Ring::Secrets], ..PermissionSet::NONE };

const DISPATCH: WorkerSpec = WorkerSpec {
    function: FunctionSpec {
        name: "dispatch",
        memory_mib: 1024,
        timeout_seconds: 60,
        reserved_concurrency: None,
        permissions: &PermissionSet {
            name: "Dispatch",
            events: &[GetItem],
            config: &[GetItem, Query, UpdateItem],
            receives: Some(Queue::Dispatch),
            sends: &[Queue::Deliver, Queue::Export],
            ..WORKER
        },
    },
    queue: Queue::Dispatch,
    // All that one call may hold without a batching window: matching takes milliseconds.
    batch_size: 10,
    max_concurrency: 50,
    max_receives: 10,
    retention_seconds: 14 * DAY_SECONDS,
    alarm_age_seconds: 120,
    local: LocalPollers { parallel: 2, batch_size: 10 },
};

const DELIVER: WorkerSpec = WorkerSpec {
    function: FunctionSpec {
        name: "deliver",
        memory_mib: 1024,
        timeout_seconds: 120,
        reserved_concurrency: None,
        permissions: &PermissionSet {
            name: "Deliver",
            events: &[Query, PutItem],
            config: &[GetItem, Query, PutItem, UpdateItem, DeleteItem],
            activity: &[GetItem, Query, PutItem, UpdateItem, DeleteItem],
            receives: Some(Queue::Deliver),
            sends: &[Queue::Dispatch, Queue::Deliver, Queue::Replay],
            documents: &[GetObject, PutObject, ListBucket],
            ..WORKER
        },
    },
    queue: Queue::Deliver,
    // A slow target holds its whole call: few messages a call, many calls at once.
    batch_size: 5,
    max_concurrency: 400,
    max_receives: 10,
    retention_seconds: 14 * DAY_SECONDS,
    // Delayed retries count: a delay is up to 15 minutes.
    alarm_age_seconds: 1_200,
    local: LocalPollers { parallel: 16, batch_size: 1 },
};

const EXPORT: WorkerSpec = WorkerSpec {
    function: FunctionSpec {
        name: "export",
        memory_mib: 1024,
        timeout_seconds: 120,
        reserved_concurrency: None,
        permissions: &PermissionSet {
            name: "Export",
            events: &[Query, PutItem],
            config: &[GetItem, Query, PutItem, UpdateItem],
            activity: &[GetItem, PutItem, UpdateItem],
            receives: Some(Queue::Export),
            sends: &[Queue::Dispatch, Queue::Export],
            ..WORKER
        },
    },
    queue: Queue::Export,
    // A file takes as long as its upload.
    batch_size: 1,
    max_concurrency: 50,
    max_receives: 10,
    // The next tick asks for the same file again, so a message need not live longer.
    retention_seconds: 4 * DAY_SECONDS,
    alarm_age_seconds: 900,
    local: LocalPollers { parallel: 4, batch_size: 1 },
};

const REPLAY: WorkerSpec = WorkerSpec {
    function: FunctionSpec {
        name: "replay",
        memory_mib: 1024,
        timeout_seconds: 120,
        reserved_concurrency: None,
        permissions: &PermissionSet {
            name: "Replay",
            events: &[Query],
            config: &[GetItem, Query, PutItem, UpdateItem],
            activity: &[Query, DeleteItem],
            receives: Some(Queue::Replay),
            sends: &[Queue::Deliver, Queue::Replay],
            ..WORKER
        },
    },
    queue: Queue::Replay,
    // A message is a whole backlog.
    batch_size: 1,
    max_concurrency: 50,
    max_receives: 10,
    retention_seconds: 14 * DAY_SECONDS,
    alarm_age_seconds: 900,
    local: LocalPollers { parallel: 2, batch_size: 1 },
};

const AUTOMATE: WorkerSpec = WorkerSpec {
    function: FunctionSpec {
        name: "automate",
        memory_mib: 1024,
        timeout_seconds: 120,
        reserved_concurrency: None,
        permissions: &PermissionSet {
            name: "Automate",
            events: &[Query],
            config: &[GetItem, Query],
            activity: &[GetItem, Query, PutItem, UpdateItem],
            receives: Some(Queue::Automate),
            sends: &[Queue::Automate, Queue::Deliver],
            ..WORKER
        },
    },
    queue: Queue::Automate,
    // A message is a whole run.
    batch_size: 1,
    max_concurrency: 10,
    max_receives: 10,
    retention_seconds: 14 * DAY_SECONDS,
    alarm_age_seconds: 900,
    local: LocalPollers { parallel: 2, batch_size: 1 },
};

const SYNC: WorkerSpec = WorkerSpec {
    function: FunctionSpec {
        name: "sync",
        memory_mib: 1024,
        timeout_seconds: 120,
        reserved_concurrency: None,
        permissions: &PermissionSet {
            name: "Sync",
            events: &[Query, PutItem],
            config: &[GetItem, Query, PutItem, UpdateItem, DeleteItem],
            activity: &[GetItem, Query, PutItem, UpdateItem],
            receives: Some(Queue::Sync),
            sends: &[Queue::Sync, Queue::Dispatch],
            // Files of partners become documents.
            documents: &[GetObject, PutObject, ListBucket],
            ..WORKER
        },
    },
    queue: Queue::Sync,
    // A message is a whole run.
    batch_size: 1,
    max_concurrency: 50,
    max_receives: 10,
    retention_seconds: 14 * DAY_SECONDS,
    alarm_age_seconds: 1_200,
    local: LocalPollers { parallel: 4, batch_size: 1 },
};

const TICK_FUNCTION: FunctionSpec = FunctionSpec {
    name: TICK,
    memory_mib: FunctionSpec::MEMORY_MIB,
    // It ends before the next minute's begins.
    timeout_seconds: 50,
    reserved_concurrency: None,
    permissions: &PermissionSet {
        name: "Tick",
        events: &[Query, PutItem],
        config: &[GetItem, Query, PutItem, UpdateItem, DeleteItem],
        activity: &[GetItem, Query, PutItem],
        sends: &[Queue::Dispatch, Queue::Export, Queue::Deliver, Queue::Sync],
        ..WORKER
    },
};

/// It only makes credentials, and hashes need no master key.
const BOOTSTRAP_FUNCTION: FunctionSpec = FunctionSpec {
    name: BOOTSTRAP,
    memory_mib: FunctionSpec::MEMORY_MIB,
    timeout_seconds: FunctionSpec::TIMEOUT_SECONDS,
    reserved_concurrency: None,
    permissions: &PermissionSet { name: "Bootstrap", config: &[GetItem, Query, PutItem], ..PermissionSet::NONE },
};

impl Worker {
    /// Its row.
    #[must_use]
    pub const fn spec(self) -> &'static WorkerSpec {
        match self {
            Self::Dispatch => &DISPATCH,
            Self::Deliver => &DELIVER,
            Self::Export => &EXPORT,
            Self::Replay => &REPLAY,
            Self::Automate => &AUTOMATE,
            Self::Sync => &SYNC,
        }
    }
}

/// The Lambda functions of the workers, then [`TICK`] and [`BOOTSTRAP`].
#[must_use]
pub fn functions() -> Vec<FunctionSpec> {
    let workers = Worker::ALL.iter().map(|worker| worker.spec().function);
    workers.chain([TICK_FUNCTION, BOOTSTRAP_FUNCTION]).collect()
}
