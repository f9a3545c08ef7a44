//! `GET /v1/events`: reads the log, newest first; or oldest first, to poll it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sluice::domain::chunk::raw_size;
use sluice::domain::export::Position;
use sluice::domain::ids::ChunkId;
use sluice::domain::time::Millis;
use sluice::engine::poll::{PAGE_BYTES, Poll};
use sluice::ports::Ports;
use sluice::store::log::EventLog;
use sluice::store::reader::Direction;

use super::EventView;
use super::poll::{self, Polls};
use crate::http::auth::{Caller, EventsRead, Needs};
use crate::http::problem::{ErrorBody, FieldError, Problem};
use crate::http::query::{self, Params, bad_cursor};

/// Chunks read for one page, whatever matches: a rare name must not read the whole log in one request.
const MAX_CHUNKS: usize = 200;

/// The order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Order {
    /// Newest first.
    #[default]
    Desc,
    /// Oldest first.
    Asc,
}

/// The filters of the list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// `desc`, the default, is newest first. `asc` is oldest first, for polls: an event appears some seconds after it
    /// was published, once no other can be logged before it.
    #[param(inline)]
    order: Option<Order>,
    /// Only events logged at or after this time.
    from: Option<Millis>,
    /// Only events logged before this time.
    to: Option<Millis>,
    /// Only events of this name.
    #[param(pattern = "^[A-Za-z0-9_.-]{1,128}$")]
    name: Option<String>,
    /// `next_cursor` of the previous page, with `order=desc`.
    #[param(max_length = 1024)]
    cursor: Option<String>,
    /// `next_cursor` of the previous page, with `order=asc`; `from` then has no effect.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// With `order=asc`: how many seconds to wait for a first event, 0 to 20, default 0.
    #[param(minimum = 0, maximum = 20)]
    wait: Option<u32>,
    /// 1 to 500, default 100.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

impl ListParams {
    /// The parameters that its order does not have.
    fn misplaced(&self) -> Vec<FieldError> {
        let ascending = self.order == Some(Order::Asc);
        let rules = [
            ("?cursor", ascending && self.cursor.is_some(), "is for order=desc: with order=asc, `after` continues"),
            ("?after", !ascending && self.after.is_some(), "needs order=asc"),
            ("?wait", !ascending && self.wait.is_some(), "needs order=asc"),
        ];
        let broken = rules.into_iter().filter(|(_, broken, _)| *broken);
        broken.map(|(pointer, _, message)| FieldError::new(pointer, message)).collect()
    }
}

/// A page of events.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EventPage {
    /// In the order that was asked for.
    events: Vec<EventView>,
    /// The cursor of the next page. With `order=desc` it is missing on the last page; a page can be short or empty
    /// without being the last. With `order=asc` it is always there: continue with it as `after`, also after an empty
    /// page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List events
///
/// Newest first, by the time they were logged; or with `order=asc` oldest first, to poll the log. A poll never skips an
/// event. With `wait` it is answered as soon as there is an event, and with an empty page if there is none in that
/// time; an empty page that comes sooner has searched a part of the log, or too many polls wait already: the next one
/// continues. Its pages hold up to 4 MiB.
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
    State(polls): State<Polls>,
    Params(params): Params<ListParams>,
) -> Result<Json<EventPage>, Problem> {
    let misplaced = params.misplaced();
    if !misplaced.is_empty() {
        return Err(Problem::invalid(misplaced));
    }
    let page = match params.order.unwrap_or_default() {
        Order::Asc => oldest_first(&polls, &caller, &params).await?,
        Order::Desc => newest_first(&log, ports.now(), &caller, &params).await?,
    };
    Ok(Json(page))
}

async fn oldest_first(polls: &Polls, caller: &Caller, params: &ListParams) -> Result<EventPage, Problem> {
    let after = params.after.as_deref().map(poll::read_cursor).transpose()?;
    let poll = Poll {
        from: after.unwrap_or_else(|| Position::at(params.from.unwrap_or(Millis::ZERO))),
        to: params.to.unwrap_or(Millis::MAX),
        name: query::event_name(params.name.as_deref())?,
        limit: query::limit(params.limit, 100, 500)?,
        wait: query::wait(params.wait)?,
    };
    let page = polls.page(caller, poll).await?;
    let events = page.events.into_iter().map(EventView::from).collect();
    Ok(EventPage { events, next_cursor: Some(poll::cursor(page.next)) })
}

async fn newest_first(log: &EventLog, now: Millis, caller: &Caller, params: &ListParams) -> Result<EventPage, Problem> {
    let limit = query::limit(params.limit, 100, 500)?;
    let name = query::event_name(params.name.as_deref())?;
    let oldest = now.minus(log.retention());
    let from = ChunkId::floor(params.from.unwrap_or(oldest).max(oldest));
    let until = ChunkId::floor(params.to.unwrap_or(Millis::MAX).min(now.plus(Duration::from_secs(60))));
    // The cursor names the last event of the page before.
    let last = params.cursor.as_deref().map(read_cursor).transpose()?;
    let end = last.map_or(until, |(chunk, _)| chunk.after().min(until));

    let mut reader = log.read(&caller.scope, from, end, Direction::NewestFirst);
    let (mut events, mut bytes) = (Vec::with_capacity(limit), 0);
    let mut place = None;
    for _ in 0..MAX_CHUNKS {
        let Some((chunk, content)) = reader.next_readable().await? else {
            return Ok(EventPage { events, next_cursor: None });
        };
        if content.is_empty() {
            place = Some(query::encode_cursor(&format!("{chunk}.0")));
        }
        let below = last.filter(|(c, _)| *c == chunk).map_or(content.len(), |(_, index)| index.min(content.len()));
        for (index, event) in content.into_iter().enumerate().take(below).rev() {
            if events.len() == limit || bytes > PAGE_BYTES {
                return Ok(EventPage { events, next_cursor: place });
            }
            if name.is_none_or(|name| event.name == name) {
                bytes += raw_size(&event);
                events.push(event.into());
            }
            place = Some(query::encode_cursor(&format!("{chunk}.{index}")));
        }
    }
    Ok(EventPage { events, next_cursor: place })
}

fn read_cursor(text: &str) -> Result<(ChunkId, usize), Problem> {
    let place = query::decode_cursor(text)?;
    let parts = place.split_once('.').and_then(|(chunk, index)| Some((chunk.parse().ok()?, index.parse().ok()?)));
    parts.ok_or_else(bad_cursor)
}
