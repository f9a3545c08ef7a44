//! One binary for every worker: `_HANDLER` says which one this Lambda function is.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use sluice::lambda::{self, Function};
use sluice_workers::{BOOTSTRAP, TICK, Worker, bootstrap, functions, tick};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda::init_logs();
    let name = lambda::handler_name()?;
    let worker = Worker::named(&name);
    let spec = functions().into_iter().find(|spec| spec.name == name);
    let spec = spec.ok_or_else(|| format!("no worker is called {name}"))?;
    let function = Function::start(spec.permissions.keys).await?;
    match (worker, name.as_str()) {
        (Some(worker), _) => run_worker(worker, function).await,
        (None, TICK) => run_tick(function).await,
        (None, BOOTSTRAP) => run_bootstrap(function).await,
        (None, name) => Err(format!("no worker is called {name}").into()),
    }
}

async fn run_worker(worker: Worker, function: Function) -> Result<(), Error> {
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async {
        function.refresh_keys().await;
        let LambdaEvent { payload, context } = event;
        Ok::<_, Error>(worker.run(&function.app, &payload, lambda::deadline(&context)).await)
    }))
    .await
}

async fn run_tick(function: Function) -> Result<(), Error> {
    lambda_runtime::run(service_fn(|event: LambdaEvent<serde_json::Value>| async {
        function.refresh_keys().await;
        let LambdaEvent { context, .. } = event;
        Ok::<_, Error>(tick(&function.app, lambda::deadline(&context)).await?)
    }))
    .await
}

async fn run_bootstrap(Function { app, .. }: Function) -> Result<(), Error> {
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async {
        let LambdaEvent { payload, .. } = event;
        Ok::<_, Error>(bootstrap(&app, &payload).await?)
    }))
    .await
}
