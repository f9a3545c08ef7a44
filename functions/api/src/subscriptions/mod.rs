//! Webhook subscriptions: routes that notify a URL of named events.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod deliveries;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod parameters;
pub(crate) mod recover;
pub(crate) mod rotate_secret;
pub(crate) mod test;
pub(crate) mod update;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice::domain::face::{Face, FaceKind};
use sluice::domain::route::{Route, RouteKey, RouteStatus};
use sluice::domain::scope::Scope;
use sluice::domain::sealed::MASK;
use sluice::domain::time::Millis;
use sluice::outbound::{ClientCertificate, Destinations, OAuth2Client};
use sluice::store::routes::Routes;

use crate::http::problem::Problem;
use crate::route::{self, Words};
use crate::target::Naming;
use parameters::FormatName;

/// A subscription's names for its webhook.
pub(crate) const TARGET: Naming = Naming { kind: "webhook", at: "", names: &[("secret", "signing_secret")] };

/// What is said of one that cannot be made.
pub(crate) const WORDS: Words =
    Words { noun: "A subscription", exists: "subscription_already_exists", limit: "subscription_limit_exceeded" };

/// A webhook subscription.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Subscription {
    #[schema(pattern = "^sub_[0-9a-f]{32}$")]
    id: String,
    #[schema(example = "ERP", min_length = 1, max_length = 100)]
    name: String,
    #[schema(example = "https://erp.example.com/hooks")]
    url: String,
    /// Event names, `*` is a wildcard.
    #[schema(example = json!(["order.created", "invoice.*"]), max_items = 100)]
    events: Vec<String>,
    /// Whether events are sent; while it is false they wait in the log.
    enabled: bool,
    /// `suspended`: the target failed too often in a row and is only probed until it responds.
    status: RouteStatus,
    /// The Standard Webhooks secret: shown when it is made, later only as `••••••••`.
    secret: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    oauth2: Option<OAuth2Client>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificate: Option<ClientCertificate>,
    /// Headers that are sent with every event; the values of secret ones as `••••••••`.
    headers: BTreeMap<String, String>,
    /// The names of headers whose values are secrets, besides those that always are.
    secret_headers: Vec<String>,
    /// Only events that concern this partner.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 256)]
    partner_id: Option<String>,
    /// The body that the target receives.
    format: FormatName,
    /// The integration key of the PagerDuty service, as `••••••••`.
    #[serde(skip_serializing_if = "Option::is_none")]
    routing_key: Option<&'static str>,
    /// The time in which events are to arrive, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 2_592_000)]
    deliver_within_seconds: Option<u32>,
    /// The target's time to answer, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 60)]
    timeout_seconds: Option<u32>,
    /// The most events in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000)]
    max_per_second: Option<u32>,
    created_at: Millis,
    updated_at: Millis,
}

/// A webhook as its destination shows it.
#[derive(Deserialize)]
struct TargetView {
    url: String,
    secret: String,
    oauth2: Option<OAuth2Client>,
    client_certificate: Option<ClientCertificate>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    secret_headers: Vec<String>,
    timeout_seconds: Option<u32>,
    max_per_second: Option<u32>,
}

impl Subscription {
    /// A route as its user sees it.
    pub(crate) fn of(destinations: &Destinations, route: Route) -> Result<Self, Problem> {
        let shown = destinations.show(&route.destination).map_err(|error| Problem::internal(&error))?;
        let target: TargetView = TARGET.view(shown)?;
        let status = route.status();
        let Face::Subscription(subscription) = route.face else { return Err(Problem::not_found()) };
        let format = FormatName::of(&subscription.format);
        Ok(Self {
            id: route.id,
            name: subscription.name,
            url: target.url,
            events: route.filter.event_filter,
            enabled: status != RouteStatus::Stopped,
            status,
            secret: target.secret,
            oauth2: target.oauth2,
            client_certificate: target.client_certificate,
            headers: target.headers,
            secret_headers: target.secret_headers,
            partner_id: route.partner_id,
            format,
            routing_key: (format == FormatName::Pagerduty).then_some(MASK),
            deliver_within_seconds: route.deliver_within_seconds,
            timeout_seconds: target.timeout_seconds,
            max_per_second: target.max_per_second,
            created_at: route.created_at,
            updated_at: route.updated_at,
        })
    }

    /// With the secret that was just made: the only time it is shown.
    fn showing(mut self, secret: Option<&str>) -> Self {
        if let Some(secret) = secret {
            secret.clone_into(&mut self.secret);
        }
        self
    }
}

/// The subscription of that id.
pub(crate) async fn find(routes: &Routes, scope: &Scope, id: &str) -> Result<Route, Problem> {
    route::find(routes, scope, FaceKind::Subscription, id).await
}

/// Its key.
pub(crate) fn key(id: &str) -> RouteKey {
    RouteKey::new(FaceKind::Subscription, id)
}
