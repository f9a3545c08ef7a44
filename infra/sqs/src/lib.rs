//! A small durable SQS server: the AWS JSON 1.0 protocol over one SQLite file.
//!
//! One thread owns the database. It takes everything that waits, runs it in one transaction, commits,
//! and only then answers: what a caller was told is on disk, and one `fsync` serves many callers.
//!
//! Standard queues only. Not kept from AWS: the 60-second pauses after `PurgeQueue` and `DeleteQueue`,
//! tags, permissions, message system attributes, and the check of request signatures.

mod attributes;
mod clock;
mod config;
mod fault;
mod http;
mod messages;
mod operations;
mod receipt;
mod reply;
mod stopped;
mod tables;
mod waiters;
mod writer;

#[cfg(test)]
mod time_tests;

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::sync::oneshot;

pub use stopped::{redrive, release_in_flight};

/// The region in every queue's ARN.
pub const REGION: &str = "us-east-1";
/// The account in every queue's ARN and URL.
pub const ACCOUNT: &str = "000000000000";

/// How long open requests may take to end once `shutdown` has resolved.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// Why the server could not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be opened: not writable, damaged, or held by another server.
    #[error("the queue database cannot be opened: {0}")]
    Database(#[from] rusqlite::Error),
    /// The listener failed, or the writer's thread could not be started.
    #[error("the queue server failed: {0}")]
    Io(#[from] std::io::Error),
    /// The writer's thread ended by a panic; what it had answered is on disk.
    #[error("the queue writer stopped unexpectedly")]
    Writer,
}

/// Serves SQS on `listener` from the database at `db_path` until `shutdown` resolves.
///
/// Long polls are answered empty at shutdown, other requests are finished, and the database is closed
/// before this returns, so that the next server can open it.
///
/// # Errors
/// When the database cannot be opened, or the listener or the writer fails.
pub async fn serve(
    listener: tokio::net::TcpListener,
    db_path: &Path,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let (store, writer) = writer::start(db_path.to_owned()).await?;
    let (stopping, stopped) = oneshot::channel::<()>();
    let draining = store.clone();
    let shutdown = async move {
        shutdown.await;
        draining.drain().await;
        // Fails only where `serve` itself is gone.
        let _ = stopping.send(());
    };
    // Without TCP_NODELAY an answer in two segments waits 40 ms for the client's delayed ACK.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
    });
    let server = axum::serve(listener, http::router(store)).with_graceful_shutdown(shutdown);
    let cut = async move {
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(DRAIN_LIMIT).await;
    };
    let served = tokio::select! {
        served = server.into_future() => served,
        () = cut => Ok(()),
    };
    writer.stop().await?;
    Ok(served?)
}
