//! The HTTP client under S3 clients that write to a customer's bucket.
//!
//! `endpoint_url` is the customer's choice, so these requests are as untrusted as webhooks. The
//! resolver alone is not enough: a literal address never reaches it. So every request's URL passes
//! the policy here, whatever endpoint, region or bucket name it was put together from.
//!
//! Buckets behind a private VPC endpoint resolve to private addresses and are refused; a gateway
//! endpoint (public addresses, private route) works.

use std::time::Duration;

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use url::Url;

use crate::outbound::address::TargetError;
use crate::outbound::reach::Reach;
use crate::outbound::resolver::SafeResolver;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Covers the upload of a whole part, not just the wait for the answer.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const POOL_MAX_IDLE_PER_HOST: usize = 16;

/// An HTTP client for the AWS SDK that reaches only this.
///
/// Build one and share it: connections are pooled in it, and it loads the root certificates. Its
/// timeouts hold where the S3 client's own configuration sets none.
#[must_use]
pub(super) fn s3_http_client(reach: Reach) -> SharedHttpClient {
    let inner = Builder::new()
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_MAX_IDLE_PER_HOST)
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_with_resolver(SafeResolver::new(reach.policy));
    SharedHttpClient::new(GuardedClient { inner, reach })
}

#[derive(Debug)]
struct GuardedClient {
    inner: SharedHttpClient,
    reach: Reach,
}

impl HttpClient for GuardedClient {
    // The inner client's `validate_base_client_config` is left out on purpose: it builds and drops
    // one TLS connector for every S3 client, and there is one S3 client per integration.
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(settings.connect_timeout().unwrap_or(CONNECT_TIMEOUT))
            .read_timeout(settings.read_timeout().unwrap_or(READ_TIMEOUT))
            .build();
        SharedHttpConnector::new(GuardedConnector {
            inner: self.inner.http_connector(&settings, components),
            reach: self.reach,
        })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.inner.connector_metadata()
    }
}

#[derive(Debug)]
struct GuardedConnector {
    inner: SharedHttpConnector,
    reach: Reach,
}

impl HttpConnector for GuardedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, reach) = (self.inner.clone(), self.reach);
        HttpConnectorFuture::new(async move {
            match check_request(&request, reach).await {
                Ok(()) => inner.call(request).await,
                // A user error, so that the SDK does not retry it.
                Err(error) => Err(ConnectorError::user(error.into())),
            }
        })
    }
}

async fn check_request(request: &HttpRequest, reach: Reach) -> Result<(), TargetError> {
    let url = Url::parse(request.uri()).map_err(|_| TargetError::Invalid("is not an absolute URL"))?;
    reach.check(&url).await
}

#[cfg(test)]
mod tests;
