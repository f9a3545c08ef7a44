//! `GET /v1/identities`: the identities, by id.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sluice::domain::partner::is_partner_id;
use sluice::ports::Ports;
use sluice::store::identities::Identities;

use super::Identity;
use crate::http::auth::{Needs, PartnersRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::{self, PageParams, Params, bad_cursor};

/// A page of identities.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct IdentityPage {
    /// By id.
    identities: Vec<Identity>,
    /// The cursor of the next page; missing on the last one. A page can be short without being the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List identities
#[utoipa::path(
    get, path = "/v1/identities", operation_id = "identities.list", tag = "identities",
    params(PageParams),
    responses(
        (status = 200, description = "A page of identities", body = IdentityPage),
        (status = 400, description = "A bad parameter", body = ErrorBody),
    ),
    security(("oauth2" = ["partners:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<PartnersRead>,
    State(identities): State<Identities>,
    State(ports): State<Ports>,
    Params(params): Params<PageParams>,
) -> Result<Json<IdentityPage>, Problem> {
    let limit = query::limit(params.limit, 100, 500)?;
    let after = params.cursor.as_deref().map(query::decode_cursor).transpose()?;
    if after.as_deref().is_some_and(|id| !is_partner_id(id)) {
        return Err(bad_cursor());
    }
    let (found, next) = identities.page(&caller.scope, after.as_deref(), limit).await?;
    let now = ports.now();
    let identities = found.into_iter().map(|one| Identity::shown(one, now)).collect();
    Ok(Json(IdentityPage { identities, next_cursor: next.as_deref().map(query::encode_cursor) }))
}
