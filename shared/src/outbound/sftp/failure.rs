//! Why a server did not do what it was asked: fixed phrases, for a server's own words may hold anything.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use russh::{AlgorithmKind, Error};

use super::packet::Malformed;
use crate::domain::attempt::{Attempt, Verdict};
use crate::outbound::failure::{CONNECTION_FAILED, TIMEOUT, of_connection};
use crate::outbound::resolver::ResolveError;

/// Of SFTP 3, and of later versions, whose codes servers use all the same.
pub(super) const NO_SUCH_FILE: u32 = 2;
pub(super) const UNSUPPORTED: u32 = 8;
const INVALID_NAME: u32 = 20;

/// One failure, without any secret or internal address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why, in words fit for a route's log.
    pub reason: Cow<'static, str>,
    /// Whether it will be so for ever.
    pub(super) rejected: bool,
}

impl Failure {
    pub(super) fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: reason.into(), rejected: false }
    }

    /// A file that is not wanted.
    pub(crate) fn of_file(reason: String) -> Self {
        Self::new(reason)
    }

    pub(crate) fn timeout() -> Self {
        Self::new(TIMEOUT)
    }

    /// A status that was not wanted.
    pub(super) fn of_status(action: &str, code: u32) -> Self {
        let phrase = match code {
            NO_SUCH_FILE => "there is no such file or directory",
            3 => "permission denied",
            4 => "the server gives no reason",
            UNSUPPORTED => "the server does not support it",
            11 => "the name is taken",
            14 => "no space is left",
            15 => "the quota is used up",
            INVALID_NAME => "the name is not valid there",
            _ => return Self::new(format!("{action}: status {code}")),
        };
        let rejected = code == UNSUPPORTED || code == INVALID_NAME;
        Self { reason: format!("{action}: {phrase}").into(), rejected }
    }

    /// As the result of an attempt.
    pub(super) fn attempt(self, duration: Duration) -> Attempt {
        let verdict = if self.rejected { Verdict::Rejected } else { Verdict::Failed { retry_after: None } };
        Attempt { verdict, ..Attempt::failed(self.reason, duration) }
    }
}

impl From<Malformed> for Failure {
    fn from(Malformed: Malformed) -> Self {
        Self::new("the server does not respond like SFTP")
    }
}

impl From<ResolveError> for Failure {
    fn from(error: ResolveError) -> Self {
        Self::new(match error {
            ResolveError::Forbidden => "forbidden address",
            ResolveError::Empty | ResolveError::Lookup(_) => "dns failure",
        })
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(match error.kind() {
            // SSH has no TLS to blame.
            io::ErrorKind::InvalidData => CONNECTION_FAILED,
            _ => of_connection(&error).unwrap_or(CONNECTION_FAILED),
        })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(match error {
            Error::IO(error) => return error.into(),
            Error::HUP | Error::Disconnect | Error::SendError | Error::RecvError => "connection closed",
            Error::ConnectionTimeout | Error::KeepaliveTimeout | Error::InactivityTimeout | Error::Elapsed(_) => {
                TIMEOUT
            }
            Error::Version => "the server does not respond like SSH",
            Error::NoCommonAlgo { kind, .. } => match kind {
                AlgorithmKind::Kex => "the server has no key exchange that is secure enough",
                AlgorithmKind::Key => "the server has no host key of a kind that is accepted",
                AlgorithmKind::Cipher => "the server has no cipher that is secure enough",
                AlgorithmKind::Mac => "the server has no message authentication that is secure enough",
                _ => "the server and Sluice have no algorithm in common",
            },
            Error::ChannelOpenFailure(_) | Error::RequestDenied => "the server offers no SFTP",
            _ => "ssh failure",
        })
    }
}
