//! The SDK's HTTP client, with faults between it and the server.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use super::fault::Fault;
use super::{Chaos, requests};

/// Longer than any attempt: whoever waits for an answer that was lost gives up first.
const NEVER: Duration = Duration::from_secs(30);

/// Makes connectors whose requests and answers suffer.
#[derive(Debug)]
pub(super) struct UnkindClient {
    pub(super) inner: SharedHttpClient,
    pub(super) chaos: Chaos,
}

impl HttpClient for UnkindClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, parts: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, parts);
        SharedHttpConnector::new(UnkindConnector { inner, chaos: self.chaos.clone() })
    }
}

#[derive(Debug)]
struct UnkindConnector {
    inner: SharedHttpConnector,
    chaos: Chaos,
}

impl HttpConnector for UnkindConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match self.chaos.fault(&requests::operation(&request)) {
            Some(fault) => HttpConnectorFuture::new(suffer(self.inner.clone(), fault, request)),
            None => self.inner.call(request),
        }
    }
}

async fn suffer(
    inner: SharedHttpConnector,
    fault: Fault,
    mut request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    if let Some(refusal) = requests::refusal(fault, &request) {
        return Ok(refusal);
    }
    match fault {
        Fault::Slow(wait) => tokio::time::sleep(wait).await,
        Fault::ConnectionDead => return Err(ConnectorError::io("the connection was dead".into())),
        Fault::AnswerLost => {
            // Whether or not the caller still waits.
            let call = tokio::spawn(async move { inner.call(request).await.map(drop) });
            let _ = call.await;
            tokio::time::sleep(NEVER).await;
            return Err(ConnectorError::timeout("no answer came".into()));
        }
        Fault::ShortPage(most) => requests::shorten(&mut request, most),
        Fault::Late => requests::delay(&mut request, fastrand::u8(..)),
        Fault::Repeated => {
            if let Some(again) = request.try_clone() {
                inner.call(again).await?;
            }
        }
        Fault::Throttled | Fault::Unavailable | Fault::TransactionConflict | Fault::Unprocessed => {}
    }
    inner.call(request).await
}
