//! Fixed phrases for why a request had no response, and for the status of one that was not wanted.
//!
//! The phrases are constants: an error's own text may hold the URL with its query, or an internal
//! address, and neither may reach a customer or a log.

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, ErrorKind};

use http::StatusCode;

use super::address::TargetError;
use super::resolver::{ResolveError, causes};

pub(crate) const TIMEOUT: &str = "timeout";
pub(super) const CONNECTION_FAILED: &str = "connection failed";

/// A response's status, such as `too many requests (HTTP status code 429)`.
pub(crate) fn of_status(status: StatusCode) -> Cow<'static, str> {
    let code = status.as_u16();
    match status.canonical_reason() {
        Some(phrase) => format!("{} (HTTP status code {code})", phrase.to_ascii_lowercase()).into(),
        None => format!("HTTP status code {code}").into(),
    }
}

/// Why the policy refused a URL before any request was made.
pub(super) fn of_target(error: TargetError) -> &'static str {
    match error {
        TargetError::Insecure => "insecure url",
        TargetError::ForbiddenAddress => "forbidden address",
        TargetError::Invalid(_) => "invalid url",
    }
}

/// Whether a phrase of this file says that the address rules refuse the target.
pub(crate) fn is_forbidden(phrase: &str) -> bool {
    ["insecure url", "forbidden address", "invalid url"].contains(&phrase)
}

/// Whether a request ended at the name or the address of its target.
pub(super) fn of_address(error: &(dyn Error + 'static)) -> Option<&'static str> {
    match ResolveError::find(error) {
        Some(ResolveError::Forbidden) => Some("forbidden address"),
        Some(ResolveError::Empty | ResolveError::Lookup(_)) => Some("dns failure"),
        None => causes(error).find_map(|cause| cause.downcast_ref().copied()).map(of_target),
    }
}

/// The reason that a connection broke, if the error tells it.
pub(super) fn of_connection(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let of_cause = |cause: &(dyn Error + 'static)| {
        let of_io = cause.downcast_ref::<io::Error>().and_then(of_io);
        let of_hyper = || cause.downcast_ref::<hyper::Error>().and_then(of_hyper);
        of_io.or_else(of_hyper).or_else(|| cause.downcast_ref::<rustls::Error>().and_then(of_tls))
    };
    // The innermost cause knows best: TLS and HTTP wrap the socket's error in their own.
    causes(error).filter_map(of_cause).last()
}

fn of_io(error: &io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => "connection reset",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "host unreachable",
        ErrorKind::AddrNotAvailable => "host unreachable",
        ErrorKind::TimedOut => TIMEOUT,
        // How rustls reports a bad certificate, an alert, an old version, or no TLS at all.
        ErrorKind::InvalidData => "tls failure",
        ErrorKind::UnexpectedEof => "connection closed",
        _ => return None,
    })
}

/// What the target says of our certificate. Everything else is a `tls failure`.
fn of_tls(error: &rustls::Error) -> Option<&'static str> {
    use rustls::AlertDescription::{
        BadCertificate, CertificateExpired, CertificateRequired, CertificateRevoked, CertificateUnknown, UnknownCA,
        UnsupportedCertificate,
    };
    match error {
        rustls::Error::AlertReceived(CertificateRequired) => Some("tls failure: a client certificate is required"),
        rustls::Error::AlertReceived(
            BadCertificate
            | CertificateExpired
            | CertificateRevoked
            | CertificateUnknown
            | UnknownCA
            | UnsupportedCertificate,
        ) => Some("tls failure: the client certificate was refused"),
        _ => None,
    }
}

fn of_hyper(error: &hyper::Error) -> Option<&'static str> {
    if error.is_parse() {
        Some("invalid answer")
    } else if error.is_incomplete_message() {
        Some("connection closed")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_its_phrase_and_number() {
        let of = |code| of_status(StatusCode::from_u16(code).expect("a status"));
        assert_eq!(of(429), "too many requests (HTTP status code 429)");
        assert_eq!(of(500), "internal server error (HTTP status code 500)");
        assert_eq!(of(599), "HTTP status code 599");
    }
}
