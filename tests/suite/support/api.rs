//! A client of the API that checks what every answer must have.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::http::{HeaderMap, Method};
use reqwest::RequestBuilder;
use serde::Serialize;
use serde_json::Value;

/// A client with, or without, credentials.
#[derive(Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
    authorization: Option<String>,
    prefix: &'static str,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Api {
    /// Without credentials.
    pub(crate) fn open(base: &str) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60));
        let http = http.redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { http, base: base.to_owned(), authorization: None, prefix: "" })
    }

    /// The same at another process.
    pub(crate) fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// The same with this `Authorization`.
    pub(crate) fn with(&self, authorization: &str) -> Self {
        Self { authorization: Some(authorization.to_owned()), ..self.clone() }
    }

    /// The same API over the sandbox.
    pub(crate) fn sandbox(&self) -> Self {
        Self { prefix: "/sandbox", ..self.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Reply> {
        self.send(Method::GET, path, |request| request).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Reply> {
        self.send(Method::DELETE, path, |request| request).await
    }

    /// Without a body.
    pub(crate) async fn act(&self, path: &str) -> Result<Reply> {
        self.send(Method::POST, path, |request| request).await
    }

    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> Result<Reply> {
        self.post_text(path, serde_json::to_vec(body)?).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &impl Serialize) -> Result<Reply> {
        let body = serde_json::to_vec(body)?;
        self.send(Method::PATCH, path, |request| request.header("content-type", "application/json").body(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &impl Serialize) -> Result<Reply> {
        let body = serde_json::to_vec(body)?;
        self.send(Method::PUT, path, |request| request.header("content-type", "application/json").body(body)).await
    }

    /// A body that is sent as it is.
    pub(crate) async fn post_text(&self, path: &str, body: impl Into<reqwest::Body>) -> Result<Reply> {
        self.send(Method::POST, path, |request| request.header("content-type", "application/json").body(body)).await
    }

    pub(crate) async fn publish(&self, body: &impl Serialize) -> Result<Reply> {
        self.post("/v1/events", body).await
    }

    /// Sends a request, and checks that its answer has an id.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        more: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Reply> {
        let mut request = self.http.request(method, format!("{}{}{path}", self.base, self.prefix));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let answer = more(request).send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let reply = Reply { status, headers, body: answer.bytes().await?.to_vec() };
        let id = reply.header("x-request-id");
        ensure!(id.starts_with("req_") && id.len() > 10, "{path} answered without a request id: {reply:?}");
        Ok(reply)
    }
}

impl Reply {
    /// A header as text; empty where it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The JSON body of an answer of this status.
    pub(crate) fn json(&self, status: u16) -> Result<Value> {
        ensure!(self.status == status, "{} instead of {status}: {}", self.status, self.text());
        ensure!(self.header("content-type") == "application/json", "not JSON: {:?}", self.headers);
        serde_json::from_slice(&self.body).context("an answer that is not JSON")
    }

    /// An answer of this status without a body.
    pub(crate) fn empty(&self, status: u16) -> Result<()> {
        ensure!(self.status == status && self.body.is_empty(), "{} instead of {status}: {}", self.status, self.text());
        Ok(())
    }

    /// The error of this status and code, in the one shape of errors.
    pub(crate) fn error(&self, status: u16, code: &str) -> Result<Value> {
        let error = self.json(status)?;
        let fields: Vec<&String> = error.as_object().context("an object")?.keys().collect();
        ensure!(fields == ["details", "error_code", "message", "request_id"], "another shape: {error}");
        ensure!(error["error_code"] == code, "{code} was expected: {error}");
        ensure!(error["message"].as_str().is_some_and(|words| !words.is_empty()), "no words: {error}");
        ensure!(error["details"].is_array(), "details are a list: {error}");
        ensure!(error["request_id"] == self.header("x-request-id"), "another request id in the header: {error}");
        Ok(error)
    }

    /// The pointers of a 400 `validation_failed`.
    pub(crate) fn pointers(&self) -> Result<Vec<String>> {
        let error = self.error(400, "validation_failed")?;
        let details = error["details"].as_array().context("a list")?;
        details.iter().map(|d| Ok(d["pointer"].as_str().context("no pointer")?.to_owned())).collect()
    }
}
