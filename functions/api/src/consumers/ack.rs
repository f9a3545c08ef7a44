//! `POST /v1/consumers/{consumer}/ack`: moves a consumer's position past what it was given.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use sluice::domain::consumer::{AckToken, is_consumer_name};
use sluice::ports::Ports;
use sluice::store::consumers::Consumers;

use super::Consumer;
use crate::http::auth::{EventsRead, Needs};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::{self, PathParams};

/// What is acknowledged.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "ack": "Y3NtXzAxOTNhNjNhYzJlNTdjM2I5ZjAxNGQ2ZTJiODhhMTcwLzA2OWhrZnJqOTIwMDAwMDAwMDAwLjAwMDA",
}))]
pub(crate) struct Acknowledgement {
    /// `ack` of a page of this consumer.
    #[schema(max_length = 1024)]
    ack: String,
}

/// Acknowledge events
///
/// The consumer continues after the page that the token came with. A repetition, or an older token, changes nothing.
#[utoipa::path(
    post, path = "/v1/consumers/{consumer}/ack", operation_id = "consumers.ack", tag = "consumers",
    params(("consumer" = String, Path, description = "The consumer's name")),
    request_body = Acknowledgement,
    responses(
        (status = 200, description = "The consumer as it is now", body = Consumer),
        (status = 400, description = "`validation_failed`: not a token of this consumer", body = ErrorBody),
        (status = 404, description = "There is no such consumer", body = ErrorBody),
    ),
    security(("oauth2" = ["events:read"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn ack(
    Needs { caller, .. }: Needs<EventsRead>,
    State(consumers): State<Consumers>,
    State(ports): State<Ports>,
    PathParams(name): PathParams<String>,
    JsonBody(Acknowledgement { ack }): JsonBody<Acknowledgement>,
) -> Result<Json<Consumer>, Problem> {
    let (token, now) = (read_token(&ack)?, ports.now());
    // No page reaches into the future, and a consumer must not get stuck there.
    if token.position.chunk.at() > now {
        return Err(bad_token());
    }
    if !is_consumer_name(&name) {
        return Err(Problem::not_found());
    }
    let consumer = consumers.acknowledge(&caller.scope, &name, &token, now).await?.ok_or_else(Problem::not_found)?;
    if consumer.uid == token.consumer { Ok(Json(consumer.into())) } else { Err(bad_token()) }
}

/// A token as text that tells its reader nothing.
pub(super) fn write_token(token: &AckToken) -> String {
    query::encode_cursor(&token.to_string())
}

fn read_token(text: &str) -> Result<AckToken, Problem> {
    let token = query::decode_cursor(text).ok().and_then(|token| token.parse().ok());
    token.ok_or_else(bad_token)
}

fn bad_token() -> Problem {
    Problem::field("/ack", "is not the `ack` of a page of this consumer")
}

#[cfg(test)]
mod fuzz {
    use proptest::prelude::*;
    use sluice::domain::export::Position;
    use sluice::domain::ids::ChunkId;
    use sluice::domain::time::Millis;

    use super::*;

    proptest! {
        #[test]
        fn tokens_are_read_back(consumer in "csm_[0-9a-f]{32}", at in 0_i64..1 << 47, random: [u8; 5], index in 0_usize..10_000) {
            let token = AckToken { consumer, position: Position { chunk: ChunkId::new(Millis(at), random), index } };
            prop_assert_eq!(read_token(&write_token(&token)).ok(), Some(token));
        }

        #[test]
        fn any_text_is_refused_or_a_token(text: String, token in "[a-z_0-9]{0,9}/?[0-9a-v]{0,21}[.]?[0-9]{0,5}") {
            for text in [text, query::encode_cursor(&token)] {
                if let Ok(token) = read_token(&text) {
                    prop_assert_eq!(write_token(&token), text);
                }
            }
        }
    }
}
