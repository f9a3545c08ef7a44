//! Name resolution that hands out only permitted addresses.
//!
//! The check sits where the connection is made, so a name that changes its meaning between a check
//! and a connection (DNS rebinding) gains nothing: the addresses vetted here are the very ones that
//! are dialled. One forbidden address refuses the whole name: a mixed answer is an attack or a
//! mistake, and picking the good half would only make it work every other time.

use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{TargetPolicy, is_localhost};

/// Why a name gave no usable address.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The name resolves to an address the policy forbids. Which one is not told: it would let a
    /// customer map the operator's private network.
    #[error("the host resolves to an address that is not allowed")]
    Forbidden,
    /// The name resolves to nothing.
    #[error("the host has no address")]
    Empty,
    /// The lookup itself failed.
    #[error("the name lookup failed")]
    Lookup(#[source] io::Error),
}

impl ResolveError {
    /// Finds this error inside another one's chain of causes, however a client wrapped it.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        causes(error).find_map(|cause| cause.downcast_ref())
    }
}

/// An error and its causes, outermost first.
///
/// `io::Error::source` skips the error it wraps, which is where TLS and resolver errors sit.
pub(super) fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner as &(dyn Error + 'static)),
        None => error.source(),
    })
}

/// A resolver for [`reqwest`] and for the AWS SDK that enforces a [`TargetPolicy`].
#[derive(Debug, Clone, Copy)]
pub struct SafeResolver {
    policy: TargetPolicy,
}

impl SafeResolver {
    /// A resolver that hands out what `policy` permits.
    #[must_use]
    pub fn new(policy: TargetPolicy) -> Self {
        Self { policy }
    }

    /// Resolves `host` to all of its addresses, or refuses it.
    pub async fn lookup(self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        // RFC 6761: `localhost` names never leave the machine. Asking a server about them would
        // let it turn `http://x.localhost`, allowed as loopback, into plain text to anywhere.
        if is_localhost(host) {
            return self.vet(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let found = tokio::net::lookup_host((host, 0)).await.map_err(ResolveError::Lookup)?;
        self.vet(found.map(|address| address.ip()).collect())
    }

    fn vet(self, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, ResolveError> {
        if addresses.is_empty() {
            return Err(ResolveError::Empty);
        }
        if addresses.iter().any(|ip| !self.policy.permits(*ip)) {
            return Err(ResolveError::Forbidden);
        }
        Ok(addresses)
    }
}

impl Resolve for SafeResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = *self;
        Box::pin(async move {
            let addresses = resolver.lookup(name.as_str()).await?;
            // Port 0 makes reqwest fill in the URL's own.
            let sockets = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(sockets) as Addrs)
        })
    }
}

impl ResolveDns for SafeResolver {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move { self.lookup(name).await.map_err(ResolveDnsError::new) })
    }
}

#[cfg(test)]
mod tests;
