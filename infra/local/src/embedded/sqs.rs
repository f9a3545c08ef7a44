//! The embedded SQS: our own server, called in the process.

use std::path::Path;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use sluice_sqs::{Queues, Server};

use super::in_process;
use crate::StartError;

const HOST: &str = "sqs.invalid";

/// Opens the queues, with every message visible that a process that died had received.
pub(super) async fn open(path: &Path) -> Result<Server, StartError> {
    let fail = |e| StartError::new(path.display(), e);
    sluice_sqs::release_in_flight(path).map_err(fail)?;
    Server::open(path).await.map_err(fail)
}

/// A configuration for clients of the queues.
pub async fn config(queues: Queues) -> SdkConfig {
    in_process::config(HOST, Connector(queues)).await
}

#[derive(Debug)]
struct Connector(Queues);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let queues = self.0.clone();
        HttpConnectorFuture::new(async move {
            let (target, body) = in_process::parts(&request)?;
            in_process::response(queues.call(Some(target), HOST, body).await)
        })
    }
}
