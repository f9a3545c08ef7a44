//! `PUT /v1/partners/{id}/callbacks/{notification_type}`: registers a partner's callback, or changes it.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sluice::domain::destination::Destination;
use sluice::domain::face::Face;
use sluice::domain::face::callback::{Callback, NotificationType};
use sluice::domain::filter::FilterConditions;
use sluice::domain::route::{Draft, RetryKind, Way};
use sluice::domain::sealed::MASK;
use sluice::engine::lifecycle::Lifecycle;
use sluice::outbound::Destinations;
use sluice::store::partners::Partners;
use sluice::store::routes::Routes;

use super::{CallbackView, Place, TARGET, expect_partner, key, notification_type};
use crate::http::auth::{Needs, PartnersWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;
use crate::route::{self, Words};
use crate::target::moves;

/// Where a partner is told something.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({"callbackUrl": "https://partner.example.com/notes", "apiKey": "k"}))]
pub(crate) struct PutCallback {
    /// `https`, a public address.
    callback_url: String,
    /// Sent as `Authorization: Bearer`; `••••••••` keeps the one there is, unless scheme, host or port of `callbackUrl`
    /// change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
}

const WORDS: Words = Words { noun: "A callback", exists: "callback_already_exists", limit: "callback_limit_exceeded" };

/// Register or change a callback
#[utoipa::path(
    put, path = "/v1/partners/{id}/callbacks/{notification_type}", operation_id = "callbacks.put", tag = "callbacks",
    params(
        ("id" = String, Path, description = "The partner"),
        ("notification_type" = String, Path, description = "The number or the name of the type"),
    ),
    request_body = PutCallback,
    responses(
        (status = 200, description = "The callback, changed", body = CallbackView),
        (status = 201, description = "The callback, registered", body = CallbackView),
        (status = 400, description = "`unsupported_notification_type`, `validation_failed`, `secret_required`, `insecure_url`, `forbidden_address`", body = ErrorBody),
        (status = 404, description = "There is no such partner", body = ErrorBody),
        (status = 409, description = "`conflict`: it was changed at the same time", body = ErrorBody),
    ),
    security(("oauth2" = ["partners:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn put(
    Needs { caller, .. }: Needs<PartnersWrite>,
    State(partners): State<Partners>,
    State(routes): State<Routes>,
    State(lifecycle): State<Lifecycle>,
    State(destinations): State<Destinations>,
    PathParams((partner, kind)): PathParams<Place>,
    JsonBody(request): JsonBody<PutCallback>,
) -> Result<(StatusCode, Json<CallbackView>), Problem> {
    let scope = &caller.scope;
    let notification = notification_type(&kind)?;
    expect_partner(&partners, scope, &partner).await?;
    let written = TARGET.written(&request)?;
    if let Some(mut known) = routes.get(scope, &key(&partner, notification)).await? {
        let moved = moves(&destinations, &known.destination, Some(&request.callback_url))?;
        let written = if moved { written } else { with_kept_secret(written) };
        known.destination = TARGET.replace(&destinations, scope, written, &known.destination).await?;
        let changed = lifecycle.update(scope, known).await?;
        return Ok((StatusCode::OK, Json(CallbackView::of(&destinations, &changed)?)));
    }
    let (destination, _) = TARGET.accept(&destinations, scope, written, Vec::new()).await?;
    let route = route::create(&lifecycle, scope, draft(partner, notification, destination), WORDS).await?;
    Ok((StatusCode::CREATED, Json(CallbackView::of(&destinations, &route)?)))
}

/// Users of callbacks do not see the signing secret: it stays, and another server gets another one.
fn with_kept_secret(mut written: Map<String, Value>) -> Map<String, Value> {
    written.insert("signing_secret".to_owned(), MASK.into());
    written
}

fn draft(partner: String, notification: NotificationType, destination: Destination) -> Draft {
    let event_filter = vec![notification.name().to_owned()];
    Draft {
        id: Callback::route_id(&partner, notification),
        partner_id: Some(partner.clone()),
        face: Face::Callback(Callback { partner, notification }),
        filter: FilterConditions { event_filter, ..FilterConditions::default() },
        destination,
        way: Way::Live,
        retry: RetryKind::Stream,
        deliver_within_seconds: None,
        starts_at: None,
        ends_at: None,
    }
}
