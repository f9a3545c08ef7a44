//! One binary for every endpoint: `_HANDLER` says which one this Lambda function is.

use axum::extract::Request;
use axum::middleware;
use lambda_http::request::RequestContext;
use sluice::http::audit::SourceIp;
use sluice::lambda;

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    lambda::init_logs();
    let name = lambda::handler_name()?;
    let router = sluice_api::function(&name, lambda::app().await?);
    let router = router.ok_or_else(|| format!("no endpoint is called {name}"))?;
    lambda_http::run(router.layer(middleware::map_request(note_source))).await
}

/// Who called, as API Gateway saw it.
async fn note_source(mut request: Request) -> Request {
    let source = match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.clone(),
        _ => None,
    };
    if let Some(source) = source {
        request.extensions_mut().insert(SourceIp(source));
    }
    request
}
