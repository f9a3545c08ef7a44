//! A route's life: made, started, stopped, deleted, with the seams between its ways of getting events.

use std::time::Duration;

use super::EngineError;
use crate::app::App;
use crate::domain::export::{Cursor, Position};
use crate::domain::integration::{LogAction, MAX_INTEGRATIONS};
use crate::domain::route::{MAX_GAP, Route, RouteKind, RouteStatus, Span};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::ports::Ports;
use crate::queue::{Outgoing, Queue, ReplayMessage};
use crate::store::StoreError;
use crate::store::endings::Ending;
use crate::store::journal::Journal;
use crate::store::letters::Fate;
use crate::store::routes::{CreateError, Routes};

/// How far ahead a route's first live moment is set. The answer waits for it, so whatever is published after the
/// answer comes live; and the write is durable before it, so no dispatcher can miss the route.
pub(super) const SEAM: Duration = Duration::from_millis(150);
/// How often a write is tried again after somebody else's.
const TRIES: usize = 8;

/// Makes a route that runs from `starts_at` on, or from now.
///
/// # Errors
/// [`CreateError`], or the engine's.
pub async fn create(app: &App, scope: &Scope, mut route: Route, starts_at: Option<Millis>) -> Result<Route, LifeError> {
    let live_from = app.ports.now().plus(SEAM);
    (route.origin, route.live_from) = (live_from, live_from);
    route.integration.starts_at = starts_at.unwrap_or(live_from);
    if let Some(start) = starts_at.filter(|_| !route.writes_files()) {
        route.origin = live_from.max(start);
        route.live_from = route.origin;
        if !route.has_cursor() {
            let end = route.integration.ends_at.map_or(live_from, |end| end.min(live_from));
            route.backlog.extend(Span::between(oldest(app, start), end));
            if !route.backlog.is_empty() {
                route.hold_live();
            }
        }
    }
    if !route.ordering.is_none() {
        app.ordered.create(scope, &route.uid, oldest(app, route.integration.starts_at)).await?;
    }
    if let Err(error) = app.routes.create(scope, &route, MAX_INTEGRATIONS).await {
        if !route.ordering.is_none() {
            app.ordered.delete(scope, &route.uid).await?;
        }
        return Err(error.into());
    }
    if let Some(ends_at) = route.integration.ends_at {
        let (scope, id, uid) = (scope.clone(), route.id.clone(), route.uid.clone());
        app.endings.note(&Ending { scope, kind: route.kind, id, route: uid, ends_at }).await?;
    }
    if route.writes_files() {
        let cursor = Cursor {
            scope: scope.clone(),
            route: route.uid.clone(),
            route_id: route.id.clone(),
            from: Position::at(oldest(app, route.integration.starts_at)),
            closed_at: app.ports.now(),
            ends_at: route.integration.ends_at,
            plan: None,
            revision: 1,
        };
        app.exports.create(&cursor).await?;
    }
    app.journal.note(scope, &route.uid, LogAction::IntegrationStarted, "Registered.", app.ports.now()).await?;
    Ok(go_live(app, scope, route).await?)
}

/// What is older than the log keeps cannot be sent.
fn oldest(app: &App, start: Millis) -> Millis {
    start.max(app.ports.now().minus(app.settings.log_retention))
}

/// Starts a route; what it missed comes by replay. `None` where there is no such route.
///
/// # Errors
/// [`EngineError`].
pub async fn start(app: &App, scope: &Scope, kind: RouteKind, id: &str) -> Result<Option<Route>, EngineError> {
    for _ in 0..TRIES {
        let Some(mut route) = app.routes.get(scope, kind, id).await? else { return Ok(None) };
        let (now, stopped_at) = (app.ports.now(), route.live_until);
        if !route.start(now, now.plus(SEAM)) {
            return Ok(Some(route));
        }
        match app.routes.update(scope, &mut route).await {
            Err(StoreError::Conflict) => continue,
            other => other?,
        }
        if route.writes_files() {
            forget_old_gap(app, scope, &route, now).await?;
        }
        if !route.ordering.is_none() && stopped_at.is_some_and(|at| now.since(at) > MAX_GAP) {
            app.ordered.create(scope, &route.uid, now).await?;
        }
        app.journal.note(scope, &route.uid, LogAction::IntegrationStarted, "Started by request.", now).await?;
        return go_live(app, scope, route).await.map(Some);
    }
    Err(StoreError::Conflict.into())
}

/// A gap that is too old does not come any more: the next file begins now.
async fn forget_old_gap(app: &App, scope: &Scope, route: &Route, now: Millis) -> Result<(), EngineError> {
    let Some(mut cursor) = app.exports.get(scope, &route.uid).await? else { return Ok(()) };
    if now.since(cursor.from.chunk.at()) > MAX_GAP && now.since(cursor.closed_at) > MAX_GAP {
        (cursor.from, cursor.plan, cursor.closed_at) = (Position::at(now), None, now);
        app.exports.update(&mut cursor).await?;
    }
    Ok(())
}

/// Has replay send a stretch of the log to a route once more, marked as a replay. `None` where there is no such route.
///
/// # Errors
/// [`EngineError`].
pub async fn recover(
    app: &App,
    scope: &Scope,
    kind: RouteKind,
    id: &str,
    (from, to): (Millis, Millis),
) -> Result<Option<Route>, EngineError> {
    for _ in 0..TRIES {
        let Some(mut route) = app.routes.get(scope, kind, id).await? else { return Ok(None) };
        let span = Span::between(oldest(app, from), to).map(|span| Span { again: true, ..span });
        route.backlog.extend(span);
        match app.routes.update(scope, &mut route).await {
            Err(StoreError::Conflict) => continue,
            other => other?,
        }
        let reason = format!("Everything logged from {from} to {to} is sent again.");
        app.journal.note(scope, &route.uid, LogAction::RecoveryStarted, &reason, app.ports.now()).await?;
        let message = ReplayMessage::of(scope, &route.uid);
        app.queues.send(Queue::Replay, vec![Outgoing::json(&message, Duration::ZERO)?]).await?;
        return Ok(Some(route));
    }
    Err(StoreError::Conflict.into())
}

/// Waits for the route's first live moment, and has replay send what lies before it.
async fn go_live(app: &App, scope: &Scope, route: Route) -> Result<Route, EngineError> {
    if !route.ordering.is_none() {
        app.caller.begin(scope, &route.uid).await?;
    } else if !route.writes_files() {
        let message = ReplayMessage::of(scope, &route.uid);
        app.queues.send(Queue::Replay, vec![Outgoing::json(&message, Duration::ZERO)?]).await?;
    }
    // A window that begins later is not waited for.
    app.ports.wait_until(route.live_from.min(app.ports.now().plus(SEAM))).await;
    Ok(route)
}

/// Stops a route, and waits for its last live moment: whatever is published after that waits in the log, and whoever is
/// sending to it has seen that it stopped. `None` where there is no such route.
///
/// # Errors
/// [`EngineError`].
pub async fn stop(app: &App, scope: &Scope, kind: RouteKind, id: &str) -> Result<Option<Route>, EngineError> {
    let Some(route) = app.routes.get(scope, kind, id).await? else { return Ok(None) };
    let stopped = stop_route(&app.routes, &app.journal, &app.ports, scope, &route, "Stopped by request.").await?;
    let_go(app, &route).await;
    Ok(stopped)
}

/// Waits until whoever is sending to a route that was not stopped has seen that it is.
async fn let_go(app: &App, before: &Route) {
    if before.status != RouteStatus::Stopped {
        app.ports.wait_until(app.ports.now().plus(SEAM)).await;
    }
}

/// Stops a route as read, or as it has become since; `None` where it is gone.
///
/// # Errors
/// [`EngineError`].
pub async fn stop_route(
    routes: &Routes,
    journal: &Journal,
    ports: &Ports,
    scope: &Scope,
    route: &Route,
    reason: &str,
) -> Result<Option<Route>, EngineError> {
    let mut route = route.clone();
    for _ in 0..TRIES {
        let now = ports.now();
        if !route.stop(now, now.plus(SEAM)) {
            return Ok(Some(route));
        }
        match routes.update(scope, &mut route).await {
            Ok(()) => {
                journal.note(scope, &route.uid, LogAction::IntegrationStopped, reason, now).await?;
                return Ok(Some(route));
            }
            Err(StoreError::Conflict) => match routes.get(scope, route.kind, &route.id).await? {
                Some(newer) if newer.uid == route.uid => route = Route { finished: route.finished, ..newer },
                _ => return Ok(None),
            },
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

/// Deletes a route and all that belongs to it; `false` where there is none.
///
/// # Errors
/// [`EngineError`].
pub async fn delete(app: &App, scope: &Scope, kind: RouteKind, id: &str) -> Result<bool, EngineError> {
    for _ in 0..TRIES {
        let Some(route) = app.routes.get(scope, kind, id).await? else { return Ok(false) };
        match app.routes.delete(scope, &route).await {
            Err(StoreError::Conflict) => continue,
            other => other?,
        }
        // Then they write nothing more about it either.
        let_go(app, &route).await;
        app.endings.forget(scope, &route.uid).await?;
        app.exports.delete(scope, &route.uid).await?;
        app.ordered.delete(scope, &route.uid).await?;
        app.letters.clear(scope, Fate::Rejected, &route.uid).await?;
        app.letters.clear(scope, Fate::Dead, &route.uid).await?;
        app.parked.clear(scope, &route.uid).await?;
        app.journal.clear(scope, &route.uid).await?;
        return Ok(true);
    }
    Err(StoreError::Conflict.into())
}

/// Why a route could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LifeError {
    /// The id is taken, or there are too many.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for LifeError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}
