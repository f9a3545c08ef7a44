//! The embedded DynamoDB: dynoxide over one SQLite file.
//!
//! Requests are read, and answers written, where they are asked for. One thread owns the database: SQLite blocks, and
//! must not hold up the handlers. Another waits for the disk.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use dynoxide::{Database, DynoxideError};
use http::{HeaderValue, Response, StatusCode, header};
use rusqlite::Connection;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use sluice::store::STORAGE_FULL;
use sluice_sqs::space::{self, Shrinker};
use tokio::sync::oneshot;

use super::syncer::{Reply, Syncer};
use super::{in_process, thread};
use crate::StartError;

/// How often items past their time to live are removed.
const SWEEP: Duration = Duration::from_secs(3_600);

pub(super) const HOST: &str = "dynamodb.invalid";

/// An open database, and the thread that owns it.
pub(super) struct Server {
    commands: mpsc::Sender<Command>,
    thread: JoinHandle<()>,
}

/// The SDK's way to a [`Server`], which may have been stopped meanwhile.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    commands: mpsc::Sender<Command>,
}

/// Gives the answer that waits for the disk, if it does.
type Work = Box<dyn FnOnce(&Database) -> Option<Reply> + Send>;

enum Command {
    Run(Work),
    Stop,
}

impl Server {
    /// Opens the database, and makes it where there is none.
    pub(super) fn open(path: &Path) -> Result<Self, StartError> {
        let fail = |e: &dyn std::fmt::Display| StartError::new(path.display(), e);
        let keeper = Connection::open(path).map_err(|e| fail(&e))?;
        space::prepare(&keeper);
        let database = Database::new(&path.to_string_lossy()).map_err(|e| fail(&e))?;
        // Commits wait for no disk: see `syncer`.
        database.disable_bulk_loading().map_err(|e| fail(&e))?;
        let syncer = Syncer::start(path)?;
        let (commands, received) = mpsc::channel();
        let (sweeping, stopped) = mpsc::channel();
        let swept = database.clone();
        let sweeper = thread("dynamodb-ttl", move || sweep(&swept, &stopped))?;
        let thread = thread("dynamodb", move || {
            let mut shrinker = Shrinker::default();
            loop {
                match received.recv_timeout(shrinker.next().saturating_duration_since(Instant::now())) {
                    Ok(Command::Run(work)) => {
                        if let Some(reply) = work(&database) {
                            syncer.reply(reply);
                        }
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                }
                shrinker.turn(&keeper);
            }
            drop(sweeping);
            if !syncer.stop() | sweeper.join().is_err() {
                tracing::error!("a thread of the embedded DynamoDB has panicked");
            }
        })?;
        Ok(Self { commands, thread })
    }

    pub(super) fn connector(&self) -> Connector {
        Connector { commands: self.commands.clone() }
    }

    /// Finishes what was asked before, and returns once the file is closed; `false` where its thread has panicked.
    pub(super) fn stop(self) -> bool {
        // Fails only where the thread has ended.
        let _ = self.commands.send(Command::Stop);
        self.thread.join().is_ok()
    }
}

fn sweep(database: &Database, stopped: &mpsc::Receiver<()>) {
    while stopped.recv_timeout(SWEEP) == Err(RecvTimeoutError::Timeout) {
        match database.sweep_ttl() {
            Ok(items) => tracing::debug!(items, "items past their time to live are gone"),
            Err(error) => tracing::warn!(%error, "items past their time to live could not be removed"),
        }
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = self.clone();
        HttpConnectorFuture::new(async move {
            let (target, body) = in_process::parts(&request)?;
            in_process::response(connector.answer(target, body).await)
        })
    }
}

macro_rules! operations {
    (
        $connector:ident, $operation:ident, $body:ident,
        reads: {$($read:literal: $reading:ident),+ $(,)?},
        writes: {$($write:literal: $writing:ident),+ $(,)?} $(,)?
    ) => {
        match $operation {
            $($read => $connector.run($body, false, Database::$reading).await,)+
            $($write => $connector.run($body, true, Database::$writing).await,)+
            _ => Err(DynoxideError::ValidationException(format!("The operation {} is not served.", $operation))),
        }
    };
}

impl Connector {
    /// Answers a request. Dropped before it is done, it may still take effect.
    async fn answer(&self, target: &str, body: &[u8]) -> Response<Vec<u8>> {
        let operation = target.strip_prefix("DynamoDB_20120810.").unwrap_or_default();
        let answer = operations!(self, operation, body,
            reads: {
                "GetItem": get_item,
                "Query": query,
                "Scan": scan,
                "BatchGetItem": batch_get_item,
                "TransactGetItems": transact_get_items,
                "DescribeTable": describe_table,
                "ListTables": list_tables,
                "DescribeTimeToLive": describe_time_to_live,
            },
            writes: {
                "PutItem": put_item,
                "UpdateItem": update_item,
                "DeleteItem": delete_item,
                "BatchWriteItem": batch_write_item,
                "TransactWriteItems": transact_write_items,
                "CreateTable": create_table,
                "UpdateTimeToLive": update_time_to_live,
            },
        );
        let (status, body) = match answer {
            Ok(body) => (StatusCode::OK, body),
            Err(error) if is_full(&error) => {
                let full = json!({"__type": STORAGE_FULL, "message": "The disk is full."});
                // No status that a client takes for a moment's failure: it is not worth another attempt at once.
                (StatusCode::INSUFFICIENT_STORAGE, full.to_string().into_bytes())
            }
            Err(error) => {
                let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                (status, error.to_json().into_bytes())
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let content_type = HeaderValue::from_static("application/x-amz-json-1.0");
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        response
    }

    async fn run<Q, A>(
        &self,
        body: &[u8],
        is_write: bool,
        operation: fn(&Database, Q) -> dynoxide::Result<A>,
    ) -> dynoxide::Result<Vec<u8>>
    where
        Q: DeserializeOwned + Send + 'static,
        A: Serialize + Send + 'static,
    {
        let request: Q = serde_json::from_slice(body).map_err(|e| unreadable(&e))?;
        let (answer, answered) = oneshot::channel();
        let work = move |database: &Database| -> Option<Reply> {
            // Whoever has gone meanwhile will try again, or has given up.
            if answer.is_closed() {
                return None;
            }
            let done = operation(database, request);
            let waits = is_write && done.is_ok();
            let reply = move || drop(answer.send(done));
            if waits {
                return Some(Box::new(reply));
            }
            reply();
            None
        };
        self.commands.send(Command::Run(Box::new(work))).map_err(|_| stopped())?;
        let answer = answered.await.map_err(|_| stopped())??;
        serde_json::to_vec(&answer).map_err(|e| DynoxideError::InternalServerError(e.to_string()))
    }
}

/// Whether an error says that the disk is full; dynoxide may have put SQLite's into words.
fn is_full(error: &DynoxideError) -> bool {
    match error {
        DynoxideError::SqliteError(error) => space::is_full(error),
        DynoxideError::InternalServerError(message) => message.contains("database or disk is full"),
        _ => false,
    }
}

/// The types of dynoxide's requests check more than their form, and mark what they find.
fn unreadable(error: &serde_json::Error) -> DynoxideError {
    let error = error.to_string();
    DynoxideError::ValidationException(error.strip_prefix("VALIDATION:").unwrap_or(&error).to_owned())
}

fn stopped() -> DynoxideError {
    DynoxideError::InternalServerError("The database was stopped.".to_owned())
}
