//! One binary for every endpoint: `_HANDLER` says which one this Lambda function is.

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use sluice::lambda::{self, Function};

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    lambda::init_logs();
    let name = lambda::handler_name()?;
    let function = Function::start(sluice_api::needs_keys(&name)).await?;
    let router = sluice_api::function(&name, function.app.clone());
    let router = router.ok_or_else(|| format!("no endpoint is called {name}"))?;
    lambda_http::run(router.layer(middleware::from_fn_with_state(function, with_fresh_keys))).await
}

async fn with_fresh_keys(State(function): State<Function>, request: Request, next: Next) -> Response {
    function.refresh_keys().await;
    next.run(request).await
}
