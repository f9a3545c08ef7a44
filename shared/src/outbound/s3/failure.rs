//! Why S3 did not take an object: in words fit for a route's log, and what it means for retrying.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use http::StatusCode;

use crate::domain::attempt::{Attempt, Verdict};
use crate::outbound::failure::{CONNECTION_FAILED, TIMEOUT, of_address, of_connection, of_status};
use crate::outbound::retry_after::retry_after;

/// Text from the service is shown up to here.
const MAX_MESSAGE: usize = 200;
/// Codes that blame the object itself: it will never be accepted. All others may end, or be repaired.
const REJECTIONS: [&str; 3] = ["EntityTooLarge", "KeyTooLongError", "MetadataTooLarge"];

/// One refusal, without any secret or internal address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The status of the response, if there is one.
    pub(crate) status: Option<u16>,
    reason: String,
    rejected: bool,
    pub(crate) retry_after: Option<Duration>,
}

impl Failure {
    /// A failure that has nothing but its reason.
    pub(crate) fn new(reason: &str) -> Self {
        Self { status: None, reason: reason.to_owned(), rejected: false, retry_after: None }
    }

    /// A response that no S3 gives.
    pub(crate) fn not_s3() -> Self {
        Self::new("the endpoint did not respond like S3")
    }

    pub(crate) fn timeout() -> Self {
        Self::new(TIMEOUT)
    }

    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }

    /// As the result of an attempt.
    pub(super) fn attempt(self, duration: Duration) -> Attempt {
        let Self { status, reason, rejected, retry_after } = self;
        let verdict = if rejected { Verdict::Rejected } else { Verdict::Failed { retry_after } };
        Attempt { verdict, status, ..Attempt::failed(reason, duration) }
    }

    fn of_service(code: Option<&str>, message: Option<&str>, response: &HttpResponse) -> Self {
        let status = StatusCode::from_u16(response.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
        let code = code.map(clean).filter(|code| !code.is_empty());
        let reason = match (&code, message.map(clean).filter(|message| !message.is_empty())) {
            (Some(code), Some(message)) => format!("{} (S3 error code {code})", message.trim_end_matches('.')),
            (Some(code), None) => format!("S3 error code {code}"),
            (None, _) => of_status(status).into_owned(),
        };
        let wait = response.headers().get("retry-after").and_then(|text| retry_after(text, SystemTime::now()));
        let rejected = code.is_some_and(|code| REJECTIONS.contains(&code.as_str()));
        Self { status: Some(status.as_u16()), reason, rejected, retry_after: wait }
    }
}

/// Printable, and short.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE).collect()
}

impl<E> From<SdkError<E, HttpResponse>> for Failure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        match &error {
            SdkError::ServiceError(service) => {
                let (code, message) = (service.err().code(), service.err().message());
                Self::of_service(code, message, service.raw())
            }
            SdkError::TimeoutError(_) => Self::timeout(),
            SdkError::DispatchFailure(failure) => {
                let is_timeout = failure.is_timeout();
                let phrase = failure.as_connector_error().and_then(|error| of_address(error).or(of_connection(error)));
                Self::new(phrase.unwrap_or(if is_timeout { TIMEOUT } else { CONNECTION_FAILED }))
            }
            _ => Self::not_s3(),
        }
    }
}
