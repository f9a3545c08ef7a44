//! `GET /v1/consumers/{consumer}/events`: what comes after a consumer's position.

use axum::Json;
use axum::extract::State;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sluice::domain::consumer::{self, AckToken, MAX_CONSUMERS, is_consumer_name};
use sluice::domain::time::Millis;
use sluice::engine::poll::Poll;
use sluice::store::audit::AuditLog;
use sluice::store::consumers::{Consumers, CreateError, Opened};

use super::ack::write_token;
use crate::events::EventView;
use crate::events::poll::Polls;
use crate::http::audit::Deed;
use crate::http::auth::{Caller, EventsRead, Needs};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::{self, Params, PathParams};

/// What to read.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReadParams {
    /// Where a new consumer begins: at the first event logged at or after this time. Default, and at the latest, now.
    /// Of no effect once the consumer exists.
    from: Option<Millis>,
    /// Only events of this name; an acknowledgement passes over the others.
    #[param(pattern = "^[A-Za-z0-9_.-]{1,128}$")]
    name: Option<String>,
    /// How many seconds to wait for a first event, 0 to 20, default 0.
    #[param(minimum = 0, maximum = 20)]
    wait: Option<u32>,
    /// 1 to 500, default 100.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Events for a consumer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ConsumerPage {
    /// Oldest first; up to 4 MiB.
    events: Vec<EventView>,
    /// Acknowledges this page, and whatever does not match before its end: `POST` it to `ack`. Until then the same
    /// events come again. An empty page has one too: acknowledge it, and the next one does not search the same again.
    #[schema(max_length = 1024)]
    ack: String,
}

/// Read events for a consumer
///
/// The events after the consumer's acknowledged position, oldest first: each at least once, in the order of the log,
/// some seconds after it was published. The first request creates the consumer; there can be 25. With `wait` the
/// response comes as soon as there is an event, and is empty if there is none in that time; an empty page that comes
/// sooner has searched a part of the log, or too many polls wait already: the next one continues once it is
/// acknowledged.
#[utoipa::path(
    get, path = "/v1/consumers/{consumer}/events", operation_id = "consumers.events", tag = "consumers",
    params(("consumer" = String, Path, description = "The consumer's name, of the caller's choice"), ReadParams),
    responses(
        (status = 200, description = "A page of events", body = ConsumerPage),
        (status = 400, description = "`validation_failed`, `consumer_limit_exceeded`", body = ErrorBody),
    ),
    security(("oauth2" = ["events:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn events(
    Needs { caller, .. }: Needs<EventsRead>,
    State(polls): State<Polls>,
    State(consumers): State<Consumers>,
    State(audit): State<AuditLog>,
    PathParams(name): PathParams<String>,
    Params(params): Params<ReadParams>,
    parts: Parts,
) -> Result<Json<ConsumerPage>, Problem> {
    let (limit, wait) = (query::limit(params.limit, 100, 500)?, query::wait(params.wait)?);
    let event_name = query::event_name(params.name.as_deref())?;
    if !is_consumer_name(&name) {
        return Err(Problem::field("?consumer", "must be 1 to 50 of [a-z0-9-]"));
    }
    let consumer = match consumers.open(&caller.scope, &name, params.from).await.map_err(not_opened)? {
        Opened::Known(consumer) => consumer,
        Opened::Created(consumer) => {
            record(&audit, &parts, &caller, &consumer).await?;
            consumer
        }
    };
    let poll = Poll { from: consumer.position, to: Millis::MAX, name: event_name, limit, wait };
    let page = polls.page(&caller, poll).await?;
    let ack = write_token(&AckToken { consumer: consumer.uid, position: page.next });
    Ok(Json(ConsumerPage { events: page.events.into_iter().map(EventView::from).collect(), ack }))
}

/// Records the creation: the guard does so only for methods that are meant to change something.
async fn record(
    audit: &AuditLog,
    parts: &Parts,
    caller: &Caller,
    consumer: &consumer::Consumer,
) -> Result<(), Problem> {
    let from = Value::String(consumer.position.chunk.at().to_string());
    let details = Map::from_iter([("from".to_owned(), from)]);
    let deed = Deed::new(parts, caller, "consumers.create", None);
    deed.write(audit, consumer.created_at, (Some(consumer.name.clone()), details), None).await
}

fn not_opened(error: CreateError) -> Problem {
    match error {
        CreateError::LimitReached => {
            let message = format!("There are {MAX_CONSUMERS} consumers already, which is the limit.");
            Problem::bad_request("consumer_limit_exceeded", message)
        }
        // It was deleted at the same time.
        CreateError::Exists => sluice::store::StoreError::Conflict.into(),
        CreateError::Store(error) => error.into(),
    }
}
