//! URLs that a user gives: checked as text, and by what their name resolves to, before they are stored.

use std::time::Duration;

use url::Url;

use super::body::pointer;
use super::problem::{FieldError, Problem};
use sluice::outbound::{ResolveError, SafeResolver, TargetError, TargetPolicy, check_url};

/// A name server that hangs must not hold the request; each attempt resolves the name again anyway.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);

/// Checks a URL under `field`, such as `callback_parameters/callback_url`.
///
/// # Errors
/// 400 `insecure_url`, `forbidden_address` or `validation_failed`.
pub async fn check(url: &str, field: &str, policy: TargetPolicy) -> Result<Url, Problem> {
    let refuse = |error: TargetError| {
        let field = FieldError::new(pointer(field.split('/')), error.to_string());
        let problem = Problem::invalid(vec![field]);
        match error {
            TargetError::Invalid(_) => problem,
            TargetError::Insecure | TargetError::ForbiddenAddress => Problem { code: error.code(), ..problem },
        }
    };
    let url = check_url(url, policy).map_err(refuse)?;
    if let Some(url::Host::Domain(host)) = url.host() {
        let lookup = tokio::time::timeout(LOOKUP_TIMEOUT, SafeResolver::new(policy).lookup(host)).await;
        // A name that cannot be resolved now may be later: DNS failures are retried like any other.
        if let Ok(Err(ResolveError::Forbidden)) = lookup {
            return Err(refuse(TargetError::ForbiddenAddress));
        }
    }
    Ok(url)
}
