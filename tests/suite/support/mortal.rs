//! A layer between the SDK's clients and the embedded servers that ends a process at a chosen call.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_config::SdkConfig;
use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::http::{
    HttpClient as _, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use tokio::sync::watch;

/// What becomes of the last call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// It is never made.
    NotMade,
    /// It is made, and nobody hears the answer.
    Made,
    /// It was on its way, and is made once it is let go: see [`Life::arrive`].
    Late,
}

/// How long a process lives; clones share it. After its end no call is made any more.
#[derive(Clone)]
pub(crate) struct Life(Arc<Span>);

struct Span {
    /// Counts calls of this operation alone, if there is one.
    operation: Option<&'static str>,
    left: AtomicUsize,
    last: Last,
    ended: watch::Sender<bool>,
    released: watch::Sender<bool>,
    arrived: watch::Sender<bool>,
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} calls left, the last {:?}", self.0.left, self.0.last)
    }
}

impl Life {
    /// Ends with the `calls`th call.
    pub(crate) fn of(calls: usize, last: Last) -> Self {
        Self::until(None, calls, last)
    }

    /// Ends with the `calls`th call of an operation.
    pub(crate) fn until(operation: Option<&'static str>, calls: usize, last: Last) -> Self {
        let flag = || watch::channel(false).0;
        let left = AtomicUsize::new(calls);
        Self(Arc::new(Span { operation, left, last, ended: flag(), released: flag(), arrived: flag() }))
    }

    /// Has no end.
    pub(crate) fn long() -> Self {
        Self::of(usize::MAX, Last::Made)
    }

    /// Waits until it is over.
    pub(crate) async fn ended(&self) {
        wait(&self.0.ended).await;
    }

    /// Whether its last call is yet to be made.
    pub(crate) fn is_late(&self) -> bool {
        self.0.last == Last::Late
    }

    /// Lets the last call go, and waits until it was made.
    pub(crate) async fn arrive(&self) {
        self.0.released.send_replace(true);
        wait(&self.0.arrived).await;
    }

    /// The same configuration, for a process that lives that long.
    pub(crate) fn over(&self, config: SdkConfig) -> SdkConfig {
        let Some(inner) = config.http_client() else { return config };
        config.into_builder().http_client(self.mortal(inner)).build()
    }

    /// The same client of a bucket, for a process that lives that long.
    pub(crate) fn over_bucket(&self, client: &aws_sdk_s3::Client) -> aws_sdk_s3::Client {
        let mortal = self.mortal(Builder::new().build_http());
        aws_sdk_s3::Client::from_conf(client.config().to_builder().http_client(mortal).build())
    }

    fn mortal(&self, inner: SharedHttpClient) -> SharedHttpClient {
        let life = self.clone();
        http_client_fn(move |settings, parts| {
            let inner = inner.http_connector(settings, parts);
            SharedHttpConnector::new(Mortal { inner, life: life.clone() })
        })
    }

    fn counts(&self, request: &HttpRequest) -> bool {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        self.0.operation.is_none_or(|operation| target.ends_with(&format!(".{operation}")))
    }
}

async fn wait(flag: &watch::Sender<bool>) {
    // The sender is here: it cannot be gone.
    drop(flag.subscribe().wait_for(|set| *set).await);
}

#[derive(Debug)]
struct Mortal {
    inner: SharedHttpConnector,
    life: Life,
}

impl HttpConnector for Mortal {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let span = &self.life.0;
        if *span.ended.borrow() {
            return HttpConnectorFuture::new(std::future::pending());
        }
        if !self.life.counts(&request) || span.left.fetch_sub(1, Ordering::SeqCst) > 1 {
            return self.inner.call(request);
        }
        let (inner, life) = (self.inner.clone(), self.life.clone());
        span.ended.send_replace(span.last != Last::Made);
        HttpConnectorFuture::new(async move {
            let made = async move {
                match life.0.last {
                    Last::NotMade => {}
                    Last::Made => {
                        let _ = inner.call(request).await;
                        life.0.ended.send_replace(true);
                    }
                    Last::Late => {
                        wait(&life.0.released).await;
                        let _ = inner.call(request).await;
                        life.0.arrived.send_replace(true);
                    }
                }
            };
            // Whether or not the caller still waits.
            let _ = tokio::spawn(made).await;
            std::future::pending().await
        })
    }
}
