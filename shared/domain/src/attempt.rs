//! One attempt to send something to a target: the same type from the socket to the record.

use std::borrow::Cow;
use std::time::Duration;

/// How a target responded, as far as retrying goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It accepted the event.
    Delivered,
    /// It will never accept this event; the stream goes on.
    Rejected,
    /// It wants no more events at all.
    Gone,
    /// It did not accept the event this time.
    Failed {
        /// How long it asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// It took the event, and will say later whether it accepts it. The same attempt is looked at again after `wait`.
    Pending {
        /// How long that may take.
        wait: Duration,
    },
    /// Nothing was sent: what became of the event is recorded already.
    Settled,
}

/// One attempt and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its meaning for retries.
    pub verdict: Verdict,
    /// The HTTP status code, if there was an HTTP response.
    pub status: Option<u16>,
    /// Why the event was not accepted, such as `too many requests (HTTP status code 429)` or `connection refused`;
    /// empty if it was accepted. Never contains a secret or the query of a URL.
    pub reason: Cow<'static, str>,
    /// The first 4 KiB of the response as printable text.
    pub excerpt: String,
    /// How long the attempt took, reading the response included.
    pub duration: Duration,
}

impl Attempt {
    /// An attempt that the target accepted.
    #[must_use]
    pub fn delivered(duration: Duration) -> Self {
        Self { verdict: Verdict::Delivered, ..Self::failed("", duration) }
    }

    /// An attempt that failed for now, without a response worth keeping.
    #[must_use]
    pub fn failed(reason: impl Into<Cow<'static, str>>, duration: Duration) -> Self {
        let verdict = Verdict::Failed { retry_after: None };
        Self { verdict, status: None, reason: reason.into(), excerpt: String::new(), duration }
    }

    /// Whether the target accepted the event.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        self.verdict == Verdict::Delivered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_accepted_event_is_delivered() {
        let attempt = |verdict| Attempt {
            verdict,
            status: None,
            reason: Cow::Borrowed(""),
            excerpt: String::new(),
            duration: Duration::ZERO,
        };
        assert!(attempt(Verdict::Delivered).is_delivered());
        assert!(Attempt::delivered(Duration::ZERO).is_delivered());
        assert!(!Attempt::failed("connection refused", Duration::ZERO).is_delivered());
        for verdict in [Verdict::Rejected, Verdict::Gone, Verdict::Failed { retry_after: None }] {
            assert!(!attempt(verdict).is_delivered(), "{verdict:?}");
        }
    }
}
