//! What outbound requests may reach: addresses by the operator's policy, and never the ports of this process.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use url::{Host, Url};

use super::address::{TargetError, TargetPolicy, check_target, is_localhost};
use super::resolver::SafeResolver;

/// The policy and the ports that this process listens on. On AWS there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    /// Which addresses may be reached.
    pub policy: TargetPolicy,
    api: Option<u16>,
    s3: Option<u16>,
}

impl From<TargetPolicy> for Reach {
    fn from(policy: TargetPolicy) -> Self {
        Self { policy, api: None, s3: None }
    }
}

impl Reach {
    /// Without the API's port and that of the embedded S3.
    #[must_use]
    pub fn without_ports(self, api: u16, s3: Option<u16>) -> Self {
        Self { api: Some(api), s3, ..self }
    }

    /// For requests to buckets: the embedded S3 is one.
    #[must_use]
    pub(crate) fn of_buckets(self) -> Self {
        Self { s3: None, ..self }
    }

    /// Whether a connection to there is allowed.
    #[must_use]
    pub fn permits(self, address: SocketAddr) -> bool {
        self.policy.permits(address.ip()) && !self.is_own(address.ip(), address.port())
    }

    /// Whether that is a port of this process.
    pub(super) fn is_own(self, ip: IpAddr, port: u16) -> bool {
        [self.api, self.s3].contains(&Some(port)) && is_this_machine(ip)
    }

    /// Checks a URL and, if its port is one of ours, what its name means now.
    ///
    /// # Errors
    /// [`TargetError`].
    pub(super) async fn check(self, url: &Url) -> Result<(), TargetError> {
        check_target(url, self)?;
        if let (Some(Host::Domain(name)), Some(port)) = (url.host(), url.port_or_known_default())
            && [self.api, self.s3].contains(&Some(port))
            && !is_localhost(name)
            && let Ok(found) = SafeResolver::new(self.policy).lookup(name).await
            && found.iter().any(|ip| self.is_own(*ip, port))
        {
            return Err(TargetError::ForbiddenAddress);
        }
        Ok(())
    }
}

/// Whether an address is one of this machine's: only these can be bound.
fn is_this_machine(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    ip.is_loopback() || ip.is_unspecified() || UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::address::check_url;

    const API: u16 = 3_000;
    const S3: u16 = 20_000;

    fn reach(policy: TargetPolicy) -> Reach {
        Reach::from(policy).without_ports(API, Some(S3))
    }

    #[test]
    fn no_spelling_of_this_machine_reaches_a_port_of_ours() {
        for policy in [TargetPolicy::AllowLoopback, TargetPolicy::AllowAll] {
            for host in ["127.0.0.1", "127.1.2.3", "localhost", "a.localhost", "[::1]", "2130706433", "0x7f.1"] {
                for port in [API, S3] {
                    let url = format!("http://{host}:{port}/v1/events");
                    assert_eq!(check_url(&url, reach(policy)), Err(TargetError::ForbiddenAddress), "{url}");
                }
                let url = format!("http://{host}:{}/", API + 1);
                assert!(check_url(&url, reach(policy)).is_ok(), "{url}");
            }
        }
        for host in ["0.0.0.0", "[::]", "[::ffff:127.0.0.1]"] {
            let url = format!("http://{host}:{API}/");
            assert_eq!(check_url(&url, reach(TargetPolicy::AllowAll)), Err(TargetError::ForbiddenAddress), "{url}");
        }
    }

    #[test]
    fn the_same_port_of_another_host_is_a_target() {
        let url = format!("https://192.0.2.1:{API}/");
        assert!(check_url(&url, reach(TargetPolicy::AllowAll)).is_ok());
        assert!(check_url(&format!("https://example.com:{API}/"), reach(TargetPolicy::AllowLoopback)).is_ok());
        let own = Reach::from(TargetPolicy::AllowLoopback).without_ports(80, None);
        assert_eq!(check_url("http://127.0.0.1/", own), Err(TargetError::ForbiddenAddress), "the port of the scheme");
    }

    #[test]
    fn a_bucket_may_be_ours() {
        let buckets = reach(TargetPolicy::AllowLoopback).of_buckets();
        assert!(check_url(&format!("http://127.0.0.1:{S3}/"), buckets).is_ok());
        assert_eq!(check_url(&format!("http://127.0.0.1:{API}/"), buckets), Err(TargetError::ForbiddenAddress));
    }
}
