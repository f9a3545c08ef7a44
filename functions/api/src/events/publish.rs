//! `POST /v1/events`: takes events in; answers once they are durable.

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sluice::domain::event::{MAX_BATCH_EVENTS, MAX_EVENT_BYTES, is_event_id, name_fault};
use sluice::domain::json::{MAX_PAYLOAD_DEPTH, Scanner};
use sluice::domain::schema::Fault;
use sluice::domain::time::Millis;
use sluice::engine::publish::{Acceptance, NewEvent, Publisher};
use sluice::engine::{EngineError, conform};
use sluice::store::event_types::EventTypes;

use crate::http::auth::{EventsWrite, Needs};
use crate::http::body::{self, expect_json, too_large};
use crate::http::idempotency::{self, Keyed};
use crate::http::limits::Limiter;
use crate::http::problem::{ErrorBody, FieldError, Problem};

/// An event to publish.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEvent)]
pub(crate) struct EventInput<'a> {
    /// `entity.event`: 1 to 128 of `[A-Za-z0-9_.-]`. Names of Sluice's own events are reserved: those that begin with
    /// `integration.`, `transaction.`, `dead_letter.`, `sla.`, `mdn.` or `document.`.
    #[schema(example = "order.created", pattern = "^[A-Za-z0-9_.-]{1,128}$")]
    name: String,
    /// A JSON object without duplicate keys, at most 64 levels deep. The whole event may have 256 KiB.
    #[serde(borrow)]
    #[schema(value_type = Object)]
    payload: &'a RawValue,
    /// Your own id, which makes publishing safe to repeat: 1 to 100 of `[A-Za-z0-9_:-]`. It costs one more database
    /// write.
    #[serde(default)]
    #[schema(pattern = "^[A-Za-z0-9_:-]{1,100}$")]
    id: Option<String>,
    /// The time of the event; default now.
    #[serde(default)]
    published_at: Option<Millis>,
    /// The partner it concerns.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 256)]
    partner_id: Option<String>,
    /// The kind of business document it carries.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 256)]
    document_type: Option<String>,
    /// Integrations with `"ordering": "key"` send events of one key in order.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 256)]
    ordering_key: Option<String>,
}

/// Several events to publish.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventBatch<'a> {
    /// Up to 1,000, together up to 5 MiB.
    #[serde(borrow)]
    #[schema(value_type = Vec<EventInput>, min_items = 1, max_items = 1_000)]
    events: Vec<&'a RawValue>,
}

/// One or several events.
#[derive(utoipa::ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the body in the OpenAPI document")]
pub(crate) enum PublishRequest<'a> {
    One(EventInput<'a>),
    Batch(EventBatch<'a>),
}

/// The results.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PublishAnswer {
    /// Logged, and being delivered.
    #[schema(minimum = 0, maximum = 1_000)]
    accepted: usize,
    /// Already published within 24 hours, by their ids.
    #[schema(minimum = 0, maximum = 1_000)]
    duplicates: usize,
    /// The result of each event, in the order of the request.
    events: Vec<PublishedEvent>,
}

/// The result of one event.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PublishedEvent {
    #[schema(pattern = "^[A-Za-z0-9_:-]{1,100}$")]
    id: String,
    #[schema(pattern = "^[A-Za-z0-9_.-]{1,128}$")]
    name: String,
    status: EventStatus,
}

/// The status of a published event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum EventStatus {
    Accepted,
    Duplicate,
}

/// Publish events
///
/// One event, or `{"events": [...]}`. The response is sent once they are durable. One invalid event rejects the whole
/// batch, and so does a payload that violates the schema of its event type. A changed schema applies within 5 seconds.
#[utoipa::path(
    post, path = "/v1/events", operation_id = "events.publish", tag = "events",
    request_body(content = PublishRequest, examples(
        ("one" = (summary = "One event", value = json!({
            "name": "order.created", "payload": {"number": "4711", "total": 99.90}, "id": "order-4711-created",
        }))),
        ("several" = (summary = "Several events", value = json!({"events": [
            {"name": "order.created", "payload": {"number": "4711"}, "ordering_key": "4711"},
            {"name": "order.paid", "payload": {"number": "4711"}, "ordering_key": "4711"},
        ]}))),
    )),
    responses(
        (status = 202, description = "Accepted: durable, and being delivered", body = PublishAnswer),
        (status = 400, description = "`validation_failed`, `duplicate_key`, `nesting_too_deep`: `details` point at each invalid event", body = ErrorBody),
        (status = 413, description = "Larger than what the deployment takes, which is named (5 MiB, 4 MiB on AWS), or one event larger than 256 KiB", body = ErrorBody),
        (status = 429, description = "`rate_limited`, or `quota_exceeded`: wait for `Retry-After`", body = ErrorBody),
        (status = 503, description = "`unavailable`, `storage_full`: nothing was accepted; try again, under the same `Idempotency-Key` or with ids of your own so that nothing is published twice", body = ErrorBody),
    ),
    security(("oauth2" = ["events:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn publish(
    Needs { caller, .. }: Needs<EventsWrite>,
    State(publisher): State<Publisher>,
    State(limiter): State<Limiter>,
    State(types): State<EventTypes>,
    keyed: Option<Extension<Keyed>>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<PublishAnswer>), Problem> {
    expect_json(&headers)?;
    let entrance = (publisher.entrance(), &caller.scope.tenant);
    let (bytes, _held) = body::read_at(entrance, &headers, body, limiter.publish_bytes()).await?;
    let (events, places) = parse(&bytes)?;
    drop(bytes);
    let schemas = types.schemas(&caller.scope).await?;
    let (events, faults) = conform::check(schemas, events).await?;
    if !faults.is_empty() {
        let seen = |(event, Fault { pointer, message })| {
            FieldError::new(format!("{}/payload{pointer}", places.of(event)), message)
        };
        return Err(Problem::invalid(faults.into_iter().map(seen).collect()));
    }
    limiter.count_events(&caller, events.len()).await?;
    let names: Vec<String> = events.iter().map(|event| event.name.clone()).collect();
    let request = keyed.and_then(|Extension(keyed)| keyed.request());
    let receipts = publisher.publish_once(&caller.scope, events, request).await.map_err(|error| match *error {
        EngineError::KeyReused => idempotency::reused(),
        _ if error.is_full() => Problem::storage_full(),
        _ => Problem::unavailable(&error),
    })?;
    let count = |wanted| receipts.iter().filter(|(_, acceptance)| *acceptance == wanted).count();
    let (accepted, duplicates) = (count(Acceptance::Accepted), count(Acceptance::Duplicate));
    let answer = |((id, acceptance), name)| {
        let status = match acceptance {
            Acceptance::Accepted => EventStatus::Accepted,
            Acceptance::Duplicate => EventStatus::Duplicate,
        };
        PublishedEvent { id, name, status }
    };
    let events = receipts.into_iter().zip(names).map(answer).collect();
    Ok((StatusCode::ACCEPTED, Json(PublishAnswer { accepted, duplicates, events })))
}

/// Where the events of a body stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Places {
    /// The body is the event.
    Whole,
    /// They are a list in it.
    List,
}

impl Places {
    fn of(self, event: usize) -> String {
        match self {
            Self::Whole => String::new(),
            Self::List => format!("/events/{event}"),
        }
    }
}

/// The events of a body: all of them good, or an error that points to each bad one.
fn parse(bytes: &[u8]) -> Result<(Vec<NewEvent>, Places), Problem> {
    let batch = match body::try_parse::<EventBatch<'_>>(bytes) {
        Some(batch) => batch,
        None if has_list(bytes)? => body::parse_raw(bytes)?,
        None => return parse_one(bytes),
    };
    if batch.events.is_empty() || batch.events.len() > MAX_BATCH_EVENTS {
        return Err(Problem::field("/events", format!("must have 1 to {MAX_BATCH_EVENTS} events")));
    }
    let (mut events, mut faults, mut scanner) =
        (Vec::with_capacity(batch.events.len()), Faults::new(), Scanner::within(MAX_PAYLOAD_DEPTH));
    for (index, item) in batch.events.iter().enumerate() {
        let place = Places::List.of(index);
        match body::parse_raw::<EventInput<'_>>(item.get().as_bytes()) {
            Ok(input) => events.push(check(input, &place, &mut scanner, &mut faults)),
            Err(problem) => faults.add_all(&place, &problem),
        }
    }
    faults.or((events, Places::List))
}

fn parse_one(bytes: &[u8]) -> Result<(Vec<NewEvent>, Places), Problem> {
    let input: EventInput<'_> = body::parse_raw(bytes)?;
    if input.payload.get().len() > MAX_EVENT_BYTES {
        return Err(too_large(MAX_EVENT_BYTES));
    }
    let mut faults = Faults::new();
    let event = check(input, "", &mut Scanner::within(MAX_PAYLOAD_DEPTH), &mut faults);
    faults.or((vec![event], Places::Whole))
}

/// Whether a body has a field `events`, valid or not.
fn has_list(bytes: &[u8]) -> Result<bool, Problem> {
    #[derive(Deserialize)]
    struct Form<'a> {
        #[serde(default, borrow)]
        events: Option<&'a RawValue>,
    }
    body::parse_raw::<Form<'_>>(bytes).map(|form| form.events.is_some())
}

/// The invalid fields found in a request's events.
struct Faults {
    fields: Vec<FieldError>,
    /// The error code, `validation_failed` if they have different ones.
    code: Option<&'static str>,
}

impl Faults {
    fn new() -> Self {
        Self { fields: Vec::new(), code: None }
    }

    fn add(&mut self, pointer: String, message: &str) {
        self.note("validation_failed");
        self.fields.push(FieldError::new(pointer, message));
    }

    /// Adds the details of a problem with the item at `place`.
    fn add_all(&mut self, place: &str, problem: &Problem) {
        self.note(problem.code);
        let below = |detail: &serde_json::Value| {
            let text = |name: &str| detail[name].as_str().unwrap_or_default().to_owned();
            FieldError::new(format!("{place}{}", text("pointer")), text("message"))
        };
        self.fields.extend(problem.details.iter().map(below));
        if problem.details.is_empty() {
            self.fields.push(FieldError::new(place, &*problem.message));
        }
    }

    fn note(&mut self, code: &'static str) {
        self.code = Some(self.code.filter(|known| *known != code).map_or(code, |_| "validation_failed"));
    }

    /// `good`, or the error if there are any faults.
    fn or<T>(self, good: T) -> Result<T, Problem> {
        match self.code {
            None => Ok(good),
            Some(code) => Err(Problem { code, ..Problem::invalid(self.fields) }),
        }
    }
}

fn check(input: EventInput<'_>, place: &str, scanner: &mut Scanner, faults: &mut Faults) -> NewEvent {
    let mut fault = |field: &str, message: &str| faults.add(format!("{place}/{field}"), message);
    if let Some(message) = name_fault(&input.name) {
        fault("name", message);
    }
    if !input.payload.get().starts_with('{') {
        fault("payload", "must be a JSON object");
    }
    if input.payload.get().len() > MAX_EVENT_BYTES {
        fault("payload", "an event may take 256 KiB");
    }
    if input.id.as_deref().is_some_and(|id| !is_event_id(id)) {
        fault("id", "must be 1 to 100 of [A-Za-z0-9_:-]");
    }
    let short = [
        ("partner_id", &input.partner_id),
        ("document_type", &input.document_type),
        ("ordering_key", &input.ordering_key),
    ];
    for (field, _) in
        short.into_iter().filter(|(_, value)| value.as_ref().is_some_and(|v| v.is_empty() || v.len() > 256))
    {
        fault(field, "must be 1 to 256 bytes");
    }
    let payload = scanner.compact(input.payload).unwrap_or_else(|fault| {
        let place = format!("{place}/payload");
        faults.add_all("", &Problem::of_json(&place, &fault));
        input.payload.to_owned()
    });
    NewEvent {
        id: input.id,
        name: input.name,
        payload,
        published_at: input.published_at,
        partner_id: input.partner_id,
        document_type: input.document_type,
        ordering_key: input.ordering_key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_and_a_batch_are_read() {
        assert_eq!(parse(br#"{"name":"a.b","payload":{}}"#).expect("one").0.len(), 1);
        let batch = br#"{"events":[{"name":"a","payload":{"x": [1, 2]}},{"name":"b","payload":{},"id":"7"}]}"#;
        let (events, places) = parse(batch).expect("two");
        assert_eq!(places.of(1), "/events/1");
        assert_eq!(events[0].payload.get(), r#"{"x":[1,2]}"#);
        assert_eq!(events[1].id.as_deref(), Some("7"));
    }

    #[test]
    fn every_bad_item_is_pointed_at() {
        let batch = br#"{"events":[{"name":"ok","payload":{}},{"name":"not ok","payload":[]},{"name":"x","payload":{},"more":1},7]}"#;
        let problem = parse(batch).expect_err("bad");
        let pointers: Vec<&str> = problem.details.iter().filter_map(|d| d["pointer"].as_str()).collect();
        assert_eq!(pointers, ["/events/1/name", "/events/1/payload", "/events/2/more", "/events/3"]);
        for bad in [
            &b"{}"[..],
            b"[]",
            b"[[{\"name\":\"a\",\"payload\":{}}]]",
            b"{\"events\":[]}",
            b"{\"events\":{}}",
            b"{\"events\":[],\"name\":\"x\"}",
        ] {
            assert_eq!(parse(bad).expect_err("bad").status, StatusCode::BAD_REQUEST);
        }
    }

    #[test]
    fn faults_of_one_kind_keep_their_code() {
        let told = |body: &str| {
            let problem = parse(body.as_bytes()).expect_err("bad");
            let pointers = problem.details.iter().map(|d| d["pointer"].as_str().unwrap_or_default().to_owned());
            (problem.code, pointers.collect::<Vec<_>>())
        };
        let deep = format!(r#"{{"name":"a","payload":{}1{}}}"#, r#"{"a":"#.repeat(65), "}".repeat(65));
        for (body, code, pointers) in [
            (r#"{"name":"a","payload":{"b":[{"c":1,"\u0063":2}]}}"#, "duplicate_key", &["/payload/b/0/c"][..]),
            (r#"{"name":"a","payload":{},"name":"b"}"#, "duplicate_key", &["/name"]),
            (r#"{"events":[],"events":[]}"#, "duplicate_key", &["/events"]),
            (
                r#"{"events":[{"name":"a","payload":{"b":1,"b":1}},{"name":"a","name":"b","payload":{}}]}"#,
                "duplicate_key",
                &["/events/0/payload/b", "/events/1/name"],
            ),
            (
                r#"{"events":[{"name":"a","payload":{"b":1,"b":1}},{"name":"?","payload":{}}]}"#,
                "validation_failed",
                &["/events/0/payload/b", "/events/1/name"],
            ),
            (&deep, "nesting_too_deep", &["/payload"]),
            (r#"{"events":[{"name":"\ud800","payload":{}}]}"#, "malformed_json", &["/events/0"]),
        ] {
            assert_eq!(told(body), (code, pointers.iter().map(|p| (*p).to_owned()).collect()), "{body}");
        }
    }
}
