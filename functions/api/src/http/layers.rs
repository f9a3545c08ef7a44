//! The outermost layer: a request id for every answer, one shape for every error.

use std::any::Any;
use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use sluice::ports::Ports;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;

use super::problem::{ErrorBody, Problem, ProblemDetails};

/// The largest answer. A function on AWS can answer with 6 MB, of which escaping takes its part.
const MAX_ANSWER_BYTES: u64 = 4 * 1024 * 1024;

/// The headers of every answer that has no others of these names. A browser that is led to an answer must run nothing,
/// and nobody keeps what may have a secret in it.
const SAFE: [(HeaderName, HeaderValue); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// The header that names a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Adds the headers of every response, and answers unknown paths (404) and methods (405).
pub fn finish<S: Clone + Send + Sync + 'static>(router: Router<S>, ports: Ports) -> Router<S> {
    router
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || method_not_allowed())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(ports, answer))
}

fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This method is not allowed here.")
}

/// What a deployment cannot pass on, it does not answer with.
fn page_too_large() -> Problem {
    let most = MAX_ANSWER_BYTES / 1024 / 1024;
    let message = format!("What was asked for takes more than {most} MiB: ask for fewer with `limit` or `pageSize`.");
    Problem::new(StatusCode::BAD_REQUEST, "page_too_large", message)
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Problem::internal(&"a handler panicked").into_response()
}

/// The id of a request, in its extensions. A server that numbers requests itself puts its own there: the same id is then
/// in its access log.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Whether this is what was found. A file is as large as it is: what may be handed in, is given back.
fn is_page(response: &Response) -> bool {
    response.status().is_success() && !response.headers().contains_key(header::CONTENT_DISPOSITION)
}

async fn answer(State(ports): State<Ports>, mut request: Request, next: Next) -> Result<Response, Infallible> {
    let given = request.extensions_mut().remove::<RequestId>();
    let request_id = given.map_or_else(|| ports.unique("req"), |RequestId(id)| id);
    let wants_problem = accepts_problem_json(&request);
    // The path alone: query strings can carry secrets.
    let span = tracing::info_span!("request", %request_id, method = %request.method(), path = request.uri().path());
    request.extensions_mut().insert(RequestId(request_id.clone()));
    let mut response = next.run(request).instrument(span.clone()).await;
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), "answered"));
    if is_page(&response) && response.body().size_hint().lower() > MAX_ANSWER_BYTES {
        response = page_too_large().into_response();
    }
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let allow = response.headers().get(header::ALLOW).cloned();
        response = render(&problem, &request_id, wants_problem);
        response.headers_mut().extend(allow.map(|value| (header::ALLOW, value)));
    }
    for (name, value) in SAFE {
        response.headers_mut().entry(name).or_insert(value);
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    Ok(response)
}

fn accepts_problem_json(request: &Request) -> bool {
    let accept = request.headers().get_all(header::ACCEPT).iter();
    accept.filter_map(|value| value.to_str().ok()).any(|value| value.contains("application/problem+json"))
}

fn render(problem: &Problem, request_id: &str, as_problem_json: bool) -> Response {
    let Problem { status, code, message, details, headers } = problem;
    let (content_type, body) = if as_problem_json {
        let title = status.canonical_reason().unwrap_or("Error");
        let facts = ProblemDetails {
            kind: "about:blank",
            title,
            status: status.as_u16(),
            detail: message,
            error_code: code,
            request_id,
            details,
        };
        ("application/problem+json", serde_json::to_vec(&facts))
    } else {
        let facts = ErrorBody { error_code: code, message, request_id, details };
        ("application/json", serde_json::to_vec(&facts))
    };
    let mut response = (*status, Body::from(body.unwrap_or_default())).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().extend(headers.iter().cloned());
    response
}
