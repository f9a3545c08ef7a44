//! Faces: what the users of a route see of it. The engine knows none of them.
//!
//! A face has names, limits, the body that a target receives, and the wording of the route's log.

pub mod integration;

use serde::{Deserialize, Serialize};

use crate::activity::Activity;
use crate::event::Event;
use crate::scope::TenantId;
use integration::Integration;

/// The surface that a route belongs to, with what only that surface has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Face {
    /// `/v1/integrations`
    Integration(Integration),
}

/// A surface's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaceKind {
    /// `/v1/integrations`
    Integration,
}

impl FaceKind {
    /// The word that stands for it in keys.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Integration => "integration",
        }
    }

    /// How many routes of this kind one scope may have.
    #[must_use]
    pub const fn limit(self) -> usize {
        match self {
            Self::Integration => integration::MAX_INTEGRATIONS,
        }
    }
}

impl Face {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> FaceKind {
        match self {
            Self::Integration(_) => FaceKind::Integration,
        }
    }

    /// Appends the body that a target receives for an event.
    pub fn write_body(&self, tenant: &TenantId, event: &Event, body: &mut Vec<u8>) {
        match self {
            Self::Integration(_) => event.write_envelope(tenant, body),
        }
    }

    /// The public name and wording of an entry of the route's log.
    #[must_use]
    pub fn describe(&self, activity: &Activity) -> (&'static str, String) {
        match self {
            Self::Integration(_) => integration::describe(activity),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::integration::{Integration, IntegrationType};
    use super::*;
    use crate::chunk::tests::event;

    #[test]
    fn an_integration_is_seen_as_the_contract_says() {
        let face = Face::Integration(Integration { integration_type: IntegrationType::Permanent });
        assert_eq!((face.kind().as_str(), face.kind().limit()), ("integration", 25));
        let tenant: TenantId = "acme".parse().expect("a tenant");
        let (mut body, mut envelope) = (Vec::new(), Vec::new());
        face.write_body(&tenant, &event("evt_1", "{}"), &mut body);
        event("evt_1", "{}").write_envelope(&tenant, &mut envelope);
        assert!(!body.is_empty());
        assert_eq!(body, envelope);
        assert_eq!(face.describe(&Activity::Started).0, "integration_started");
    }
}
