//! Any HTTP API as a target.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use serde_json::{Value as Json, json};
use sluice::connectors::{Batch, ConnectorError, Record, Written};
use sluice::domain::value::Value;
use sluice::outbound::TargetPolicy;
use sluice_local::receiver::{Answer, Received};

use super::fixture::{Destination, Fixture, Manner, SECRET, target_as};
use super::server::{Server, json, parameter, path};
use super::targets::write;

/// Orders by number, and an API over them.
pub(super) struct Orders {
    server: Server,
    stored: Arc<Mutex<Stored>>,
}

#[derive(Default)]
struct Stored {
    orders: BTreeMap<u64, Json>,
}

impl Stored {
    fn id_of(&self, number: &str) -> Option<u64> {
        self.orders.iter().find(|(_, order)| order["number"] == number).map(|(id, _)| *id)
    }

    fn put(&mut self, body: Json) -> u64 {
        let known = body["number"].as_str().and_then(|number| self.id_of(number));
        let id = known.unwrap_or(self.orders.len() as u64 + 1);
        self.orders.insert(id, body);
        id
    }

    fn answer(&mut self, received: &Received) -> Answer {
        if received.header("authorization") != format!("Bearer {SECRET}") {
            return json(StatusCode::UNAUTHORIZED, &json!({}));
        }
        let body: Json = serde_json::from_slice(&received.body).unwrap_or_default();
        let name = path(received).trim_start_matches("/orders").trim_start_matches('/').to_owned();
        match (received.method.as_str(), name.as_str()) {
            ("GET", _) => {
                let found = self.id_of(&parameter(received, "number")).map(|id| (id, &self.orders[&id]));
                let found: Vec<Json> = found.into_iter().map(|(id, order)| with_id(id, order)).collect();
                json(StatusCode::OK, &json!({"orders": found}))
            }
            ("POST", "batch") => {
                let orders = body["orders"].as_array().cloned().unwrap_or_default();
                let results: Vec<Json> = orders.into_iter().map(|order| self.result(order)).collect();
                json(StatusCode::OK, &json!({"results": results}))
            }
            ("POST", "") if body["number"].as_str().and_then(|number| self.id_of(number)).is_some() => {
                json(StatusCode::CONFLICT, &json!({"message": "it exists"}))
            }
            ("POST", "") => json(StatusCode::CREATED, &json!({"id": self.put(body)})),
            ("PUT", _) => json(StatusCode::OK, &json!({"id": self.put(body)})),
            ("PATCH", id) => match id.parse().ok().filter(|id| self.orders.contains_key(id)).or(self.id_of(id)) {
                Some(id) => {
                    self.orders.insert(id, body);
                    json(StatusCode::OK, &json!({}))
                }
                None => json(StatusCode::NOT_FOUND, &json!({})),
            },
            _ => json(StatusCode::METHOD_NOT_ALLOWED, &json!({})),
        }
    }

    fn result(&mut self, order: Json) -> Json {
        let number = order["number"].clone();
        if order["text"] == "bad" {
            return json!({"number": number, "status": 422, "error": {"text": "is bad"}});
        }
        self.put(order);
        json!({"number": number, "status": 200})
    }
}

fn with_id(id: u64, order: &Json) -> Json {
    let mut order = order.clone();
    order["id"] = id.into();
    order
}

impl Fixture for Orders {
    async fn start(manner: Manner) -> Result<Self> {
        let stored: Arc<Mutex<Stored>> = Arc::default();
        let answering = Arc::clone(&stored);
        let serve =
            move |received: &Received| answering.lock().unwrap_or_else(PoisonError::into_inner).answer(received);
        Ok(Self { server: Server::start(manner, serve).await?, stored })
    }

    fn system(&self) -> Json {
        json!({"system": "genericApi", "baseUrl": self.server.url(""), "auth": {"type": "bearer", "token": SECRET}})
    }

    fn requests(&self) -> usize {
        self.server.requests().len()
    }
}

impl Orders {
    fn texts(&self) -> Vec<String> {
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let mut orders: Vec<&Json> = stored.orders.values().collect();
        let number = |order: &Json| order["number"].as_str().and_then(|n| n[2..].parse::<usize>().ok());
        orders.sort_by_key(|order| number(order));
        orders.iter().filter_map(|order| order["text"].as_str().map(str::to_owned)).collect()
    }
}

/// The same API, written to in different ways.
macro_rules! ways {
    ($($name:ident: $load:expr;)+) => {
        $(pub(super) struct $name(Orders);

        impl Fixture for $name {
            async fn start(manner: Manner) -> Result<Self> {
                Ok(Self(Orders::start(manner).await?))
            }

            fn system(&self) -> Json {
                self.0.system()
            }

            fn requests(&self) -> usize {
                self.0.requests()
            }
        }

        impl Destination for $name {
            fn load() -> Json {
                $load
            }

            async fn texts(&self) -> Result<Vec<String>> {
                Ok(self.0.texts())
            }
        })+
    };
}

fn search() -> Json {
    json!({
        "system": "genericApi", "mode": "reconcile",
        "find": {"path": "/orders", "query": {"number": "{key}"}, "records": "$.orders[*]", "id": "$.id"},
        "create": {"path": "/orders"}, "update": {"method": "PATCH", "path": "/orders/{id}"},
    })
}

fn batches() -> Json {
    json!({
        "system": "genericApi", "mode": "batch", "path": "/orders/batch", "size": 5, "wrapper": "orders",
        "results": "$.results[*]", "key": "$.number", "status": "$.status", "error": "$.error",
    })
}

ways! {
    Search: search();
    Update: json!({
        "system": "genericApi", "mode": "reconcile",
        "create": {"path": "/orders"}, "update": {"method": "PATCH", "path": "/orders/{key}"},
    });
    Upsert: json!({"system": "genericApi", "mode": "upsert", "path": "/orders/{key}"});
    Batches: batches();
}

fn record(key: &str, text: &str) -> Record {
    let body = Value::from(&json!({"number": key, "text": text}));
    Record { source_id: key.to_owned(), key: Some(key.to_owned()), body }
}

async fn write_as(orders: &Orders, load: Json, records: &[Record]) -> Result<Result<Vec<Written>, ConnectorError>> {
    Ok(write(target_as(orders, TargetPolicy::AllowLoopback, load).await?.as_ref(), records).await)
}

#[tokio::test]
async fn what_has_changed_is_updated_and_the_rest_left_alone() -> Result<()> {
    let orders = Orders::start(Manner::Serve).await?;
    let first = [record("A-1", "one"), record("A-2", "two")];
    ensure!(write_as(&orders, search(), &first).await?? == [Written::Done, Written::Done]);
    let second = [record("A-1", "one"), record("A-2", "new"), record("A-3", "three")];
    let written = write_as(&orders, search(), &second).await??;
    ensure!(written == [Written::Unchanged, Written::Done, Written::Done], "{written:?}");
    ensure!(orders.texts() == ["one", "new", "three"], "{:?}", orders.texts());
    let mut keep = search();
    keep["update"] = Json::Null;
    ensure!(write_as(&orders, keep, &[record("A-2", "newer")]).await?? == [Written::Unchanged]);
    Ok(())
}

#[tokio::test]
async fn one_bad_record_costs_no_other() -> Result<()> {
    let orders = Orders::start(Manner::Serve).await?;
    let records = [record("A-1", "one"), record("A-2", "bad"), record("A-3", "three")];
    let written = write_as(&orders, batches(), &records).await??;
    ensure!(written[0] == Written::Done && written[2] == Written::Done, "{written:?}");
    ensure!(matches!(&written[1], Written::Refused(why) if why.contains("is bad")), "{written:?}");

    // A target that refuses a batch as a whole.
    let server = Server::start(Manner::Serve, |received| {
        let text = String::from_utf8_lossy(&received.body).into_owned();
        let code = if text.contains("bad") { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        json(code, &json!({"message": "no"}))
    });
    let orders = Orders { server: server.await?, stored: Arc::default() };
    let plain = json!({"system": "genericApi", "mode": "batch", "path": "/orders/batch"});
    let records: Vec<Record> =
        (0..16).map(|n| record(&format!("A-{n}"), if n == 11 { "bad" } else { "good" })).collect();
    let written = write_as(&orders, plain, &records).await??;
    ensure!(matches!(&written[11], Written::Refused(why) if why.contains("422")), "{written:?}");
    ensure!(written.iter().filter(|written| **written == Written::Done).count() == 15, "{written:?}");
    ensure!(orders.requests() == 9, "{} requests", orders.requests());
    Ok(())
}

#[tokio::test]
async fn half_an_answer_loses_no_record() -> Result<()> {
    for (load, expected) in [
        (batches(), 2),
        (
            json!({
                "system": "genericApi", "mode": "batch", "path": "/orders/batch", "results": "$.results[*]",
            }),
            0,
        ),
    ] {
        let server = Server::start(Manner::Serve, |_| {
            json(
                StatusCode::OK,
                &json!({"results": [{"number": "A-2", "status": "ok"}, {"number": "A-4", "status": "created"}]}),
            )
        });
        let orders = Orders { server: server.await?, stored: Arc::default() };
        let records: Vec<Record> = (1..=4).map(|n| record(&format!("A-{n}"), "x")).collect();
        let written = write_as(&orders, load, &records).await??;
        let done: Vec<usize> = (0..4).filter(|place| written[*place] == Written::Done).collect();
        ensure!(done.len() == expected && (expected == 0 || done == [1, 3]), "{written:?}");
        let failed = written.iter().filter(|written| matches!(written, Written::Failed(_))).count();
        ensure!(failed == 4 - expected, "{written:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_throttled_target_keeps_what_it_took() -> Result<()> {
    let taken = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&taken);
    let server = Server::start(Manner::Serve, move |_| {
        let mut taken = counted.lock().unwrap_or_else(PoisonError::into_inner);
        *taken += 1;
        let code = if *taken > 3 { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::OK };
        json(code, &json!({}))
    });
    let orders = Orders { server: server.await?, stored: Arc::default() };
    let records: Vec<Record> = (0..100).map(|n| record(&format!("A-{n}"), "x")).collect();
    let upsert = json!({"system": "genericApi", "mode": "upsert", "path": "/orders/{key}"});
    let written = write_as(&orders, upsert, &records).await??;
    ensure!(written.iter().filter(|written| **written == Written::Done).count() == 3, "{written:?}");
    ensure!(written.iter().filter(|w| matches!(w, Written::Throttled { .. })).count() == 97, "{written:?}");
    // What was under way, and no more.
    ensure!(orders.requests() <= 7, "{} requests", orders.requests());
    Ok(())
}

#[tokio::test]
async fn records_of_one_key_are_written_one_after_the_other() -> Result<()> {
    for load in [search(), Update::load(), Upsert::load(), batches()] {
        let orders = Orders::start(Manner::Serve).await?;
        let records: Vec<Record> = (0..8).map(|n| record(&format!("A-{}", n % 2), &format!("text {n}"))).collect();
        let written = write_as(&orders, load.clone(), &records).await??;
        ensure!(written == vec![Written::Done; 8], "{load}: {written:?}");
        ensure!(orders.texts() == ["text 6", "text 7"], "{load}: {:?}", orders.texts());
    }
    Ok(())
}

#[tokio::test]
async fn keys_stay_in_their_place() -> Result<()> {
    let orders = Orders::start(Manner::Serve).await?;
    let upsert = json!({"system": "genericApi", "mode": "upsert", "path": "/orders/{key}/x"});
    let records = [record("..", "x"), record("a/../../b?c=d#e", "x"), record("A 1", "x"), record("", "x")];
    let written = write_as(&orders, upsert, &records).await??;
    ensure!(matches!(&written[0], Written::Refused(why) if why.contains("path")), "{written:?}");
    ensure!(matches!(&written[3], Written::Refused(why) if why.contains("no key")), "{written:?}");
    let mut paths: Vec<String> = orders.server.requests().into_iter().map(|received| received.path).collect();
    paths.sort();
    ensure!(paths == ["/orders/A%201/x", "/orders/a%2F..%2F..%2Fb%3Fc%3Dd%23e/x"], "{paths:?}");
    Ok(())
}

#[tokio::test]
async fn a_search_that_finds_too_much_updates_nothing() -> Result<()> {
    let server = Server::start(Manner::Serve, |received| match received.method.as_str() {
        "GET" => json(StatusCode::OK, &json!({"orders": [{"id": 1, "number": "A-1"}, {"id": 2, "number": "A-2"}]})),
        _ => json(StatusCode::OK, &json!({})),
    });
    let orders = Orders { server: server.await?, stored: Arc::default() };
    let written = write_as(&orders, search(), &[record("A-2", "x")]).await??;
    ensure!(matches!(&written[0], Written::Refused(why) if why.contains("found 2 records")), "{written:?}");
    ensure!(orders.server.requests().iter().all(|received| received.method == "GET"));
    let mut keyed = search();
    keyed["find"]["key"] = "$.number".into();
    ensure!(write_as(&orders, keyed, &[record("A-2", "x")]).await?? == [Written::Done]);
    let last = orders.server.requests().pop().context("a request")?;
    ensure!(last.path == "/orders/2", "{}", last.path);
    Ok(())
}

#[tokio::test]
async fn options_of_another_system_are_refused() -> Result<()> {
    let orders = Orders::start(Manner::Serve).await?;
    let error = target_as(&orders, TargetPolicy::AllowLoopback, json!({"system": "flatFile"})).await.err();
    ensure!(error.is_some_and(|error| error.to_string().contains("do not fit a profile of genericApi")));
    let target = target_as(&orders, TargetPolicy::AllowLoopback, batches()).await?;
    ensure!(target.write(&Batch { number: 1, records: &[] }).await?.is_empty() && target.batch_size() == 5);
    Ok(())
}
