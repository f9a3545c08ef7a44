//! The layer in front of every operation that changes something: authentication, `Idempotency-Key`, the audit log.
//!
//! An endpoint gets all of it by asking for credentials: the router puts this layer there.

use axum::extract::{FromRequestParts as _, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use sluice::ports::Ports;
use sluice::store::audit::AuditLog;

use super::audit::{Changed, Deed};
use super::auth::Caller;
use super::idempotency::{self, Once};
use super::problem::Problem;
use crate::state::Api;

/// Operations that are data and not administration: the event log, the transaction and the consumer's position are
/// their record.
const NOT_AUDITED: [&str; 4] = ["events.publish", "consumers.ack", "inbound.receive", "documents.create"];

/// One guarded operation.
#[derive(Clone)]
pub(crate) struct Guard {
    api: Api,
    operation: &'static str,
}

impl Guard {
    /// The guard of the operation of that id.
    #[must_use]
    pub(crate) fn new(api: Api, operation: &'static str) -> Self {
        Self { api, operation }
    }
}

/// The layer.
///
/// # Errors
/// 401, and what [`idempotency`] refuses.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Result<Response, Problem> {
    if request.method().is_safe() {
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, &guard.api).await?;
    let deed = if NOT_AUDITED.contains(&guard.operation) {
        None
    } else {
        let path = RawPathParams::from_request_parts(&mut parts, &guard.api).await;
        Some(Deed::new(&parts, &caller, guard.operation, path.ok()))
    };
    let key = if parts.method == Method::POST { idempotency::key(&parts.headers)? } else { None };
    let request = Request::from_parts(parts, body);
    let app = guard.api.app();
    let (log, ports) = (app.stores.audit.clone(), app.ports.clone());
    let carry_out = move |request| carry_out(request, next, deed, (log, ports));
    match key {
        None => Ok(carry_out(request).await),
        Some(key) => Once::new(app, caller, &key).run(request, carry_out).await,
    }
}

/// A refusal changes nothing, unless it says so.
fn has_changed(response: &Response) -> bool {
    response.status().is_success() || response.extensions().get::<Changed>().is_some()
}

async fn carry_out(request: Request, next: Next, deed: Option<Deed>, (log, ports): (AuditLog, Ports)) -> Response {
    let response = next.run(request).await;
    match deed {
        Some(deed) if has_changed(&response) => deed.record(&log, ports.now(), response).await,
        _ => response,
    }
}
