//! One binary for every worker: `_HANDLER` says which one this Lambda function is.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use sluice::app::App;
use sluice::lambda;
use sluice_workers::{TICK, Worker, tick};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda::init_logs();
    let name = lambda::handler_name()?;
    let app = lambda::app().await?;
    if name == TICK {
        return run_tick(app).await;
    }
    let worker = Worker::named(&name).ok_or_else(|| format!("no worker is called {name}"))?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async {
        let LambdaEvent { payload, .. } = event;
        Ok::<_, Error>(worker.run(&app, &payload).await)
    }))
    .await
}

async fn run_tick(app: App) -> Result<(), Error> {
    lambda_runtime::run(service_fn(|_: LambdaEvent<serde_json::Value>| async { Ok::<_, Error>(tick(&app).await?) }))
        .await
}
