//! Webhook subscriptions: the face of a route that notifies somebody of named events.

use serde::{Deserialize, Serialize};

use super::format::Format;
use crate::label::is_label;

/// The part of a route that only a subscription has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The name that its user gave it.
    pub name: String,
    /// The body that its target receives.
    #[serde(default, skip_serializing_if = "Format::is_standard")]
    pub format: Format,
}

/// How many subscriptions one scope may have.
pub const MAX_SUBSCRIPTIONS: usize = 200;
/// The most event names and wildcards of one subscription.
pub const MAX_EVENTS: usize = 100;

/// Whether `name` is 1 to 100 characters, all of which are seen.
#[must_use]
pub fn is_subscription_name(name: &str) -> bool {
    (1..=100).contains(&name.chars().count()) && is_label(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_printable() {
        for good in ["ERP", "Bestellungen für SAP", &"ü".repeat(100)] {
            assert!(is_subscription_name(good), "{good}");
        }
        for bad in ["", "two\nlines", "ERP\u{202e}", "E\u{200b}RP", &"a".repeat(101)] {
            assert!(!is_subscription_name(bad), "{bad}");
        }
    }
}
