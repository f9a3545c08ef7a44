//! `DELETE /v1/consumers/{consumer}`: a consumer and its position.

use axum::extract::State;
use http::StatusCode;
use sluice::domain::consumer::is_consumer_name;
use sluice::store::consumers::Consumers;

use crate::http::auth::{EventsRead, Needs};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// Delete a consumer
///
/// Its tokens become invalid, also for a later consumer of the same name.
#[utoipa::path(
    delete, path = "/v1/consumers/{consumer}", operation_id = "consumers.delete", tag = "consumers",
    params(("consumer" = String, Path, description = "The consumer's name")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such consumer", body = ErrorBody),
    ),
    security(("oauth2" = ["events:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn delete(
    Needs { caller, .. }: Needs<EventsRead>,
    State(consumers): State<Consumers>,
    PathParams(name): PathParams<String>,
) -> Result<StatusCode, Problem> {
    let deleted = is_consumer_name(&name) && consumers.delete(&caller.scope, &name).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}
