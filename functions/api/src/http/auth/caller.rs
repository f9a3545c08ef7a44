//! A caller whose credentials were accepted.

use http::StatusCode;
use sluice::domain::credentials::{Permissions, SecretId};
use sluice::domain::scope::Scope;

use crate::http::problem::Problem;

/// A caller with valid credentials.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whose data the request is about.
    pub scope: Scope,
    /// The client or key, for the audit log.
    pub actor: String,
    /// Which of its secrets was presented, unless an older version's token does not say.
    pub secret: Option<SecretId>,
    /// Its scopes.
    pub permissions: Permissions,
    /// Whether its tenant is an operator's.
    pub operator: bool,
    /// Its tenant's own quota.
    pub events_per_day: Option<u64>,
}

impl Caller {
    /// Checks that it has all of these scopes itself: a caller cannot grant a scope it lacks.
    ///
    /// # Errors
    /// 403 `insufficient_scope`, naming what it lacks.
    pub fn may_grant(&self, scopes: &Permissions) -> Result<(), Problem> {
        let lacking = self.permissions.lacking(scopes);
        if lacking.is_empty() { Ok(()) } else { Err(insufficient_scope(&lacking.to_string())) }
    }
}

/// 403, naming the scope.
pub(super) fn insufficient_scope(scope: &str) -> Problem {
    let message = format!("These credentials lack the scope {scope}.");
    let problem = Problem::new(StatusCode::FORBIDDEN, "insufficient_scope", message);
    problem.detail(serde_json::json!({ "scope": scope }))
}
