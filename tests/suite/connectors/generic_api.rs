//! Any HTTP API as a source.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use axum::http::{StatusCode, header};
use serde_json::{Value as Json, json};
use sluice::connectors::{Ask, ConnectorError, Page, Source};
use sluice::domain::value::Value;
use sluice::outbound::TargetPolicy;
use sluice_local::receiver::{Answer, Received};

use super::fixture::{Fixture, Manner, Origin, PAGE, RECORDS, SECRET, source_as};
use super::server::{Server, json, parameter, path, text, with};
use super::sources::read_from;
use crate::support::token_endpoint::{CLIENT_SECRET, TOKEN, TokenEndpoint};

/// An API with orders.
pub(super) struct Api {
    server: Server,
    auth: Json,
}

impl Api {
    /// One that answers as a test says.
    async fn answering(serve: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Result<Self> {
        Self::with_auth(json!({"type": "bearer", "token": SECRET}), serve).await
    }

    async fn with_auth(auth: Json, serve: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Result<Self> {
        Ok(Self { server: Server::start(Manner::Serve, serve).await?, auth })
    }

    async fn source(&self, extraction: Json) -> Result<Box<dyn Source>> {
        source_as(self, TargetPolicy::AllowLoopback, "order", extraction).await
    }

    async fn read(&self, extraction: Json) -> Result<Result<Page, ConnectorError>> {
        Ok(self.source(extraction).await?.read(&Ask { page_size: PAGE, ..Ask::default() }).await)
    }
}

fn orders(range: std::ops::Range<usize>) -> Json {
    let order = |n| json!({"id": n, "number": format!("A-{n}"), "updated_at": "2026-01-01T00:00:00Z"});
    json!(range.map(order).collect::<Vec<_>>())
}

fn page(from: usize) -> Json {
    orders(from.min(RECORDS)..(from + PAGE).min(RECORDS))
}

fn number(received: &Received, name: &str) -> usize {
    parameter(received, name).parse().unwrap_or_default()
}

/// Follows each page by a `Link`, for those who prove who they are.
fn linked(received: &Received) -> Answer {
    if received.header("x-api-key") != SECRET {
        return json(StatusCode::UNAUTHORIZED, &json!({}));
    }
    if path(received) == "/v2/status" {
        return json(StatusCode::OK, &json!({"ok": true}));
    }
    let from = number(received, "from");
    let answer = json(StatusCode::OK, &json!({"orders": page(from)}));
    let next = from + PAGE;
    let link = format!("</v2/orders?from=0>; rel=\"first\", </v2/orders?from={next}>; rel=\"next\"");
    if next < RECORDS { with(answer, header::LINK, &link) } else { answer }
}

impl Fixture for Api {
    async fn start(manner: Manner) -> Result<Self> {
        let auth = json!({"type": "apiKey", "header": "x-api-key", "key": SECRET});
        Ok(Self { server: Server::start(manner, linked).await?, auth })
    }

    fn system(&self) -> Json {
        json!({"system": "genericApi", "baseUrl": self.server.url("/v2"), "auth": self.auth, "testPath": "/status"})
    }

    fn requests(&self) -> usize {
        self.server.requests().len()
    }
}

impl Origin for Api {
    fn extraction() -> Json {
        extraction(json!({"type": "link"}))
    }

    fn number(record: &Value) -> Option<usize> {
        Self::id(record)?.parse().ok()
    }

    fn id(record: &Value) -> Option<String> {
        record.get("id").map(Value::to_json)
    }
}

fn extraction(pagination: Json) -> Json {
    json!({
        "request": {"path": "/orders"}, "records": "$.orders[*]", "sourceId": "$.id", "pagination": pagination,
    })
}

async fn count(api: &Api, extraction: Json) -> Result<usize> {
    let (records, _) = read_from(api.source(extraction).await?.as_ref(), None).await?;
    Ok(records.len())
}

#[tokio::test]
async fn pages_by_number_offset_and_cursor() -> Result<()> {
    let api = Api::answering(|received| {
        let (page_number, size) = (number(received, "page"), number(received, "size"));
        assert_eq!(size, PAGE);
        json(StatusCode::OK, &json!({"orders": page((page_number - 1) * size)}))
    });
    let by_number = json!({"type": "page", "parameter": "page", "sizeParameter": "size"});
    ensure!(count(&api.await?, extraction(by_number)).await? == RECORDS);

    let api = Api::answering(|received| {
        let from = number(received, "skip");
        json(StatusCode::OK, &json!({"orders": orders(from.min(RECORDS)..(from + 10).min(RECORDS))}))
    });
    // A server that gives less than it is asked for loses nothing.
    let by_offset = json!({"type": "offset", "parameter": "skip", "sizeParameter": "limit", "size": 500});
    let api = api.await?;
    ensure!(count(&api, extraction(by_offset)).await? == RECORDS);
    ensure!(api.server.requests().iter().all(|received| parameter(received, "limit") == "500"));

    let api = Api::answering(|received| {
        let from = number(received, "cursor");
        let next = (from + PAGE < RECORDS).then(|| (from + PAGE).to_string());
        json(StatusCode::OK, &json!({"orders": page(from), "meta": {"next": next}}))
    });
    let by_cursor = json!({"type": "cursor", "path": "$.meta.next", "parameter": "cursor"});
    ensure!(count(&api.await?, extraction(by_cursor)).await? == RECORDS);
    Ok(())
}

#[tokio::test]
async fn a_404_after_the_last_numbered_page_is_the_end() -> Result<()> {
    let api = Api::answering(|received| match number(received, "page") {
        1 => json(StatusCode::OK, &json!({"orders": page(0)})),
        _ => json(StatusCode::NOT_FOUND, &json!({"detail": "Invalid page."})),
    });
    let by_number = json!({"type": "page", "parameter": "page"});
    ensure!(count(&api.await?, extraction(by_number)).await? == PAGE);
    Ok(())
}

#[tokio::test]
async fn lines_of_json_are_records() -> Result<()> {
    let api = Api::answering(|_| text(StatusCode::OK, "application/x-ndjson", "{\"id\":1.10}\n\n{\"id\":2}\n"));
    let lines = json!({"request": {"path": "/orders"}, "sourceId": "$.id"});
    let page = api.await?.read(lines.clone()).await??;
    ensure!(page.records.len() == 2 && page.records[0].to_json() == r#"{"id":1.10}"#, "{:?}", page.records);
    let cut_off = Api::answering(|_| text(StatusCode::OK, "application/x-ndjson", "{\"id\":1}\n{\"id\":2"));
    let error = cut_off.await?.read(lines).await?.err().context("an error")?;
    ensure!(error.to_string().contains("line 2 is not JSON"), "{error}");
    Ok(())
}

#[tokio::test]
async fn what_is_no_page_of_records_is_an_error() -> Result<()> {
    let html = "<html><body>Down for maintenance</body></html>";
    for (answer, expected) in [
        (("text/html", html), "content type text/html"),
        (("application/json", "{\"orders\": [{\"id\": 1}"), "it is not JSON"),
        (("application/json", r#"{"errors": [{"message": "no such field"}]}"#), "no such field"),
        (("application/json", r#"{"success": false, "message": "quota"}"#), "quota"),
        (("application/json", r#"{"error": "hush-of-the-test is wrong"}"#), "it is an error"),
    ] {
        let api = Api::answering(move |_| text(StatusCode::OK, answer.0, answer.1)).await?;
        let error = api.read(extraction(json!({"type": "link"}))).await?.err().context("an error")?;
        ensure!(matches!(error, ConnectorError::Permanent(_)) && error.to_string().contains(expected), "{error}");
        ensure!(!error.to_string().contains(SECRET), "{error}");
    }
    let empty = Api::answering(|_| json(StatusCode::OK, &json!({"orders": []}))).await?;
    ensure!(empty.read(extraction(json!({"type": "link"}))).await??.records.is_empty());
    Ok(())
}

#[tokio::test]
async fn circles_and_endless_pages_are_errors() -> Result<()> {
    for pagination in [
        json!({"type": "page", "parameter": "page"}),
        json!({"type": "offset", "parameter": "offset"}),
        json!({"type": "cursor", "path": "$.next", "parameter": "cursor"}),
        json!({"type": "link"}),
    ] {
        // The parameter is ignored, and the next page is always the same.
        let api = Api::answering(|_| {
            let answer = json(StatusCode::OK, &json!({"orders": page(0), "next": "again"}));
            with(answer, header::LINK, "</v2/orders?from=0>; rel=next")
        });
        let api = api.await?;
        let source = api.source(extraction(pagination.clone())).await?;
        let error = read_from(source.as_ref(), None).await.err().context("an error")?;
        let text = error.to_string();
        ensure!(text.contains("circle") || text.contains("same content"), "{pagination}: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_link_to_another_host_is_refused_and_a_redirect_not_followed() -> Result<()> {
    let other = Server::start(Manner::Serve, |_| json(StatusCode::OK, &json!([]))).await?;
    let own_name = Arc::new(other.url("/x").replace("127.0.0.1", "localhost"));
    for link in [other.url("/v2/orders"), own_name.to_string(), "https://127.0.0.1/v2/orders".to_owned()] {
        let header_text = format!("<{link}>; rel=\"next\"");
        let api = Api::answering(move |_| {
            with(json(StatusCode::OK, &json!({"orders": page(0)})), header::LINK, &header_text)
        });
        let error = api.await?.read(extraction(json!({"type": "link"}))).await?.err().context("an error")?;
        ensure!(error.to_string().contains("another host"), "{link}: {error}");
    }
    let location = other.url("/v2/orders");
    let api = Api::answering(move |_| with(json(StatusCode::FOUND, &json!({})), header::LOCATION, &location)).await?;
    let error = api.read(extraction(json!({"type": "link"}))).await?.err().context("an error")?;
    ensure!(matches!(&error, ConnectorError::Permanent(why) if why.contains("redirect refused")), "{error}");
    ensure!(other.requests().is_empty());
    Ok(())
}

#[tokio::test]
async fn changes_are_asked_for_with_an_overlap() -> Result<()> {
    let api = Api::answering(|_| json(StatusCode::OK, &json!({"orders": page(0)}))).await?;
    let mut read = extraction(json!({"type": "cursor", "path": "$.next", "parameter": "c"}));
    read["request"]["query"] = json!({"status": "any"});
    read["request"]["headers"] = json!({"x-extra": "1", "authorization": "mine"});
    read["cursor"] = json!({"column": "$.updated_at", "parameter": "since", "overlapSeconds": 2});
    let source = api.source(read).await?;
    let ask = Ask { from: Some("2026-01-01T00:00:01.000Z"), page_size: PAGE, ..Ask::default() };
    source.read(&ask).await?;
    let requests = api.server.requests();
    ensure!(parameter(&requests[0], "since") == "2025-12-31T23:59:59Z", "{}", requests[0].path);
    ensure!(parameter(&requests[0], "status") == "any" && requests[0].header("x-extra") == "1");
    ensure!(requests[0].header("authorization") == format!("Bearer {SECRET}"));
    Ok(())
}

#[tokio::test]
async fn a_key_in_the_query_goes_with_every_request_and_into_no_position_or_error() -> Result<()> {
    let auth = json!({"type": "apiKey", "queryParameter": "api_key", "key": SECRET});
    let api = Api::with_auth(auth, |received| {
        if parameter(received, "api_key") != SECRET || number(received, "from") >= 2 * PAGE {
            return json(StatusCode::BAD_REQUEST, &json!({"url": received.path}));
        }
        let next = number(received, "from") + PAGE;
        let link = format!("</v2/orders?api_key={SECRET}&from={next}>; rel=next");
        with(json(StatusCode::OK, &json!({"orders": page(next)})), header::LINK, &link)
    });
    let api = api.await?;
    let source = api.source(extraction(json!({"type": "link"}))).await?;
    let first = source.read(&Ask { page_size: PAGE, ..Ask::default() }).await?;
    let position = first.next.context("a next page")?;
    ensure!(!position.contains(SECRET) && position.contains("from=20"), "{position}");
    let second = source.read(&Ask { position: Some(&position), ..Ask::default() }).await?;
    let error = source.read(&Ask { position: second.next.as_deref(), ..Ask::default() }).await.err().context("bad")?;
    ensure!(error.to_string().contains("400") && !error.to_string().contains(SECRET), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_refused_access_token_is_fetched_anew_once() -> Result<()> {
    let endpoint = TokenEndpoint::start().await?;
    let auth = json!({
        "type": "oauth2", "tokenUrl": endpoint.url(), "clientId": "gateway", "clientSecret": CLIENT_SECRET,
    });
    let good = format!("Bearer {TOKEN}2");
    let api = Api::with_auth(auth.clone(), move |received| {
        let is_good = received.header("authorization") == good;
        let code = if is_good { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        json(code, &json!({"orders": page(0)}))
    });
    let api = api.await?;
    ensure!(api.read(extraction(json!({"type": "link"}))).await??.records.len() == PAGE);
    ensure!(endpoint.requests().len() == 2 && api.server.requests().len() == 2);

    let refusing = Api::with_auth(auth, |received| {
        json(StatusCode::UNAUTHORIZED, &json!({"token": received.header("authorization")}))
    });
    let error = refusing.await?.read(extraction(json!({"type": "link"}))).await?.err().context("an error")?;
    ensure!(matches!(error, ConnectorError::Permanent(_)) && !error.to_string().contains(TOKEN), "{error}");
    let unknown = json!({"type": "oauth2", "tokenUrl": endpoint.url(), "clientId": "x", "clientSecret": CLIENT_SECRET});
    let unknown = Api::with_auth(unknown, |_| json(StatusCode::OK, &json!([]))).await?;
    let error = unknown.read(extraction(json!({"type": "link"}))).await?.err().context("an error")?;
    ensure!(matches!(error, ConnectorError::Permanent(_)) && !error.to_string().contains(CLIENT_SECRET), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_path_stays_below_the_base_url() -> Result<()> {
    let api = Api::answering(|_| json(StatusCode::OK, &json!([]))).await?;
    for path in ["/../admin", "/%2e%2e/admin", "//evil.example/x", "@evil.example/x", "orders", "/a b"] {
        let read = json!({"request": {"path": path}, "sourceId": "$.id"});
        let error = api.read(read).await?.err().context(path)?;
        ensure!(matches!(error, ConnectorError::Permanent(_)), "{path}: {error:?}");
    }
    ensure!(api.server.requests().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_response_beyond_all_measure_is_refused() -> Result<()> {
    let large = Arc::new(format!("{{\"orders\": [\"{}\"]}}", "x".repeat(33 * 1024 * 1024)));
    let api = Api::answering(move |_| text(StatusCode::OK, "application/json", &large)).await?;
    let error = api.read(extraction(json!({"type": "link"}))).await?.err().context("an error")?;
    // A busy machine may not read so much in time.
    let text = error.to_string();
    ensure!(text.contains("response too large") || text.contains("timeout"), "{error}");
    Ok(())
}
