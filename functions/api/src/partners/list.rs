//! `GET /v1/partners`: the trading partners, by id.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sluice::domain::partner::is_partner_id;
use sluice::store::partners::Partners;

use super::Partner;
use crate::http::auth::{Needs, PartnersRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::{self, PageParams, Params, bad_cursor};

/// A page of partners.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct PartnerPage {
    /// By id.
    partners: Vec<Partner>,
    /// The cursor of the next page; missing on the last one. A page can be short without being the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List trading partners
#[utoipa::path(
    get, path = "/v1/partners", operation_id = "partners.list", tag = "partners",
    params(PageParams),
    responses(
        (status = 200, description = "A page of partners", body = PartnerPage),
        (status = 400, description = "A bad parameter", body = ErrorBody),
    ),
    security(("oauth2" = ["partners:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<PartnersRead>,
    State(partners): State<Partners>,
    Params(params): Params<PageParams>,
) -> Result<Json<PartnerPage>, Problem> {
    let limit = query::limit(params.limit, 100, 500)?;
    let after = params.cursor.as_deref().map(query::decode_cursor).transpose()?;
    if after.as_deref().is_some_and(|id| !is_partner_id(id)) {
        return Err(bad_cursor());
    }
    let (found, next) = partners.page(&caller.scope, after.as_deref(), limit).await?;
    let partners = found.into_iter().map(Partner::from).collect();
    Ok(Json(PartnerPage { partners, next_cursor: next.as_deref().map(query::encode_cursor) }))
}
