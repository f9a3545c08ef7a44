//! `GET /v1/dlq`: dead letters, the newest first.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use sluice::domain::pipeline::dead_letter::{Category, LetterFilter, LetterStatus};
use sluice::domain::time::Millis;
use sluice::engine::pipelines::{Letters, Of};
use sluice::store::pipelines::Listed;

use super::{Kind, LetterView};
use crate::http::auth::{Needs, PipelinesRead};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::Params;
use crate::pipelines::{Paged, place};

/// Which dead letters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Only of records, or of deliveries.
    kind: Option<Kind>,
    /// Only in this state.
    status: Option<LetterStatus>,
    /// Only of this category.
    category: Option<Category>,
    /// Only of this instance.
    #[param(max_length = 256)]
    instance_id: Option<String>,
    /// Only of this entity type.
    #[param(max_length = 256)]
    entity_type: Option<String>,
    /// That failed at this time or later.
    from: Option<Millis>,
    /// That failed before.
    to: Option<Millis>,
    /// From 1.
    #[param(minimum = 1, maximum = 10_000)]
    page: Option<u32>,
    /// 1 to 100, default 25.
    #[param(minimum = 1, maximum = 100)]
    page_size: Option<u32>,
}

/// List dead letters
///
/// Records that did not reach their target, and deliveries that are out of retries or were rejected: the newest 10,000
/// of each. A delivery that was sent again is in the list no more.
#[utoipa::path(
    get, path = "/v1/dlq", operation_id = "dlq.list", tag = "dlq",
    params(ListParams),
    responses(
        (status = 200, description = "A page", body = Paged<LetterView>),
        (status = 400, description = "A bad parameter", body = ErrorBody),
    ),
    security(("oauth2" = ["pipelines:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<PipelinesRead>,
    State(letters): State<Letters>,
    Params(params): Params<ListParams>,
) -> Result<Json<Paged<LetterView>>, Problem> {
    let place = place(params.page, params.page_size)?;
    let of = match params.kind {
        None => Of::Both,
        Some(Kind::Record) => Of::Records,
        Some(Kind::Delivery) => Of::Deliveries,
    };
    let ListParams { status, category, instance_id: instance, entity_type, from, to, .. } = params;
    let filter = LetterFilter { instance, entity_type, status, category, from, to };
    let Listed { items, total } = letters.page(&caller.scope, &filter, of, place).await?;
    Ok(Paged::new(items.into_iter().map(LetterView::from).collect(), place, total))
}
