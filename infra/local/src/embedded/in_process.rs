//! What the SDK's connectors to servers of this process share: a request is answered by a function, without a socket.

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::Response;

use super::REGION;

/// A configuration whose clients call `connector`. No name server knows `host`, so that nothing could go elsewhere.
pub(super) async fn config(host: &str, connector: impl HttpConnector + 'static) -> SdkConfig {
    let connector = SharedHttpConnector::new(connector);
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .no_credentials()
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .endpoint_url(format!("http://{host}"))
        // Bodies are in memory, whole.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .load()
        .await
}

/// The operation and the body of a request.
pub(super) fn parts(request: &HttpRequest) -> Result<(&str, &[u8]), ConnectorError> {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let body = request.body().bytes().ok_or_else(|| ConnectorError::user("the body is a stream".into()))?;
    Ok((target, body))
}

pub(super) fn response(answer: Response<Vec<u8>>) -> Result<HttpResponse, ConnectorError> {
    HttpResponse::try_from(answer.map(SdkBody::from)).map_err(|e| ConnectorError::other(e.into(), None))
}
