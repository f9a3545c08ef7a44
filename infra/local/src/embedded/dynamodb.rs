//! The embedded DynamoDB: dynoxide over one SQLite file.

use std::path::Path;
use std::time::Duration;

use dynoxide::Database;
use tokio::net::TcpListener;

use super::Stop;
use crate::StartError;

/// How often items past their time to live are removed.
const SWEEP: Duration = Duration::from_secs(3_600);

/// Opens the database.
pub(super) fn open(path: &Path) -> Result<Database, StartError> {
    Database::new(&path.to_string_lossy()).map_err(|e| StartError::new(path.display(), e))
}

/// Serves it until `stop` resolves.
pub(super) async fn serve(listener: TcpListener, database: Database, stop: Stop) -> Result<(), String> {
    let sweeper = tokio::spawn(sweep(database.clone()));
    let served = dynoxide::server::serve_with_shutdown(listener, database, stop).await;
    sweeper.abort();
    served
}

async fn sweep(database: Database) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let database = database.clone();
        let swept = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
        match swept {
            Ok(Ok(items)) => tracing::debug!(items, "items past their time to live are gone"),
            Ok(Err(error)) => tracing::warn!(%error, "items past their time to live could not be removed"),
            Err(error) => tracing::warn!(%error, "the sweep was interrupted"),
        }
    }
}
