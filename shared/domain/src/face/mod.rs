//! Faces: what the users of a route see of it. The engine knows none of them.
//!
//! A face has names, limits, and the body that a target receives.

pub mod callback;
pub mod format;
pub mod integration;
mod myd3;
pub mod subscription;

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::partner::MAX_PARTNERS;
use crate::scope::TenantId;
use callback::{Callback, MAX_CALLBACKS};
use integration::{Integration, MAX_INTEGRATIONS};
use myd3::MAX_MYD3_SUBSCRIPTIONS;
use subscription::{MAX_SUBSCRIPTIONS, Subscription};

/// The surface that a route belongs to, with what only that surface has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Face {
    /// `/v1/integrations`
    Integration(Integration),
    /// `/v1/webhooks/subscriptions`
    Subscription(Subscription),
    /// `/subscription/v1/subscription`
    Myd3,
    /// `/v1/partners/{id}/callbacks`
    Callback(Callback),
    /// `/v1/partners/{id}/documents`
    Documents,
}

/// A surface's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaceKind {
    /// `/v1/integrations`
    Integration,
    /// `/v1/webhooks/subscriptions`
    Subscription,
    /// `/subscription/v1/subscription`
    Myd3,
    /// `/v1/partners/{id}/callbacks`
    Callback,
    /// `/v1/partners/{id}/documents`
    Documents,
}

impl FaceKind {
    /// The word that stands for it in keys.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Integration => "integration",
            Self::Subscription => "subscription",
            Self::Myd3 => "myd3",
            Self::Callback => "callback",
            Self::Documents => "documents",
        }
    }

    /// How many routes of this kind one scope may have.
    #[must_use]
    pub const fn limit(self) -> usize {
        match self {
            Self::Integration => MAX_INTEGRATIONS,
            Self::Subscription => MAX_SUBSCRIPTIONS,
            Self::Myd3 => MAX_MYD3_SUBSCRIPTIONS,
            Self::Callback => MAX_CALLBACKS,
            // One for each partner.
            Self::Documents => MAX_PARTNERS,
        }
    }
}

/// The facts of a body that stand neither in the event nor in the face.
#[derive(Clone, Copy, Debug)]
pub struct Letterhead<'a> {
    /// Whose event it is.
    pub tenant: &'a TenantId,
    /// The route's id, as its user knows it.
    pub route: &'a str,
}

impl Face {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> FaceKind {
        match self {
            Self::Integration(_) => FaceKind::Integration,
            Self::Subscription(_) => FaceKind::Subscription,
            Self::Myd3 => FaceKind::Myd3,
            Self::Callback(_) => FaceKind::Callback,
            Self::Documents => FaceKind::Documents,
        }
    }

    /// Appends the body that a target receives for an event.
    pub fn write_body(&self, letterhead: &Letterhead<'_>, event: &Event, body: &mut Vec<u8>) {
        match self {
            Self::Integration(_) => event.write_envelope(letterhead.tenant, body),
            Self::Subscription(subscription) => subscription.format.write(letterhead, event, body),
            Self::Myd3 => myd3::write(letterhead, event, body),
            Self::Callback(_) | Self::Documents => body.extend_from_slice(event.payload.get().as_bytes()),
        }
    }
}

/// Appends a body as JSON.
fn write_json(value: &impl Serialize, body: &mut Vec<u8>) {
    // Strings, times and text that was parsed before, into memory: there is nothing that can fail.
    let written = serde_json::to_writer(body, value);
    debug_assert!(written.is_ok());
}

#[cfg(test)]
mod tests {
    use super::callback::NotificationType;
    use super::integration::{Integration, IntegrationType};
    use super::*;
    use crate::chunk::tests::event;

    fn body(face: &Face) -> String {
        let tenant: TenantId = "acme".parse().expect("a tenant");
        let mut body = Vec::new();
        face.write_body(&Letterhead { tenant: &tenant, route: "r-1" }, &event("evt_1", r#"{"n":1.10}"#), &mut body);
        String::from_utf8(body).expect("UTF-8")
    }

    #[test]
    fn every_face_has_the_body_of_its_contract() {
        let envelope = r#"{"tenant":"acme","name":"order.created","published_at":"1970-01-01T00:00:00.001Z","payload":{"n":1.10}}"#;
        let integration = Face::Integration(Integration { integration_type: IntegrationType::Permanent });
        assert_eq!(body(&integration), envelope);
        let subscription = Subscription { name: "ERP".to_owned(), format: format::Format::Standard };
        assert_eq!(body(&Face::Subscription(subscription)), envelope);
        let notification = r#"{"eventId":"evt_1","eventType":"order.created","subscriptionId":"r-1","timestamp":"1970-01-01T00:00:00.001Z","data":{"n":1.10}}"#;
        assert_eq!(body(&Face::Myd3), notification);
        let callback = Callback { partner: "p".to_owned(), notification: NotificationType::Notes };
        assert_eq!(body(&Face::Callback(callback)), r#"{"n":1.10}"#);
    }

    #[test]
    fn kinds_have_names_of_their_own_and_limits() {
        let routes = [FaceKind::Integration, FaceKind::Subscription, FaceKind::Myd3];
        let kinds = [routes[0], routes[1], routes[2], FaceKind::Callback, FaceKind::Documents];
        let names = kinds.map(FaceKind::as_str);
        assert_eq!(names, ["integration", "subscription", "myd3", "callback", "documents"]);
        assert_eq!(kinds.map(FaceKind::limit), [25, 200, 200, 3_000, 1_000]);
    }
}
