//! Reading the parameters that a user wrote: the steps that every kind shares.
//!
//! A kind declares its parameters as a serde type, parses them with [`parse`], collects what is
//! wrong in [`Faults`], and seals its secrets with a [`Vault`](super::Vault).

use std::net::IpAddr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};
use url::{Host, Url};

use crate::domain::problems::Problems;

use super::address::{TargetError, check_url};
use super::kind::{Fault, Refusal};
use super::reach::Reach;
use super::resolver::{ResolveError, SafeResolver};

/// A name server that hangs must not hold the request; each attempt resolves the name again anyway.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);

/// Reads parameters as `T`.
///
/// # Errors
/// One [`Fault`] that points to the first field that is unknown or of a wrong type.
pub fn parse<T: DeserializeOwned>(written: Value) -> Result<T, Refusal> {
    if !written.is_object() {
        return Err(Faults::default().with("", "must be an object").into_refusal());
    }
    serde_path_to_error::deserialize(written)
        .map_err(|error| Faults::default().with(&pointer_of(error.path()), error.inner().to_string()).into_refusal())
}

fn pointer_of(path: &Path) -> String {
    let segments = path.iter().filter_map(|segment| match segment {
        Segment::Map { key } => Some(key.clone()),
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    segments.map(|segment| pointer(&segment)).collect()
}

/// One segment of a JSON Pointer (RFC 6901).
#[must_use]
pub fn pointer(segment: &str) -> String {
    format!("/{}", segment.replace('~', "~0").replace('/', "~1"))
}

/// The bad fields found so far.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Adds a fault at a JSON Pointer. A message never contains the value: it may be a secret.
    pub fn add(&mut self, pointer: &str, message: impl Into<String>) {
        self.0.push(Fault { pointer: pointer.to_owned(), message: message.into(), code: None });
    }

    /// Whether there are none so far.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a fault as it is.
    pub(super) fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Adds what the domain found.
    pub fn extend(&mut self, problems: Problems) {
        for (pointer, message) in problems.0 {
            self.add(&pointer, message);
        }
    }

    fn with(mut self, pointer: &str, message: impl Into<String>) -> Self {
        self.add(pointer, message);
        self
    }

    /// Adds a fault at `pointer` if the check failed.
    pub fn check<E: ToString>(&mut self, pointer: &str, result: Result<(), E>) {
        if let Err(error) = result {
            self.add(pointer, error.to_string());
        }
    }

    /// Adds why a target's address is refused.
    pub fn refuse(&mut self, pointer: &str, error: TargetError) {
        let code = match error {
            TargetError::Invalid(_) => None,
            TargetError::Insecure | TargetError::ForbiddenAddress => Some(error.code()),
        };
        self.0.push(Fault { pointer: pointer.to_owned(), message: error.to_string(), code });
    }

    /// Checks a URL as text, then by the addresses of its name; the second only if all is well so far.
    pub async fn url(&mut self, pointer: &str, text: &str, reach: Reach) -> Option<Url> {
        let url = check_url(text, reach).map_err(|error| self.refuse(pointer, error)).ok()?;
        if let Some(Host::Domain(host)) = url.host() {
            self.host(pointer, (host, url.port_or_known_default()), reach).await;
        }
        Some(url)
    }

    /// Checks the host of another protocol by the rules of URLs, if all is well so far.
    pub async fn server(&mut self, pointer: &str, host: &str, reach: Reach) {
        if !self.0.is_empty() {
            return;
        }
        let literal = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        match check_url(&format!("https://{literal}/"), reach).map(|url| url.host().map(|host| host.to_owned())) {
            Ok(Some(Host::Domain(name))) => self.host(pointer, (&name, None), reach).await,
            Ok(_) => {}
            Err(TargetError::ForbiddenAddress) => self.refuse(pointer, TargetError::ForbiddenAddress),
            Err(_) => self.add(pointer, "must be a host name or an IP address"),
        }
    }

    /// Checks what a name resolves to, if all is well so far.
    async fn host(&mut self, pointer: &str, (host, port): (&str, Option<u16>), reach: Reach) {
        if !self.0.is_empty() {
            return;
        }
        let lookup = tokio::time::timeout(LOOKUP_TIMEOUT, SafeResolver::new(reach.policy).lookup(host)).await;
        // A name that does not resolve now may do so later: DNS failures are retried like any other.
        let is_own = |found: &[IpAddr]| port.is_some_and(|port| found.iter().any(|ip| reach.is_own(*ip, port)));
        let refused = match lookup {
            Ok(Ok(found)) => is_own(&found),
            Ok(Err(error)) => matches!(error, ResolveError::Forbidden),
            Err(_elapsed) => false,
        };
        if refused {
            self.refuse(pointer, TargetError::ForbiddenAddress);
        }
    }

    /// Ends the checks with their result.
    ///
    /// # Errors
    /// [`Refusal::Faults`] if there are any.
    pub fn finish<T>(self, checked: Option<T>) -> Result<T, Refusal> {
        match checked {
            Some(checked) if self.0.is_empty() => Ok(checked),
            _ => Err(self.into_refusal()),
        }
    }

    fn into_refusal(self) -> Refusal {
        Refusal::Faults(self.0)
    }
}
