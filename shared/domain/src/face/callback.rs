//! Partner callbacks: what a partner is told, by type of notification.

use serde::{Deserialize, Serialize};

/// How many callbacks one scope may have: each partner's own.
pub const MAX_CALLBACKS: usize = 3_000;

/// The part of a route that only a callback has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// The partner that is called.
    pub partner: String,
    /// What it is told.
    pub notification: NotificationType,
}

impl Callback {
    /// The id of its route: one for each partner and type.
    #[must_use]
    pub fn route_id(partner: &str, notification: NotificationType) -> String {
        format!("{partner}.{}", notification.number())
    }
}

/// A type of notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotificationType {
    /// 1: a process has another state.
    WorkflowStateChange,
    /// 2: a note was added.
    Notes,
    /// 3: a document was added.
    Document,
}

impl NotificationType {
    /// Every type, by its number.
    pub const ALL: [Self; 3] = [Self::WorkflowStateChange, Self::Notes, Self::Document];

    /// Its number in paths.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::WorkflowStateChange => 1,
            Self::Notes => 2,
            Self::Document => 3,
        }
    }

    /// Its name: the name of the events that it is sent for.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WorkflowStateChange => "WorkflowStateChange",
            Self::Notes => "Notes",
            Self::Document => "Document",
        }
    }

    /// The type that a path names, by its number or its name.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == text || kind.number().to_string() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_found_by_number_and_name() {
        for kind in NotificationType::ALL {
            assert_eq!(NotificationType::named(kind.name()), Some(kind));
            assert_eq!(NotificationType::named(&kind.number().to_string()), Some(kind));
        }
        for bad in ["", "0", "4", "01", "notes", "Notes "] {
            assert_eq!(NotificationType::named(bad), None, "{bad}");
        }
        assert_eq!(Callback::route_id("p-1", NotificationType::Document), "p-1.3");
    }
}
