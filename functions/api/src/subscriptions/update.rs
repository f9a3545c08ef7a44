//! `PATCH /v1/webhooks/subscriptions/{id}`: changes a subscription, pauses it or resumes it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sluice::domain::face::Face;
use sluice::domain::face::format::Format;
use sluice::domain::face::subscription::Subscription as Own;
use sluice::domain::filter::FilterConditions;
use sluice::domain::route::Route;
use sluice::domain::scope::Scope;
use sluice::domain::sealed::MASK;
use sluice::engine::lifecycle::Lifecycle;
use sluice::outbound::moved::{MOVED, SECRET_REQUIRED};
use sluice::outbound::{ClientCertificate, Destinations, OAuth2Client};
use sluice::store::routes::Routes;

use super::parameters::{FormatName, filter, format, name_fault, partner_fault, promise_fault};
use super::{Subscription, TARGET, find, key};
use crate::http::auth::{Needs, WebhooksWrite};
use crate::http::body::{JsonBody, present};
use crate::http::problem::{ErrorBody, FieldError, Problem};
use crate::http::query::PathParams;
use crate::target::moves;

/// Changes; fields that are missing stay as they are, `null` removes one.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"enabled": false}))]
pub(crate) struct UpdateSubscription {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Event names, `*` is a wildcard.
    #[schema(min_items = 1, max_items = 100)]
    events: Option<Vec<String>>,
    /// False pauses it: events wait in the log. True sends what has waited for up to 30 days.
    enabled: Option<bool>,
    /// Only events that concern this partner.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 256)]
    partner_id: Option<Option<String>>,
    /// The time in which events are to arrive, in seconds.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 2_592_000)]
    deliver_within_seconds: Option<Option<u32>>,
    format: Option<FormatName>,
    /// The integration key of the PagerDuty service; `••••••••` keeps it.
    routing_key: Option<String>,
    url: Option<String>,
    /// A Standard Webhooks secret; `••••••••` keeps the one there is, `null` has a new one made, which is shown in this
    /// response alone.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    secret: Option<Option<String>>,
    /// Replaces the whole client; a mask keeps its secret, unless the origin of `token_url` or `url` changes.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<OAuth2Client>)]
    oauth2: Option<Option<OAuth2Client>>,
    /// Replaces the whole certificate; a mask keeps its private key.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<ClientCertificate>)]
    client_certificate: Option<Option<ClientCertificate>>,
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    headers: Option<Option<BTreeMap<String, String>>>,
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>)]
    secret_headers: Option<Option<Vec<String>>>,
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 60)]
    timeout_seconds: Option<Option<u32>>,
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 10_000)]
    max_per_second: Option<Option<u32>>,
}

/// The changes that are the webhook's.
#[derive(Serialize)]
struct TargetChanges {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oauth2: Option<Option<OAuth2Client>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificate: Option<Option<ClientCertificate>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Option<BTreeMap<String, String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_headers: Option<Option<Vec<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_seconds: Option<Option<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_per_second: Option<Option<u32>>,
}

/// Change, pause or resume a webhook subscription
///
/// If scheme, host or port of `url` change, every secret must be given again, or removed with `null`.
#[utoipa::path(
    patch, path = "/v1/webhooks/subscriptions/{id}", operation_id = "subscriptions.update", tag = "subscriptions",
    params(("id" = String, Path, description = "The subscription")),
    request_body = UpdateSubscription,
    responses(
        (status = 200, description = "The subscription", body = Subscription),
        (status = 400, description = "`validation_failed`, `secret_required`, `insecure_url`, `forbidden_address`", body = ErrorBody),
        (status = 404, description = "There is no such subscription", body = ErrorBody),
        (status = 409, description = "`conflict`: it was changed at the same time", body = ErrorBody),
    ),
    security(("oauth2" = ["webhooks:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn update(
    Needs { caller, .. }: Needs<WebhooksWrite>,
    State(routes): State<Routes>,
    State(lifecycle): State<Lifecycle>,
    State(destinations): State<Destinations>,
    PathParams(id): PathParams<String>,
    JsonBody(request): JsonBody<UpdateSubscription>,
) -> Result<Json<Subscription>, Problem> {
    let scope = &caller.scope;
    let mut route = find(&routes, scope, &id).await?;
    let enabled = request.enabled;
    let mut made = None;
    if let Some(generated) = request.apply(&destinations, scope, &mut route).await? {
        route = lifecycle.update(scope, route).await?;
        made = generated.get("signing_secret").and_then(Value::as_str).map(str::to_owned);
    }
    let switched = match enabled {
        Some(true) => lifecycle.start(scope, &key(&id)).await?,
        Some(false) => lifecycle.stop(scope, &key(&id)).await?,
        None => Some(route),
    };
    let subscription = Subscription::of(&destinations, switched.ok_or_else(Problem::not_found)?)?;
    Ok(Json(subscription.showing(made.as_deref())))
}

impl UpdateSubscription {
    /// Makes the changes; gives the secrets that were generated, and `None` if there are no changes.
    async fn apply(
        self,
        destinations: &Destinations,
        scope: &Scope,
        route: &mut Route,
    ) -> Result<Option<Map<String, Value>>, Problem> {
        let kept_key = self.routing_key.as_deref().is_none_or(|key| key == MASK) && has_routing_key(&route.face);
        let (mut faults, before) = (Vec::new(), own(route));
        if let Some(events) = self.events {
            let (filter, of_filter) = filter("/events", events);
            (route.filter, faults) = (filter, of_filter);
        }
        if let Some(partner) = self.partner_id {
            faults.extend(partner.as_deref().and_then(partner_fault));
            route.partner_id = partner;
        }
        if let Some(promise) = self.deliver_within_seconds {
            faults.extend(promise.and_then(promise_fault));
            route.deliver_within_seconds = promise;
        }
        faults.extend(rename(&mut route.face, self.name));
        faults.extend(reformat(&mut route.face, self.format, self.routing_key.as_deref()));
        let moved = moves(destinations, &route.destination, self.url.as_deref())?;
        let changes = TARGET.written(&TargetChanges {
            url: self.url,
            secret: self.secret,
            oauth2: self.oauth2,
            client_certificate: self.client_certificate,
            headers: self.headers,
            secret_headers: self.secret_headers,
            timeout_seconds: self.timeout_seconds,
            max_per_second: self.max_per_second,
        })?;
        if changes.is_empty() && faults.is_empty() {
            return Ok((before != own(route)).then(Map::new));
        }
        let patched = TARGET.patch(destinations, scope, (changes, &route.destination), faults).await;
        let stays = !kept_key || !has_routing_key(&route.face) || !moved;
        let (destination, generated) = if stays { patched? } else { return Err(with_routing_key(patched.err())) };
        route.destination = destination;
        Ok(Some(generated))
    }
}

fn has_routing_key(face: &Face) -> bool {
    matches!(face, Face::Subscription(Own { format: Format::Pagerduty { .. }, .. }))
}

/// The answer where the routing key would be sent elsewhere: with it, the webhook's secrets that would be too.
fn with_routing_key(others: Option<Problem>) -> Problem {
    let fault = FieldError::new("/routing_key", MOVED);
    match others {
        Some(problem) if problem.code != SECRET_REQUIRED => problem,
        Some(problem) => problem.detail(json!(fault)),
        None => Problem { code: SECRET_REQUIRED, ..Problem::invalid(vec![fault]) },
    }
}

/// What of a route is not the webhook's.
fn own(route: &Route) -> (Face, FilterConditions, Option<String>, Option<u32>) {
    (route.face.clone(), route.filter.clone(), route.partner_id.clone(), route.deliver_within_seconds)
}

fn rename(face: &mut Face, name: Option<String>) -> Option<FieldError> {
    let (Face::Subscription(subscription), Some(name)) = (face, name) else { return None };
    let fault = name_fault(&name);
    subscription.name = name;
    fault
}

fn reformat(face: &mut Face, name: Option<FormatName>, routing_key: Option<&str>) -> Option<FieldError> {
    let Face::Subscription(subscription) = face else { return None };
    if name.is_none() && routing_key.is_none() {
        return None;
    }
    let name = name.unwrap_or_else(|| FormatName::of(&subscription.format));
    match format(name, routing_key, Some(&subscription.format)) {
        Ok(format) => {
            subscription.format = format;
            None
        }
        Err(fault) => Some(fault),
    }
}
