//! One binary for every endpoint: `_HANDLER` says which one this Lambda function is.

use sluice::lambda;

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    lambda::init_logs();
    let name = lambda::handler_name()?;
    let router = sluice_api::function(&name, lambda::app().await?);
    lambda_http::run(router.ok_or_else(|| format!("no endpoint is called {name}"))?).await
}
