//! The one shape of every error answer.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use sluice::domain::json::JsonFault;
use sluice::engine::EngineError;
use sluice::outbound::{Fault, Refusal};
use sluice::store::StoreError;

/// A bad field: where, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// A JSON Pointer into the request's body, or `?name` for a parameter.
    pub pointer: String,
    /// The error in words.
    pub message: String,
}

impl FieldError {
    /// At `pointer`, `message`.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

/// A detail of an error: a bad field, or a fact that belongs to the error code, such as the missing scope.
#[derive(utoipa::ToSchema)]
#[schema(as = ErrorDetail)]
#[expect(dead_code, reason = "describes the facts in the OpenAPI document")]
pub struct ErrorDetail {
    /// A JSON Pointer into the request's body, or `?name` for a parameter.
    #[schema(example = "/events/0/name")]
    pointer: Option<String>,
    /// The error in words.
    message: Option<String>,
    /// Other facts.
    #[serde(flatten)]
    facts: serde_json::Map<String, serde_json::Value>,
}

/// The body of an error answer.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ErrorResponse)]
pub struct ErrorBody<'a> {
    /// A stable error code for programs.
    #[schema(example = "validation_failed")]
    pub error_code: &'a str,
    /// The error in words, for people.
    pub message: &'a str,
    /// Also the `x-request-id` header.
    #[schema(pattern = "^[0-9A-Za-z_+/=-]{1,128}$")]
    pub request_id: &'a str,
    /// Each bad field, and other facts.
    #[schema(value_type = Vec<ErrorDetail>)]
    pub details: &'a [serde_json::Value],
}

/// The body of an error answer as `application/problem+json` (RFC 9457).
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ProblemDetails)]
pub struct ProblemDetails<'a> {
    /// Always `about:blank`; `error_code` identifies the problem.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    pub kind: &'a str,
    /// The reason phrase of the status.
    #[schema(example = "Bad Request")]
    pub title: &'a str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// The error in words, for people.
    pub detail: &'a str,
    /// A stable error code for programs.
    #[schema(example = "validation_failed")]
    pub error_code: &'a str,
    /// Also the `x-request-id` header.
    #[schema(pattern = "^[0-9A-Za-z_+/=-]{1,128}$")]
    pub request_id: &'a str,
    /// Each bad field, and other facts.
    #[schema(value_type = Vec<ErrorDetail>)]
    pub details: &'a [serde_json::Value],
}

/// An error answer in the making: a handler returns it, the outermost layer writes it.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// A stable error code for programs.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// Facts, each an object.
    pub details: Vec<serde_json::Value>,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// An error of that status and code.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: Vec::new(), headers: Vec::new() }
    }

    /// 400 of that code.
    pub fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 400 `validation_failed` with each bad field.
    #[must_use]
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let first = fields.first().map_or_else(String::new, |f| format!(": {} {}", f.pointer, f.message));
        let details = fields.iter().filter_map(|field| serde_json::to_value(field).ok()).collect();
        Self { details, ..Self::bad_request("validation_failed", format!("The request is not valid{first}.")) }
    }

    /// 400 for a single field.
    pub fn field(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError::new(pointer, message)])
    }

    /// 400 `duplicate_key` or `nesting_too_deep`, of the JSON at `place`.
    #[must_use]
    pub fn of_json(place: &str, fault: &JsonFault) -> Self {
        let (code, pointer) = match fault {
            JsonFault::DuplicateKey { pointer } => ("duplicate_key", pointer.as_str()),
            JsonFault::TooDeep(_) => ("nesting_too_deep", ""),
        };
        Self { code, ..Self::field(format!("{place}{pointer}"), fault.to_string()) }
    }

    /// 400 with each bad field of what was written at `place`, under the code of its own that one has.
    #[must_use]
    pub fn of_refusal(place: &str, refusal: Refusal) -> Self {
        let faults = match refusal {
            Refusal::Faults(faults) => faults,
            Refusal::Keys(error) => return Self::internal(&error),
            Refusal::Stored(error) => return Self::internal(&error),
        };
        let code = faults.iter().find_map(|fault| fault.code);
        let field = |fault: Fault| FieldError::new(format!("{place}{}", fault.pointer), fault.message);
        let problem = Self::invalid(faults.into_iter().map(field).collect());
        Self { code: code.unwrap_or(problem.code), ..problem }
    }

    /// 404; the same words whatever it is that is not there, or not the caller's.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found.")
    }

    /// 401 with the challenge that RFC 7235 asks for.
    #[must_use]
    pub fn unauthorized() -> Self {
        let problem = Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "Send `Authorization: Bearer <access token>` or `Authorization: ApiKey <key>`.",
        );
        problem.header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"sluice\", ApiKey realm=\"sluice\""),
        )
    }

    /// With another header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// With one more fact.
    #[must_use]
    pub fn detail(mut self, detail: serde_json::Value) -> Self {
        self.details.push(detail);
        self
    }

    /// 500; the cause is for the log alone.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "Internal error.")
    }

    /// 503; the cause is for the log alone.
    pub fn unavailable(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "request failed for now");
        let message = "The service is temporarily unavailable. Try again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
            .header(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// 503: the disk is full. It may be full for long, and is the operator's to clear.
    #[must_use]
    pub fn storage_full() -> Self {
        tracing::error!("a request was refused: the disk is full");
        let message = "The storage is full. Try again once there is room.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "storage_full", message)
            .header(header::RETRY_AFTER, HeaderValue::from_static("10"))
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => {
                Self::new(StatusCode::CONFLICT, "conflict", "`conflict`: it was changed at the same time; try again.")
            }
            StoreError::Malformed(_) => Self::internal(&error),
            StoreError::Full => Self::storage_full(),
            StoreError::Unavailable(_) => Self::unavailable(&error),
        }
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => error.into(),
            _ if error.is_full() => Self::storage_full(),
            EngineError::Queue(_) | EngineError::Interrupted | EngineError::TooSlow => Self::unavailable(&error),
            _ => Self::internal(&error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
