//! The tick: once a minute, has the workers look at what is due, and ends temporary routes.

use std::time::Duration;

use super::EngineError;
use super::lifecycle::stop_route;
use crate::app::App;
use crate::domain::ids::ChunkId;
use crate::domain::route::{Route, RouteStatus};
use crate::store::endings::Ending;

/// Does what is due.
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
    for ending in app.endings.all().await? {
        if now >= ending.ends_at.plus(app.settings.log_grace) {
            end(app, &ending).await?;
        }
    }
    Ok(())
}

/// Stops a temporary route that has got all of its window.
async fn end(app: &App, ending: &Ending) -> Result<(), EngineError> {
    let scope = &ending.scope;
    let route = app.routes.get(scope, ending.kind, &ending.id).await?;
    let Some(route) = route.filter(|route| route.uid == ending.route) else {
        return Ok(app.endings.forget(scope, &ending.route).await?);
    };
    if route.status == RouteStatus::Running && has_everything(app, ending, &route).await? {
        let mut route = route;
        route.finished = true; // What is still on its way to it belongs to its window, and arrives.
        stop_route(&app.routes, &app.journal, &app.ports, scope, &route, "Reached its end date.").await?;
    }
    Ok(())
}

/// Whether all of the window is in files, or on its way.
async fn has_everything(app: &App, ending: &Ending, route: &Route) -> Result<bool, EngineError> {
    if route.writes_files() {
        let cursor = app.exports.get(&ending.scope, &route.uid).await?;
        return Ok(cursor.is_none_or(|cursor| cursor.is_complete()));
    }
    if !route.ordering.is_none() {
        let progress = app.ordered.progress(&ending.scope, &route.uid).await?;
        let whole = progress.is_none_or(|p| p.lanes.is_empty() && p.cursor >= ChunkId::floor(ending.ends_at));
        if !whole {
            app.caller.call(&ending.scope, &route.uid).await?;
        }
        return Ok(whole);
    }
    let is_live = route.live_until.is_none();
    Ok(is_live && route.backlog.is_empty() && app.parked.oldest(&ending.scope, &route.uid).await?.is_empty())
}
