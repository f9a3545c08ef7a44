//! The tick: once a minute, has the workers look at what is due.

use std::time::Duration;

use super::EngineError;
use crate::app::App;

/// Sends a message for each export that is due.
///
/// # Errors
/// [`EngineError`]; the next tick tries again.
pub async fn run(app: &App) -> Result<(), EngineError> {
    let now = app.ports.now();
    for cursor in app.exports.all().await? {
        if cursor.is_due(now, app.settings.export_interval, app.settings.log_grace) {
            app.exporter.ask(&cursor.scope, &cursor.route, Duration::ZERO).await?;
        }
    }
    Ok(())
}
