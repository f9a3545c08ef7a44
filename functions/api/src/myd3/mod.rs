//! Subscriptions as MyD3 has them: one URL for some event types, and its own notification.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;

use serde::{Deserialize, Serialize};
use sluice::domain::face::FaceKind;
use sluice::domain::route::Route;
use sluice::domain::sealed::MASK;
use sluice::domain::time::Millis;
use sluice::outbound::Destinations;

use crate::http::problem::Problem;
use crate::target::Naming;

/// The face's name for its webhook's URL.
pub(crate) const TARGET: Naming = Naming { kind: "webhook", at: "", names: &[("notificationUrl", "url")] };
/// The face.
pub(crate) const FACE: FaceKind = FaceKind::Myd3;

/// A subscription.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Myd3Subscription)]
pub(crate) struct Subscription {
    #[schema(pattern = "^[0-9a-f-]{36}$")]
    subscription_id: String,
    /// The event type, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_type: Option<String>,
    /// The event types.
    event_types: Vec<String>,
    /// The URL; its query, which may hold a key, is shown as `••••••••`.
    notification_url: String,
    created_at: Millis,
}

/// A webhook as its destination shows it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TargetView {
    notification_url: String,
}

impl Subscription {
    /// A route as its user sees it.
    pub(crate) fn of(destinations: &Destinations, route: Route) -> Result<Self, Problem> {
        let shown = destinations.show(&route.destination).map_err(|error| Problem::internal(&error))?;
        let target: TargetView = TARGET.view(shown)?;
        let event_types = route.filter.event_filter;
        let event_type = if let [one] = event_types.as_slice() { Some(one.clone()) } else { None };
        let notification_url = without_query(target.notification_url);
        let (subscription_id, created_at) = (route.id, route.created_at);
        Ok(Self { subscription_id, event_type, event_types, notification_url, created_at })
    }
}

/// A URL with its query masked.
fn without_query(url: String) -> String {
    match url.split_once('?') {
        Some((before, _)) => format!("{before}?{MASK}"),
        None => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_not_shown() {
        let shown = |url: &str| without_query(url.to_owned());
        assert_eq!(shown("https://a.example/n?apiKey=s3cret#x"), "https://a.example/n?••••••••");
        assert_eq!(shown("https://a.example/n"), "https://a.example/n");
    }
}
