//! The protocol's outer shape: one POST for everything, the operation in `X-Amz-Target`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::fault::{Code, Fault};
use crate::operations::{self, Context};
use crate::writer::Store;

/// A batch of 1 MiB whose every byte is escaped in JSON (`\u0009`), and its frame.
const MAX_BODY: usize = 7 * 1_048_576;
/// All request bodies in memory at a time, in KiB: beyond it, requests wait before they are read.
const MAX_BODIES_KIB: u32 = 32 * 1024;

#[derive(Clone)]
struct Service {
    store: Store,
    bodies: Arc<Semaphore>,
}

pub(crate) fn router(store: Store) -> Router {
    let bodies = Arc::new(Semaphore::new(MAX_BODIES_KIB as usize));
    Router::new().fallback(handle).with_state(Service { store, bodies })
}

async fn handle(State(service): State<Service>, request: Request) -> Response {
    match answer(&service, request).await {
        Ok(body) => respond(StatusCode::OK, body),
        Err(fault) => refuse(&fault),
    }
}

async fn answer(service: &Service, request: Request) -> Result<Vec<u8>, Fault> {
    let (parts, body) = request.into_parts();
    let operation = text(&parts.headers, "x-amz-target")
        .and_then(|target| target.strip_prefix("AmazonSQS."))
        .ok_or_else(|| Fault::new(Code::InvalidAction, "The request names no operation of SQS."))?;
    let length = text(&parts.headers, "content-length").and_then(|length| length.parse().ok()).unwrap_or(MAX_BODY);
    if length > MAX_BODY {
        return Err(too_large());
    }
    let kib = u32::try_from(length / 1024 + 1).unwrap_or(MAX_BODIES_KIB);
    let permit = service.bodies.acquire_many(kib).await.map_err(|_| Fault::internal())?;
    let body = axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| too_large())?;
    let host = text(&parts.headers, "host").unwrap_or("localhost");
    let context = Context { store: &service.store, host };
    let answer = operations::run(operation, &body, &context).await;
    drop(permit);
    answer
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn too_large() -> Fault {
    Fault::new(Code::InvalidParameterValue, "The request is too large, or was cut off.")
}

fn refuse(fault: &Fault) -> Response {
    let (status, blame) = match fault.code {
        Code::InternalError => (StatusCode::INTERNAL_SERVER_ERROR, "Receiver"),
        Code::RequestThrottled => (StatusCode::FORBIDDEN, "Sender"),
        _ => (StatusCode::BAD_REQUEST, "Sender"),
    };
    let body = serde_json::json!({
        "__type": format!("com.amazonaws.sqs#{}", fault.code.name()),
        "message": fault.message,
    });
    let mut response = respond(status, body.to_string().into_bytes());
    let legacy = format!("{};{blame}", fault.code.query_name());
    if let Ok(value) = HeaderValue::from_str(&legacy) {
        response.headers_mut().insert("x-amzn-query-error", value);
    }
    response
}

fn respond(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_static("application/x-amz-json-1.0");
    headers.insert(header::CONTENT_TYPE, content_type);
    if let Ok(id) = HeaderValue::from_str(&Uuid::now_v7().to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
