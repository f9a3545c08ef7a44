//! A few stable words for why a request got no answer.
//!
//! The words are constants: an error's own text may hold the URL with its query, or an internal
//! address, and neither may reach a customer or a log.

use std::io::{self, ErrorKind};

use super::address::TargetError;
use super::resolver::{ResolveError, causes};

pub(super) const TIMEOUT: &str = "timeout";
pub(super) const REDIRECT: &str = "redirect refused";

/// Why the policy refused a URL before any request was made.
pub(super) fn of_target(error: TargetError) -> &'static str {
    match error {
        TargetError::Insecure => "insecure url",
        TargetError::ForbiddenAddress => "forbidden address",
        TargetError::Invalid(_) => "invalid url",
    }
}

/// Why a request that was made got no answer.
pub(super) fn of_request(error: &reqwest::Error) -> &'static str {
    if let Some(error) = ResolveError::find(error) {
        return match error {
            ResolveError::Forbidden => "forbidden address",
            ResolveError::Empty | ResolveError::Lookup(_) => "dns failure",
        };
    }
    if error.is_timeout() {
        return TIMEOUT;
    }
    if error.is_builder() {
        return "invalid url";
    }
    let cause = causes(error).filter_map(|cause| {
        let of_io = cause.downcast_ref::<io::Error>().and_then(of_io);
        of_io.or_else(|| cause.downcast_ref::<hyper::Error>().and_then(of_hyper))
    });
    // The innermost cause knows best: TLS and HTTP wrap the socket's error in their own.
    cause.last().unwrap_or(if error.is_connect() { "connection failed" } else { "request failed" })
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

fn of_hyper(error: &hyper::Error) -> Option<&'static str> {
    if error.is_parse() {
        Some("invalid answer")
    } else if error.is_incomplete_message() {
        Some("connection closed")
    } else {
        None
    }
}
