//! `GET /v1/events`: reads the log, newest first.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sluice::domain::event::is_event_name;
use sluice::domain::ids::ChunkId;
use sluice::domain::time::Millis;
use sluice::ports::Ports;
use sluice::store::log::EventLog;
use sluice::store::reader::Direction;

use super::EventView;
use crate::http::auth::{EventsRead, Needs};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::{self, Params, bad_cursor};

/// Chunks read for one page, whatever matches: a rare name must not read the whole log in one request.
const MAX_CHUNKS: usize = 200;

/// The filters of the list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Only events logged at or after this time.
    from: Option<Millis>,
    /// Only events logged before this time.
    to: Option<Millis>,
    /// Only events of this name.
    #[param(pattern = "^[A-Za-z0-9_.-]{1,128}$")]
    name: Option<String>,
    /// `next_cursor` of the previous page.
    #[param(max_length = 1024)]
    cursor: Option<String>,
    /// 1 to 500, default 100.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// A page of events.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EventPage {
    /// Newest first.
    events: Vec<EventView>,
    /// The cursor of the next page; missing on the last one. A page can be short or empty without being the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List events
///
/// Newest first, by the time they were logged.
#[utoipa::path(
    get, path = "/v1/events", operation_id = "events.list", tag = "events",
    params(ListParams),
    responses(
        (status = 200, description = "A page of events", body = EventPage),
        (status = 400, description = "A bad parameter", body = ErrorBody),
    ),
    security(("oauth2" = ["events:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(
    Needs { caller, .. }: Needs<EventsRead>,
    State(log): State<EventLog>,
    State(ports): State<Ports>,
    Params(params): Params<ListParams>,
) -> Result<Json<EventPage>, Problem> {
    let limit = query::limit(params.limit, 100, 500)?;
    if params.name.as_deref().is_some_and(|name| !is_event_name(name)) {
        return Err(Problem::field("?name", "is not an event name"));
    }
    let now = ports.now();
    let oldest = now.minus(log.retention());
    let from = ChunkId::floor(params.from.unwrap_or(oldest).max(oldest));
    let until = ChunkId::floor(params.to.unwrap_or(Millis::MAX).min(now.plus(std::time::Duration::from_secs(60))));
    // The cursor names the last event of the page before.
    let last = params.cursor.as_deref().map(read_cursor).transpose()?;
    let end = last.map_or(until, |(chunk, _)| chunk.after().min(until));

    let mut reader = log.read(&caller.scope, from, end, Direction::NewestFirst);
    let mut events = Vec::with_capacity(limit);
    let mut place = None;
    for _ in 0..MAX_CHUNKS {
        let Some((chunk, content)) = reader.next().await? else {
            return Ok(Json(EventPage { events, next_cursor: None }));
        };
        let below = last.filter(|(c, _)| *c == chunk).map_or(content.len(), |(_, index)| index.min(content.len()));
        for (index, event) in content.into_iter().enumerate().take(below).rev() {
            if events.len() == limit {
                return Ok(Json(EventPage { events, next_cursor: place }));
            }
            if params.name.as_ref().is_none_or(|name| event.name == *name) {
                events.push(event.into());
            }
            place = Some(query::encode_cursor(&format!("{chunk}.{index}")));
        }
    }
    Ok(Json(EventPage { events, next_cursor: place }))
}

fn read_cursor(text: &str) -> Result<(ChunkId, usize), Problem> {
    let place = query::decode_cursor(text)?;
    let parts = place.split_once('.').and_then(|(chunk, index)| Some((chunk.parse().ok()?, index.parse().ok()?)));
    parts.ok_or_else(bad_cursor)
}
