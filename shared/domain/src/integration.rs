//! Integrations: the face of a route that the event stream's users register.

use serde::{Deserialize, Serialize};

use super::time::Millis;

/// Whether an integration runs for ever or over a window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntegrationType {
    /// From `starts_at` for ever.
    Permanent,
    /// Every event of `[starts_at, ends_at)`, then it stops itself.
    Temporary,
}

/// What an integration has beyond a route.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IntegrationFace {
    /// Permanent or temporary.
    pub integration_type: IntegrationType,
    /// The log time of its first event.
    pub starts_at: Millis,
    /// The log time from which it gets nothing more.
    pub ends_at: Option<Millis>,
}

/// The most integrations of one scope, stopped and temporary ones too.
pub const MAX_INTEGRATIONS: usize = 25;

/// Whether `id` is 1–50 of `[a-z0-9-]`.
#[must_use]
pub fn is_integration_id(id: &str) -> bool {
    (1..=50).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// A wrong combination of type and dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DateProblem {
    /// Only temporary ones may.
    #[error("a permanent integration has no end date")]
    PermanentEnds,
    /// The contract's rule.
    #[error("a permanent integration cannot start in the future")]
    StartsInFuture,
    /// Both are needed.
    #[error("a temporary integration needs starts_at and ends_at")]
    TemporaryNeedsBoth,
    /// An empty window.
    #[error("ends_at must be after starts_at")]
    EndsBeforeStart,
}

impl DateProblem {
    /// The field it is about, as a JSON Pointer.
    #[must_use]
    pub const fn pointer(self) -> &'static str {
        match self {
            Self::StartsInFuture => "/starts_at",
            Self::PermanentEnds | Self::TemporaryNeedsBoth | Self::EndsBeforeStart => "/ends_at",
        }
    }
}

/// Checks type and dates against each other; `starts_at` is `None` where the integration starts when it is made.
///
/// # Errors
/// The first rule that is broken.
pub fn check_dates(
    integration_type: IntegrationType,
    starts_at: Option<Millis>,
    ends_at: Option<Millis>,
    now: Millis,
) -> Result<(), DateProblem> {
    match (integration_type, starts_at, ends_at) {
        (IntegrationType::Permanent, _, Some(_)) => Err(DateProblem::PermanentEnds),
        (IntegrationType::Permanent, Some(start), None) if start > now => Err(DateProblem::StartsInFuture),
        (IntegrationType::Permanent, _, None) => Ok(()),
        (IntegrationType::Temporary, Some(start), Some(end)) if end <= start => Err(DateProblem::EndsBeforeStart),
        (IntegrationType::Temporary, Some(_), Some(_)) => Ok(()),
        (IntegrationType::Temporary, _, _) => Err(DateProblem::TemporaryNeedsBoth),
    }
}

/// What an integration's log can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogAction {
    /// It carries events from here on.
    IntegrationStarted,
    /// It was stopped, by its user, its target or its end date.
    IntegrationStopped,
    /// Its target failed again and again: from here on it is only probed.
    IntegrationSuspended,
    /// Its target answered a probe: what waited is sent, and new events go live.
    IntegrationResumed,
    /// Its user asked for a stretch of the log again.
    RecoveryStarted,
    /// It was changed by its user.
    IntegrationUpdated,
    /// Its target failed; attempts go on.
    RetryTriggered,
    /// Its target answered 400.
    EventRejected,
    /// The oldest rejected event left, for only 30 are kept.
    RejectedEventDropped,
    /// An event is out of retries.
    EventDead,
    /// A file is in the bucket.
    FileExported,
    /// A file could not be written; it is tried again.
    ExportFailed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_contract() {
        use DateProblem::*;
        use IntegrationType::*;
        let now = Millis(100);
        let cases = [
            (Permanent, None, None, Ok(())),
            (Permanent, Some(50), None, Ok(())),
            (Permanent, Some(101), None, Err(StartsInFuture)),
            (Permanent, None, Some(150), Err(PermanentEnds)),
            (Temporary, Some(50), Some(150), Ok(())),
            (Temporary, Some(200), Some(300), Ok(())),
            (Temporary, Some(50), None, Err(TemporaryNeedsBoth)),
            (Temporary, None, Some(150), Err(TemporaryNeedsBoth)),
            (Temporary, Some(50), Some(50), Err(EndsBeforeStart)),
        ];
        for (kind, start, end, want) in cases {
            assert_eq!(check_dates(kind, start.map(Millis), end.map(Millis), now), want, "{kind:?} {start:?} {end:?}");
        }
    }

    #[test]
    fn ids_follow_the_contract() {
        assert!(is_integration_id("sap-integration-001"));
        for bad in ["", "Upper", "under_score", &"a".repeat(51), "ümlaut"] {
            assert!(!is_integration_id(bad), "{bad}");
        }
    }
}
