//! One binary for every endpoint: `_HANDLER` says which one this Lambda function is.

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use lambda_http::request::RequestContext;
use sluice::lambda::{self, Function};
use sluice_api::http::audit::SourceIp;
use sluice_api::http::layers::RequestId;

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    lambda::init_logs();
    let name = lambda::handler_name()?;
    let function = Function::start(sluice_api::rings(&name)).await?;
    let router = sluice_api::function(&name, function.app.clone());
    let router = router.ok_or_else(|| format!("no endpoint is called {name}"))?;
    let router = router.layer(middleware::from_fn_with_state(function, with_fresh_keys));
    lambda_http::run(router.layer(middleware::map_request(note_gateway))).await
}

async fn with_fresh_keys(State(function): State<Function>, request: Request, next: Next) -> Response {
    function.refresh_keys().await;
    next.run(request).await
}

/// Records what API Gateway knows of a request: the id in its access log, and the source address it saw.
async fn note_gateway(mut request: Request) -> Request {
    let Some(RequestContext::ApiGatewayV2(context)) = request.extensions().get::<RequestContext>() else {
        return request;
    };
    let (id, source) = (context.request_id.clone(), context.http.source_ip.clone());
    if let Some(id) = id {
        request.extensions_mut().insert(RequestId(id));
    }
    if let Some(source) = source {
        request.extensions_mut().insert(SourceIp(source));
    }
    request
}
