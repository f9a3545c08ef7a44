//! Audit log entries of requests that changed something.

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::RawPathParams;
use axum::response::{IntoResponse as _, Response};
use http::header;
use http::request::Parts;
use serde_json::{Map, Value};
use sluice::domain::scope::Scope;
use sluice::domain::time::Millis;
use sluice::store::audit::{AuditEntry, AuditLog};

use super::auth::Caller;
use super::layers::RequestId;
use super::problem::Problem;

/// The source address of a request, put into its extensions by the server: the peer of the connection, never a header,
/// which a client can forge.
#[derive(Clone, Debug)]
pub struct SourceIp(pub String);

/// Further facts for the audit log: a handler gives them with its answer, as an [`Extension`]. No secrets.
#[derive(Clone, Debug)]
pub struct AuditDetails(pub Map<String, Value>);

/// Marks an error that has changed something all the same: it is recorded as well.
#[derive(Clone, Copy, Debug)]
pub struct Changed;

/// Another scope that a request has changed: its audit log has the entry too. A handler gives it with its answer.
#[derive(Clone, Debug)]
pub struct AlsoIn(pub Scope);

/// An answer and its further facts.
pub fn with<T>(answer: T, details: impl IntoIterator<Item = (&'static str, Value)>) -> (Extension<AuditDetails>, T) {
    let details = details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    (Extension(AuditDetails(details)), answer)
}

/// The change that a request is about to make.
pub struct Deed {
    scope: Scope,
    actor: String,
    operation: &'static str,
    /// The parts of the path, the most specific last.
    path: Vec<(String, String)>,
    request_id: Option<String>,
    source_ip: Option<String>,
}

impl Deed {
    /// The change that the caller's request is about to make.
    #[must_use]
    pub fn new(parts: &Parts, caller: &Caller, operation: &'static str, path: Option<RawPathParams>) -> Self {
        let path = path.iter().flatten().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self {
            scope: caller.scope.clone(),
            actor: caller.actor.clone(),
            operation,
            path,
            request_id: parts.extensions.get::<RequestId>().map(|id| id.0.clone()),
            source_ip: parts.extensions.get::<SourceIp>().map(|ip| ip.0.clone()),
        }
    }

    /// Records that it was done. The entry is durable before the answer goes out; where that cannot be, the answer is
    /// 503, and the process's log has the entry.
    pub async fn record(self, log: &AuditLog, now: Millis, response: Response) -> Response {
        let Ok((named, response)) = named_in(response).await else {
            return Problem::internal(&"an answer that cannot be read").into_response();
        };
        let more = response.extensions().get::<AuditDetails>().map(|AuditDetails(more)| more.clone());
        let also = response.extensions().get::<AlsoIn>().map(|AlsoIn(scope)| scope.clone());
        match self.write(log, now, (named, more.unwrap_or_default()), also).await {
            Ok(()) => response,
            Err(problem) => problem.into_response(),
        }
    }

    /// Writes the entry, in another scope too if it is to; it is about what the path names, or else `named`.
    ///
    /// # Errors
    /// 503 if it cannot be written; then the process's log has it.
    pub async fn write(
        self,
        log: &AuditLog,
        now: Millis,
        (named, more): (Option<String>, Map<String, Value>),
        also: Option<Scope>,
    ) -> Result<(), Problem> {
        let Self { scope, actor, operation, mut path, request_id, source_ip } = self;
        let entity_id = path.pop().map(|(_, value)| value).or(named).unwrap_or_default();
        let text = |(name, value): (String, String)| (name, Value::String(value));
        let mut details: Map<String, Value> = path.into_iter().map(text).collect();
        details.extend(request_id.map(|id| ("request_id".to_owned(), Value::String(id))));
        details.extend(more);
        let entry = AuditEntry {
            id: log.new_id(),
            time: now,
            actor,
            action: operation.to_owned(),
            entity_type: entity_type(operation).to_owned(),
            entity_id,
            details,
            source_ip,
        };
        for scope in [scope].into_iter().chain(also) {
            log.add(&scope, &entry).await.inspect_err(|_| {
                tracing::error!(%scope, ?entry, "done, but not in the audit log");
            })?;
        }
        Ok(())
    }
}

/// `integrations.create` is about an integration.
fn entity_type(operation: &str) -> &str {
    let resource = operation.rsplit_once('.').map_or(operation, |(resource, _)| resource);
    resource.strip_suffix('s').unwrap_or(resource)
}

/// The id of what an answer shows, and the answer.
async fn named_in(response: Response) -> Result<(Option<String>, Response), axum::Error> {
    let json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !json {
        return Ok((None, response));
    }
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await?;
    let id = serde_json::from_slice(&bytes).ok().and_then(|shown| id_of(&shown));
    Ok((id, Response::from_parts(parts, Body::from(bytes))))
}

/// `id`, or the first field that is called an id of something; a bare string is one itself.
fn id_of(shown: &Value) -> Option<String> {
    let fields = match shown {
        Value::String(id) => return Some(id.clone()),
        other => other.as_object()?,
    };
    let id = fields.get("id").or_else(|| {
        let named = |name: &&String| name.ends_with("_id") || name.ends_with("Id");
        fields.keys().find(named).and_then(|name| fields.get(name))
    });
    id?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_operation_is_about() {
        assert_eq!(entity_type("integrations.create"), "integration");
        assert_eq!(entity_type("webhooks.subscriptions.rotate"), "webhooks.subscription");
        assert_eq!(entity_type("dlq.replay"), "dlq");
        assert_eq!(id_of(&json!({"name": "x", "id": "a"})).as_deref(), Some("a"));
        assert_eq!(id_of(&json!({"client_id": "c", "secret": "s"})).as_deref(), Some("c"));
        assert_eq!(id_of(&json!("guid")).as_deref(), Some("guid"));
        assert_eq!(id_of(&json!({"name": "x"})), None);
    }
}
