//! Integrations: the face of a route that the event stream's users register.

use serde::{Deserialize, Serialize};

use crate::activity::{Activity, EventRef, Failure, StopCause};
use crate::time::Millis;

/// Permanent, or limited to a date range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntegrationType {
    /// From `starts_at` for ever.
    Permanent,
    /// Every event of `[starts_at, ends_at)`, then it stops itself.
    Temporary,
}

/// The fields that only integrations have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integration {
    /// Permanent or temporary.
    pub integration_type: IntegrationType,
}

/// The order that an integration keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ordering {
    /// Each event is sent as soon as possible.
    #[default]
    None,
    /// Events of one `ordering_key` are sent strictly one after the other; one that fails holds back only its own key.
    Key,
}

impl Ordering {
    /// Whether it is the default.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
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

/// The public action and reason of an entry of an integration's log.
#[must_use]
pub fn describe(activity: &Activity) -> (&'static str, String) {
    match activity {
        Activity::Started => ("integration_started", "Started via API.".to_owned()),
        Activity::Stopped { cause } => ("integration_stopped", stopped(*cause).to_owned()),
        Activity::Updated => ("integration_updated", "Changed via API.".to_owned()),
        Activity::ReplayRequested { from, to } => {
            ("recovery_started", format!("Every event logged from {from} to {to} is sent again."))
        }
        Activity::Suspended { target, reason } => {
            let reason = reason.trim_end_matches('.');
            let end = "The target failed too often in a row and is only probed until it responds.";
            ("integration_suspended", format!("Request to URL {target} failed. Reason: {reason}. {end}"))
        }
        Activity::Resumed => {
            let reason = "The target responded to a probe. The events that waited are being sent.";
            ("integration_resumed", reason.to_owned())
        }
        Activity::DeliveryFailed { failure, next_attempt_ms } => {
            let delay = next_attempt_ms.div_ceil(1_000);
            ("retry_triggered", format!("{} {}; next attempt in {delay} s.", failed(failure), events(failure)))
        }
        Activity::EventRejected { failure } => {
            let end = "it is kept among the rejected events";
            ("event_rejected", format!("{} {}; {end}.", failed(failure), events(failure)))
        }
        Activity::RejectedEventDropped { event } => {
            let reason = format!("Event {} {} was dropped: only the newest 30 are kept.", event.id, event.name);
            ("rejected_event_dropped", reason)
        }
        Activity::EventDead { failure } => {
            ("event_dead", format!("{} {}; it is out of retries.", failed(failure), events(failure)))
        }
        Activity::FileWritten { key, events, bytes } => {
            ("file_exported", format!("Exported {events} events ({bytes} bytes) to {key}."))
        }
        Activity::FileFailed { key, reason } => {
            let reason = reason.trim_end_matches('.');
            ("export_failed", format!("File {key} could not be written. Reason: {reason}. It will be tried again."))
        }
    }
}

fn stopped(cause: StopCause) -> &'static str {
    match cause {
        StopCause::Request => "Stopped via API.",
        StopCause::WindowOver => "Reached its end date.",
        StopCause::TargetGone => "The target responded that it is gone (HTTP status code 410).",
        StopCause::TargetUnreachable => "The target did not respond for five days.",
    }
}

fn failed(failure: &Failure) -> String {
    format!("Request to URL {} failed. Reason: {}.", failure.target, failure.reason.trim_end_matches('.'))
}

fn events(Failure { event, events, attempt, attempts, .. }: &Failure) -> String {
    let EventRef { id, name } = event;
    let which =
        if *events == 1 { format!("Event: {id} {name}") } else { format!("{events} events, the first: {id} {name}") };
    format!("{which}, attempt {attempt} of {attempts}")
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
            (Permanent, Some(100), None, Ok(())),
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
    fn a_wrong_date_is_pointed_at() {
        assert_eq!(DateProblem::StartsInFuture.pointer(), "/starts_at");
        for problem in [DateProblem::PermanentEnds, DateProblem::TemporaryNeedsBoth, DateProblem::EndsBeforeStart] {
            assert_eq!(problem.pointer(), "/ends_at", "{problem}");
        }
    }

    #[test]
    fn no_order_is_the_default() {
        assert!(Ordering::default().is_none() && Ordering::None.is_none() && !Ordering::Key.is_none());
    }

    #[test]
    fn reasons_are_whole_sentences() {
        let mut failure = Failure {
            target: "https://example.com/webhook".into(),
            reason: "too many requests (HTTP status code 429)".into(),
            event: EventRef { id: "evt_1".into(), name: "order.created".into() },
            events: 1,
            attempt: 2,
            attempts: 11,
        };
        let entry = |failure: &Failure| {
            describe(&Activity::DeliveryFailed { failure: failure.clone(), next_attempt_ms: 9_001 })
        };
        let request =
            "Request to URL https://example.com/webhook failed. Reason: too many requests (HTTP status code 429).";
        let want = format!("{request} Event: evt_1 order.created, attempt 2 of 11; next attempt in 10 s.");
        assert_eq!(entry(&failure), ("retry_triggered", want));
        failure.events = 3;
        let want =
            format!("{request} 3 events, the first: evt_1 order.created, attempt 2 of 11; next attempt in 10 s.");
        assert_eq!(entry(&failure).1, want);
        let (action, reason) = describe(&Activity::Stopped { cause: StopCause::WindowOver });
        assert_eq!((action, reason.as_str()), ("integration_stopped", "Reached its end date."));
    }

    #[test]
    fn ids_follow_the_contract() {
        assert!(is_integration_id("sap-integration-001"));
        for bad in ["", "Upper", "under_score", &"a".repeat(51), "ümlaut"] {
            assert!(!is_integration_id(bad), "{bad}");
        }
    }
}
