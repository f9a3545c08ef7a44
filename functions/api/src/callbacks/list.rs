//! `GET /v1/partners/{id}/callbacks`: a partner's callbacks.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sluice::outbound::Destinations;
use sluice::store::partners::Partners;
use sluice::store::routes::Routes;

use super::{CallbackView, FACE, expect_partner};
use crate::http::auth::{Needs, PartnersRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::{self, Params, PathParams};
use crate::route;

/// Which of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// How many to pass over; default 0.
    #[param(minimum = 0, maximum = 1_000_000)]
    offset: Option<u32>,
    /// How many at most; default 25.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// Some of a partner's callbacks.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CallbackPage {
    /// By their types.
    items: Vec<CallbackView>,
    #[schema(minimum = 0, maximum = 1_000_000)]
    offset: u32,
    #[schema(minimum = 1, maximum = 100)]
    limit: usize,
    /// How many there are in all.
    #[schema(minimum = 0, maximum = 3)]
    total: usize,
}

/// List a partner's callbacks
#[utoipa::path(
    get, path = "/v1/partners/{id}/callbacks", operation_id = "callbacks.list", tag = "callbacks",
    params(("id" = String, Path, description = "The partner"), ListParams),
    responses(
        (status = 200, description = "Some of its callbacks, and how many there are", body = CallbackPage),
        (status = 400, description = "A bad parameter", body = ErrorBody),
        (status = 404, description = "There is no such partner", body = ErrorBody),
    ),
    security(("oauth2" = ["partners:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<PartnersRead>,
    State(partners): State<Partners>,
    State(routes): State<Routes>,
    State(destinations): State<Destinations>,
    PathParams(partner): PathParams<String>,
    Params(params): Params<ListParams>,
) -> Result<Json<CallbackPage>, Problem> {
    let limit = query::limit(params.limit, 25, 100)?;
    let offset = params.offset.unwrap_or_default();
    expect_partner(&partners, &caller.scope, &partner).await?;
    let mut own = route::list(&routes, &caller.scope, FACE).await?;
    own.retain(|route| route.partner_id.as_ref() == Some(&partner));
    let total = own.len();
    let some = own.iter().skip(offset as usize).take(limit);
    let items = some.map(|route| CallbackView::of(&destinations, route)).collect::<Result<_, _>>()?;
    Ok(Json(CallbackPage { items, offset, limit, total }))
}
