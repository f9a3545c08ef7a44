//! The fields of a subscription that are not its webhook's: name, events, partner, format.

use serde::{Deserialize, Serialize};
use sluice::domain::face::format::{Format, RoutingKey};
use sluice::domain::face::subscription::{MAX_EVENTS, is_subscription_name};
use sluice::domain::filter::FilterConditions;
use sluice::domain::label::PLAIN;
use sluice::domain::sealed::MASK;

use crate::http::problem::FieldError;

/// The body that a subscription's target receives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FormatName {
    /// The event's envelope.
    #[default]
    Standard,
    /// A message for a Slack incoming webhook.
    Slack,
    /// An alert for PagerDuty's Events API v2; needs `routing_key`.
    Pagerduty,
}

impl FormatName {
    /// The name of a format.
    pub(crate) fn of(format: &Format) -> Self {
        match format {
            Format::Standard => Self::Standard,
            Format::Slack => Self::Slack,
            Format::Pagerduty { .. } => Self::Pagerduty,
        }
    }
}

/// The format of that name. `routing_key` is as it was written, `kept` the format so far.
pub(crate) fn format(name: FormatName, routing_key: Option<&str>, kept: Option<&Format>) -> Result<Format, FieldError> {
    let kept = match kept {
        Some(Format::Pagerduty { routing_key }) => Some(routing_key.clone()),
        Some(Format::Standard | Format::Slack) | None => None,
    };
    let fault = |message: &str| Err(FieldError::new("/routing_key", message));
    match (name, routing_key) {
        (FormatName::Pagerduty, None) => {
            kept.map_or_else(|| fault("pagerduty needs it"), |routing_key| Ok(Format::Pagerduty { routing_key }))
        }
        (FormatName::Pagerduty, Some(text)) => {
            let known = kept.filter(|_| text == MASK).or_else(|| RoutingKey::of(text));
            known.map_or_else(
                || fault("must be 32 letters and digits"),
                |routing_key| Ok(Format::Pagerduty { routing_key }),
            )
        }
        (_, Some(_)) => fault("is for pagerduty alone"),
        (FormatName::Standard, None) => Ok(Format::Standard),
        (FormatName::Slack, None) => Ok(Format::Slack),
    }
}

/// What is wrong with a name.
pub(crate) fn name_fault(name: &str) -> Option<FieldError> {
    (!is_subscription_name(name)).then(|| FieldError::new("/name", format!("must be 1 to 100 characters {PLAIN}")))
}

/// What is wrong with a partner's id.
pub(crate) fn partner_fault(partner: &str) -> Option<FieldError> {
    let fits = (1..=256).contains(&partner.len());
    (!fits).then(|| FieldError::new("/partner_id", "must be 1 to 256 bytes"))
}

/// What is wrong with a promised delivery time.
pub(crate) fn promise_fault(seconds: u32) -> Option<FieldError> {
    let fits = (1..=30 * 86_400).contains(&seconds);
    (!fits).then(|| FieldError::new("/deliver_within_seconds", "must be 1 to 2592000"))
}

/// The filter of these event names, and what is wrong with them.
pub(crate) fn filter(pointer: &str, events: Vec<String>) -> (FilterConditions, Vec<FieldError>) {
    if !(1..=MAX_EVENTS).contains(&events.len()) {
        let message = format!("must be 1 to {MAX_EVENTS} event names");
        return (FilterConditions::default(), vec![FieldError::new(pointer, message)]);
    }
    let filter = FilterConditions { event_filter: events, ..FilterConditions::default() };
    let fault = |(at, message): (String, String)| {
        let place = at.strip_prefix("/event_filter").unwrap_or(&at);
        FieldError::new(format!("{pointer}{place}"), message)
    };
    let faults = filter.problems().into_iter().map(fault).collect();
    (filter, faults)
}
