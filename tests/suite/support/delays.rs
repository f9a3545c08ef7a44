//! A layer between the SDK's clients and the embedded servers that has chosen requests take their time.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient as _, HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

type Rule = Arc<dyn Fn(&str, &str) -> Duration + Send + Sync>;

/// How long requests wait; clones share it.
#[derive(Clone)]
pub(crate) struct Delays(Arc<Mutex<Rule>>);

impl Default for Delays {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Arc::new(|_, _| Duration::ZERO))))
    }
}

impl fmt::Debug for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Delays")
    }
}

impl Delays {
    /// From now on a request waits as long as this says of its operation, such as `Query`, and of its body.
    pub(crate) fn set(&self, rule: impl Fn(&str, &str) -> Duration + Send + Sync + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(rule);
    }

    /// From now on no request waits.
    pub(crate) fn clear(&self) {
        self.set(|_, _| Duration::ZERO);
    }

    /// The same configuration, with a client whose requests wait.
    pub(crate) fn over(&self, config: SdkConfig) -> SdkConfig {
        let Some(inner) = config.http_client() else { return config };
        let delays = self.clone();
        let client = http_client_fn(move |settings, parts| {
            let inner = inner.http_connector(settings, parts);
            SharedHttpConnector::new(Waiting { inner, delays: delays.clone() })
        });
        config.into_builder().http_client(client).build()
    }

    fn of(&self, request: &HttpRequest) -> Duration {
        let rule = Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let operation = request.headers().get("x-amz-target").and_then(|target| target.split('.').next_back());
        let body = request.body().bytes().and_then(|body| str::from_utf8(body).ok());
        rule(operation.unwrap_or_default(), body.unwrap_or_default())
    }
}

#[derive(Debug)]
struct Waiting {
    inner: SharedHttpConnector,
    delays: Delays,
}

impl HttpConnector for Waiting {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, delay) = (self.inner.clone(), self.delays.of(&request));
        if delay.is_zero() {
            return inner.call(request);
        }
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(delay).await;
            inner.call(request).await
        })
    }
}
