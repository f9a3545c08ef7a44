//! Retries of a stage: soon ones in the same call, later ones by a delayed message.

use std::time::Duration;

use super::plan::Obstacle;
use crate::connectors::ConnectorError;

/// How often a stage is tried before its run fails.
pub(super) const MAX_FAILURES: u32 = 8;
/// The longest wait between two attempts.
const MAX_WAIT: Duration = Duration::from_secs(300);
/// The longest wait that a system may ask for.
const MAX_ASKED: Duration = Duration::from_secs(900);

/// Why a stage did not end.
pub(super) enum Stopped {
    /// It is to be tried again after this time.
    Later(Duration, String),
    /// It will not work.
    Failed(String),
    /// The run was cancelled, or another worker has it.
    Lost,
    /// Our own side.
    Obstacle(Obstacle),
}

impl<E> From<E> for Stopped
where
    Obstacle: From<E>,
{
    fn from(error: E) -> Self {
        Self::Obstacle(error.into())
    }
}

/// What follows from a connector's error after so many failures in a row.
pub(super) fn after(error: ConnectorError, failures: u32) -> Stopped {
    match error {
        ConnectorError::Permanent(reason) => Stopped::Failed(reason),
        ConnectorError::Transient { reason, .. } if failures + 1 >= MAX_FAILURES => Stopped::Failed(reason),
        ConnectorError::Transient { reason, retry_after, .. } => {
            let own = Duration::from_millis(500).saturating_mul(4_u32.saturating_pow(failures)).min(MAX_WAIT);
            Stopped::Later(retry_after.map_or(own, |asked| asked.max(own)).min(MAX_ASKED), reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(retry_after: Option<Duration>) -> ConnectorError {
        ConnectorError::Transient { reason: "busy".into(), retry_after, throttled: true }
    }

    #[test]
    fn waits_grow_and_end() {
        let wait = |failures| match after(busy(None), failures) {
            Stopped::Later(wait, _) => wait,
            _ => panic!("it is given up"),
        };
        assert_eq!(wait(0), Duration::from_millis(500));
        assert!(wait(0) < wait(1) && wait(5) <= MAX_WAIT);
        assert!(matches!(after(busy(None), MAX_FAILURES - 1), Stopped::Failed(_)));
        assert!(matches!(after(ConnectorError::Permanent("no".into()), 0), Stopped::Failed(_)));
    }

    #[test]
    fn a_system_is_not_asked_earlier_than_it_says() {
        let asked = |seconds| after(busy(Some(Duration::from_secs(seconds))), 0);
        assert!(matches!(asked(60), Stopped::Later(wait, _) if wait == Duration::from_secs(60)));
        assert!(matches!(asked(86_400), Stopped::Later(wait, _) if wait == MAX_ASKED));
    }
}
