//! The part that API clients and API keys share: request bodies, checks, storage.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use sluice::domain::credentials::{Credential, CredentialKind, Grant, Permission, Permissions};
use sluice::domain::label::{PLAIN, is_label};
use sluice::domain::time::Millis;
use sluice::engine::credentials::{IssueError, Issuer, MAX_CREDENTIALS, Rotated};

use crate::http::auth::Caller;
use crate::http::problem::{FieldError, Problem};

/// The most characters of a name for people.
const MAX_NAME: usize = 100;
/// How long a rotated secret is good where the request does not say.
const GRACE_SECONDS: u32 = 86_400;
/// The longest that a rotated secret can be kept good.
const MAX_GRACE_SECONDS: u32 = 30 * 86_400;

/// A client or key to create.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "erp", "scopes": ["events:write"], "expires_at": "2099-01-01T00:00:00.000Z"}))]
pub(crate) struct NewCredential {
    /// For people: 1 to 100 characters.
    #[schema(example = "erp", min_length = 1, max_length = 100)]
    name: String,
    /// Its scopes; the caller must have all of them.
    #[schema(example = json!(["events:write"]), min_items = 1)]
    scopes: Vec<Permission>,
    /// The time from which it is refused; never if missing.
    #[serde(default)]
    expires_at: Option<Millis>,
}

/// Options of a rotation.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"grace_seconds": 3600}))]
pub(crate) struct Rotation {
    /// How long the old secret stays valid, in seconds: 0 to 2592000; default a day.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 2_592_000)]
    grace_seconds: Option<u32>,
}

/// The error of a display name.
pub(crate) fn name_fault(name: &str) -> Option<FieldError> {
    let fits = (1..=MAX_NAME).contains(&name.chars().count()) && !name.trim().is_empty();
    let message = || format!("must be 1 to 100 characters, not all blank, {PLAIN}");
    (!fits || !is_label(name)).then(|| FieldError::new("/name", message()))
}

impl NewCredential {
    fn faults(&self, now: Millis) -> Vec<FieldError> {
        let mut faults: Vec<FieldError> = name_fault(&self.name).into_iter().collect();
        if self.scopes.is_empty() {
            faults.push(FieldError::new("/scopes", "must name at least one scope"));
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            faults.push(FieldError::new("/expires_at", "must be in the future"));
        }
        faults
    }
}

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::LimitReached => {
                let message = format!("There are {MAX_CREDENTIALS} of these already, which is the limit.");
                Self::bad_request("credential_limit_exceeded", message)
            }
            IssueError::NotActive => {
                let message = "The credential is revoked or expired.";
                Self::new(StatusCode::CONFLICT, "credential_not_active", message)
            }
            IssueError::Store(error) => error.into(),
        }
    }
}

/// Makes a credential of the caller's tenant; gives it with its secret.
pub(crate) async fn issue(
    issuer: &Issuer,
    caller: &Caller,
    kind: CredentialKind,
    request: NewCredential,
) -> Result<(Credential, String), Problem> {
    let faults = request.faults(issuer.now());
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let scopes: Permissions = request.scopes.into_iter().collect();
    caller.may_grant(&scopes)?;
    let tenant = caller.scope.tenant.clone();
    let grant = Grant { kind, tenant, name: request.name, scopes, ends_at: request.expires_at };
    let (credential, secret) = issuer.issue(grant).await?;
    Ok((credential, secret.to_string()))
}

/// The caller's credential of that kind and id.
pub(crate) async fn find(
    issuer: &Issuer,
    caller: &Caller,
    kind: CredentialKind,
    id: &str,
) -> Result<Credential, Problem> {
    issuer.get(&caller.scope.tenant, kind, id).await?.ok_or_else(Problem::not_found)
}

/// Gives a credential a new secret.
pub(crate) async fn rotate(
    issuer: &Issuer,
    caller: &Caller,
    credential: Credential,
    rotation: &Rotation,
) -> Result<Rotated, Problem> {
    let grace = rotation.grace_seconds.unwrap_or(GRACE_SECONDS);
    if grace > MAX_GRACE_SECONDS {
        return Err(Problem::field("/grace_seconds", format!("must be 0 to {MAX_GRACE_SECONDS}")));
    }
    // The caller of a rotation gets the credential's new secret.
    caller.may_grant(&credential.scopes)?;
    Ok(issuer.rotate(credential, Duration::from_secs(grace.into())).await?)
}

/// Deletes the caller's credential of that kind and id.
pub(crate) async fn delete(
    issuer: &Issuer,
    caller: &Caller,
    kind: CredentialKind,
    id: &str,
) -> Result<StatusCode, Problem> {
    let credential = find(issuer, caller, kind, id).await?;
    issuer.delete(&credential).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A response with a secret in it, which must not be cached.
pub(crate) fn secret_answer(status: StatusCode, body: impl Serialize) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
