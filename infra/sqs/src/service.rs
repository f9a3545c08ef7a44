//! The protocol without a transport: the operation in `X-Amz-Target`, JSON both ways.

use std::path::Path;

use http::{HeaderValue, Response, StatusCode, header};
use uuid::Uuid;

use crate::Error;
use crate::fault::{Code, Fault};
use crate::operations::{self, Context};
use crate::writer::{self, Store, Writer};

/// An open database, and the thread that owns it.
pub struct Server {
    queues: Queues,
    writer: Writer,
}

/// The way to the queues of a [`Server`], which may have been stopped meanwhile.
#[derive(Clone)]
pub struct Queues {
    store: Store,
}

impl Server {
    /// Opens the database at `db_path`, and makes it where there is none.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub async fn open(db_path: &Path) -> Result<Self, Error> {
        let (store, writer) = writer::start(db_path.to_owned()).await?;
        Ok(Self { queues: Queues { store }, writer })
    }

    /// Its queues.
    #[must_use]
    pub fn queues(&self) -> Queues {
        self.queues.clone()
    }

    /// Answers long polls empty, finishes what was asked before, and returns once the database is closed.
    ///
    /// # Errors
    /// Where the writer's thread has panicked.
    pub async fn stop(self) -> Result<(), Error> {
        self.queues.store.drain().await;
        self.writer.stop().await
    }
}

impl Queues {
    /// Answers a request. Dropped before it is done, it may still take effect, but it takes no messages with it.
    ///
    /// `host` is what queue URLs name.
    pub async fn call(&self, target: Option<&str>, host: &str, body: &[u8]) -> Response<Vec<u8>> {
        let context = Context { store: &self.store, host };
        let answer = match target.and_then(|target| target.strip_prefix("AmazonSQS.")) {
            Some(operation) => operations::run(operation, body, &context).await,
            None => Err(Fault::new(Code::InvalidAction, "The request names no operation of SQS.")),
        };
        match answer {
            Ok(body) => respond(StatusCode::OK, body),
            Err(fault) => refuse(&fault),
        }
    }
}

impl std::fmt::Debug for Queues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queues")
    }
}

fn refuse(fault: &Fault) -> Response<Vec<u8>> {
    let (status, blame) = match fault.code {
        Code::InternalError => (StatusCode::INTERNAL_SERVER_ERROR, "Receiver"),
        // No status that a client takes for a moment's failure: it is not worth another attempt at once.
        Code::StorageFull => (StatusCode::INSUFFICIENT_STORAGE, "Receiver"),
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

fn respond(status: StatusCode, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_static("application/x-amz-json-1.0");
    headers.insert(header::CONTENT_TYPE, content_type);
    if let Ok(id) = HeaderValue::from_str(&Uuid::now_v7().to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
