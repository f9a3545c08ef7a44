//! Reads what is left of a request's body once its answer is known.
//!
//! A handler that refuses a request does not read its body. Closing the connection on a client that is still sending
//! resets it, and the client never sees the 401 or 413. API Gateway takes the whole body first; here this does.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::header;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::sync::oneshot;

/// The most that is read for nothing.
const LIMIT: usize = 64 * 1024 * 1024;
/// How long the client may take to send it.
const TIME: Duration = Duration::from_secs(10);

/// Runs the request, and reads the rest of its body before the answer goes out.
pub(crate) async fn drain(request: Request, next: Next) -> Response {
    // A client that waits for `100 Continue` has sent no body, and sends none after a final answer.
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return next.run(request).await;
    }
    let (give_back, mut rest) = oneshot::channel();
    let lend = |body| Body::new(Lent { body: Some(body), give_back: Some(give_back) });
    let response = next.run(request.map(lend)).await;
    if let Ok(body) = rest.try_recv() {
        // A client that is slower, or sends more, is cut off.
        let _ = tokio::time::timeout(TIME, discard(body)).await;
    }
    response
}

async fn discard(mut body: Body) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > LIMIT {
            return;
        }
    }
}

/// A body that comes back when its reader is done with it before its end.
struct Lent {
    body: Option<Body>,
    give_back: Option<oneshot::Sender<Body>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(body), Some(give_back)) = (self.body.take(), self.give_back.take())
            && !body.is_end_stream()
        {
            // The receiver is dropped if the request was cancelled.
            let _ = give_back.send(body);
        }
    }
}
