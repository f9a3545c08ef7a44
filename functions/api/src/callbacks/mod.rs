//! Partner callbacks: the URLs that a partner is told something at, one for each type of notification.

pub(crate) mod delete;
pub(crate) mod echo;
pub(crate) mod list;
pub(crate) mod notification;
pub(crate) mod put;

use serde::{Deserialize, Serialize};
use sluice::domain::face::callback::{Callback, NotificationType};
use sluice::domain::face::{Face, FaceKind};
use sluice::domain::route::{Route, RouteKey};
use sluice::domain::scope::Scope;
use sluice::domain::time::Millis;
use sluice::outbound::Destinations;
use sluice::store::partners::Partners;

use crate::http::problem::Problem;
use crate::target::Naming;

/// The face's names for its webhook.
pub(crate) const TARGET: Naming =
    Naming { kind: "webhook", at: "", names: &[("callbackUrl", "url"), ("apiKey", "api_key")] };
/// The face.
pub(crate) const FACE: FaceKind = FaceKind::Callback;

/// A partner and a type of notification, as paths name them.
pub(crate) type Place = (String, String);

/// A partner's callback.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Callback)]
pub(crate) struct CallbackView {
    /// 1 `WorkflowStateChange`, 2 `Notes`, 3 `Document`.
    #[serde(rename = "notificationTypeID")]
    #[schema(minimum = 1, maximum = 3)]
    notification_type_id: u8,
    #[schema(example = "Notes", max_length = 50)]
    notification_type: &'static str,
    callback_url: String,
    /// Sent as `Authorization: Bearer`; shown as `••••••••`.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
    created_at: Millis,
    updated_at: Millis,
}

/// A webhook as its destination shows it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TargetView {
    callback_url: String,
    api_key: Option<String>,
}

impl CallbackView {
    /// A route as its user sees it.
    pub(crate) fn of(destinations: &Destinations, route: &Route) -> Result<Self, Problem> {
        let shown = destinations.show(&route.destination).map_err(|error| Problem::internal(&error))?;
        let TargetView { callback_url, api_key } = TARGET.view(shown)?;
        let Face::Callback(Callback { notification, .. }) = &route.face else { return Err(Problem::not_found()) };
        Ok(Self {
            notification_type_id: notification.number(),
            notification_type: notification.name(),
            callback_url,
            api_key,
            created_at: route.created_at,
            updated_at: route.updated_at,
        })
    }
}

/// The type that a path names.
///
/// # Errors
/// 400 `unsupported_notification_type`.
pub(crate) fn notification_type(text: &str) -> Result<NotificationType, Problem> {
    NotificationType::named(text).ok_or_else(|| {
        let names = NotificationType::ALL.map(|kind| format!("{} {}", kind.number(), kind.name())).join(", ");
        Problem::bad_request("unsupported_notification_type", format!("The types of notification are {names}."))
    })
}

/// Checks that there is such a partner.
///
/// # Errors
/// 404.
pub(crate) async fn expect_partner(partners: &Partners, scope: &Scope, id: &str) -> Result<(), Problem> {
    partners.get(scope, id).await?.map(|_| ()).ok_or_else(Problem::not_found)
}

/// The key of a partner's callback.
pub(crate) fn key(partner: &str, notification: NotificationType) -> RouteKey {
    RouteKey::new(FACE, &Callback::route_id(partner, notification))
}
