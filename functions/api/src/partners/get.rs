//! `GET /v1/partners/{id}`: one trading partner, and how it is doing.

use axum::Json;
use axum::extract::State;
use sluice::engine::partners::PartnerRegistry;

use super::Partner;
use crate::http::auth::{Needs, PartnersRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Get a trading partner
///
/// Its whole configuration, with masks for secrets, and under `live` how it is doing.
#[utoipa::path(
    get, path = "/v1/partners/{id}", operation_id = "partners.get", tag = "partners",
    params(("id" = String, Path, description = "The partner")),
    responses(
        (status = 200, description = "The partner", body = Partner),
        (status = 404, description = "There is no such partner", body = ErrorBody),
    ),
    security(("oauth2" = ["partners:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn get(
    Needs { caller, .. }: Needs<PartnersRead>,
    State(registry): State<PartnerRegistry>,
    PathParams(id): PathParams<String>,
) -> Result<Json<Partner>, Problem> {
    let partner = registry.find(&caller.scope, &id).await?;
    let live = Some(registry.status(&caller.scope, &partner).await?);
    Ok(Json(Partner { live, ..partner.into() }))
}
