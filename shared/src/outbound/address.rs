//! Which addresses an outbound request may reach, and the static check of a URL at registration.
//!
//! IPv4 is a deny list: the special-purpose blocks are few and settled. IPv6 is an allow list with
//! holes: only `2000::/3` is handed out as global unicast, so a block reserved tomorrow is refused
//! today. Forms that carry an IPv4 address inside (mapped, compatible, NAT64, 6to4, Teredo, ISATAP)
//! are refused whole: no honest target needs them, and unwrapping each is how filters are fooled.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{Ipv4Net, Ipv6Net};
use url::{Host, Url};

use super::reach::Reach;

/// The longest URL a customer may register, in bytes.
pub const MAX_URL_LENGTH: usize = 2048;

/// How far outbound requests may reach; the setting `SLUICE_ALLOW_INSECURE_TARGETS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TargetPolicy {
    /// `off`: `https` to public addresses.
    #[default]
    PublicOnly,
    /// `loopback`: the above, and `http` or `https` to this machine itself.
    AllowLoopback,
    /// `all`: no restriction; for tests inside a closed network.
    AllowAll,
}

/// A value of the setting that is none of its three words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a target policy: use `off`, `loopback` or `all`")]
pub struct ParsePolicyError(String);

impl FromStr for TargetPolicy {
    type Err = ParsePolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "off" => Ok(Self::PublicOnly),
            "loopback" => Ok(Self::AllowLoopback),
            "all" => Ok(Self::AllowAll),
            other => Err(ParsePolicyError(other.to_owned())),
        }
    }
}

impl fmt::Display for TargetPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PublicOnly => "off",
            Self::AllowLoopback => "loopback",
            Self::AllowAll => "all",
        })
    }
}

impl TargetPolicy {
    /// Whether a connection to `ip` is allowed.
    ///
    /// Loopback means `127.0.0.0/8` and `::1` as they stand: `::ffff:127.0.0.1` stays refused.
    #[must_use]
    pub fn permits(self, ip: IpAddr) -> bool {
        match self {
            Self::PublicOnly => is_public(ip),
            Self::AllowLoopback => ip.is_loopback() || is_public(ip),
            Self::AllowAll => true,
        }
    }
}

/// Why a target URL is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Plain `http` where the policy asks for `https`.
    #[error("the URL must use https")]
    Insecure,
    /// The URL names an address that outbound requests may not reach.
    #[error("the URL points to an address that is not allowed")]
    ForbiddenAddress,
    /// The URL is not one a webhook can be sent to.
    #[error("the URL {0}")]
    Invalid(&'static str),
}

impl TargetError {
    /// The `error_code` of the API's answer.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Insecure => "insecure_url",
            Self::ForbiddenAddress => "forbidden_address",
            Self::Invalid(_) => "invalid_url",
        }
    }
}

/// Checks a URL at registration and returns it parsed.
///
/// Names are not resolved here: what a name means now says nothing about what it means at the time
/// of a delivery. [`SafeResolver`](super::SafeResolver) checks that.
pub fn check_url(url: &str, reach: impl Into<Reach>) -> Result<Url, TargetError> {
    if url.len() > MAX_URL_LENGTH {
        return Err(TargetError::Invalid("is longer than 2048 bytes"));
    }
    // The WHATWG parser drops these silently or reads `\` as `/`; what is stored and what is
    // requested would then differ from what the customer (or a proxy) reads.
    if url.contains(|c: char| c.is_ascii_control() || c == ' ' || c == '\\') {
        return Err(TargetError::Invalid("contains a forbidden character"));
    }
    let parsed = Url::parse(url).map_err(|_| TargetError::Invalid("is not an absolute URL"))?;
    check_target(&parsed, reach)?;
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(TargetError::Invalid("must not contain credentials"));
    }
    if parsed.fragment().is_some() {
        return Err(TargetError::Invalid("must not contain a fragment"));
    }
    if parsed.port() == Some(0) {
        return Err(TargetError::Invalid("must not use port 0"));
    }
    // The client speaks `http::Uri`; what that refuses would fail on every attempt.
    if parsed.as_str().parse::<http::Uri>().is_err() {
        return Err(TargetError::Invalid("contains a forbidden character"));
    }
    Ok(parsed)
}

/// Checks scheme and host of a parsed URL; cheap enough to run before every request.
///
/// The address is judged before the scheme, since no other scheme would make it acceptable.
pub fn check_target(url: &Url, reach: impl Into<Reach>) -> Result<(), TargetError> {
    let reach = reach.into();
    let policy = reach.policy;
    let plain = match url.scheme() {
        "https" => false,
        "http" => true,
        _ => return Err(TargetError::Invalid("must use https")),
    };
    let literal = match url.host() {
        None => return Err(TargetError::Invalid("has no host")),
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        Some(Host::Domain(name)) => is_localhost(name).then_some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    };
    let is_own = |ip| url.port_or_known_default().is_some_and(|port| reach.is_own(ip, port));
    if literal.is_some_and(|ip| !policy.permits(ip) || is_own(ip)) {
        return Err(TargetError::ForbiddenAddress);
    }
    let plain_allowed = match policy {
        TargetPolicy::PublicOnly => false,
        TargetPolicy::AllowLoopback => literal.is_some_and(|ip| ip.is_loopback()),
        TargetPolicy::AllowAll => true,
    };
    if plain && !plain_allowed {
        return Err(TargetError::Insecure);
    }
    Ok(())
}

/// `localhost` and everything below it, which RFC 6761 reserves for the loopback interface.
pub(super) fn is_localhost(host: &str) -> bool {
    const SUFFIX: &[u8] = b".localhost";
    let host = host.strip_suffix('.').unwrap_or(host).as_bytes();
    host.eq_ignore_ascii_case(b"localhost")
        || host.len().checked_sub(SUFFIX.len()).is_some_and(|start| host[start..].eq_ignore_ascii_case(SUFFIX))
}

/// Whether `ip` is an ordinary address of the public internet.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !REFUSED_V4.iter().any(|net| net.contains(&ip)),
        IpAddr::V6(ip) => {
            GLOBAL_UNICAST.contains(&ip) && !REFUSED_V6.iter().any(|net| net.contains(&ip)) && !is_isatap(ip)
        }
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// IANA's special-purpose registry, and the one metadata address that hides in public space.
static REFUSED_V4: [Ipv4Net; 20] = [
    v4(0, 0, 0, 0, 8),          // this network, unspecified
    v4(10, 0, 0, 0, 8),         // private
    v4(100, 64, 0, 0, 10),      // carrier-grade NAT, some clouds' metadata
    v4(127, 0, 0, 0, 8),        // loopback
    v4(168, 63, 129, 16, 32),   // Azure's host agent
    v4(169, 254, 0, 0, 16),     // link-local, instance and task metadata
    v4(172, 16, 0, 0, 12),      // private
    v4(192, 0, 0, 0, 24),       // protocol assignments, one cloud's metadata
    v4(192, 0, 2, 0, 24),       // documentation 1
    v4(192, 31, 196, 0, 24),    // AS112
    v4(192, 52, 193, 0, 24),    // multicast tunnelling
    v4(192, 88, 99, 0, 24),     // 6to4 relays
    v4(192, 168, 0, 0, 16),     // private
    v4(192, 175, 48, 0, 24),    // AS112
    v4(198, 18, 0, 0, 15),      // benchmarks
    v4(198, 51, 100, 0, 24),    // documentation 2
    v4(203, 0, 113, 0, 24),     // documentation 3
    v4(224, 0, 0, 0, 4),        // multicast
    v4(240, 0, 0, 0, 4),        // reserved
    v4(255, 255, 255, 255, 32), // broadcast
];

/// The only block of IPv6 that is assigned for ordinary hosts. Outside it lie `::`, `::1`, mapped,
/// compatible and NAT64 addresses, discard, SRv6, ULA, link-local, site-local and multicast.
static GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 0, 3);

/// The holes in the global unicast block.
static REFUSED_V6: [Ipv6Net; 6] = [
    v6(0x2001, 0, 0, 23),           // protocol assignments: Teredo, benchmarks, ORCHID, AMT, AS112
    v6(0x2001, 0x0db8, 0, 32),      // documentation
    v6(0x2002, 0, 0, 16),           // 6to4
    v6(0x2620, 0x004f, 0x8000, 48), // AS112
    v6(0x3ffe, 0, 0, 16),           // 6bone, returned
    v6(0x3fff, 0, 0, 20),           // documentation
];

/// ISATAP embeds an IPv4 address behind the interface id `[02]00:5efe`, in any prefix.
fn is_isatap(ip: Ipv6Addr) -> bool {
    matches!(ip.segments(), [_, _, _, _, 0 | 0x0200, 0x5efe, _, _])
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod url_tests;
