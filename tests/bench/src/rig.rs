//! What is measured: the system over a fresh folder, one signed webhook, one receiver.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sluice::outbound::SigningKey;
use sluice_local::system::{self, System, local_settings};
use tempfile::TempDir;

use crate::connection::Connection;
use crate::sink::Sink;

/// The running parts.
pub(crate) struct Rig {
    pub(crate) system: System,
    pub(crate) sink: Sink,
    pub(crate) key: SigningKey,
    address: SocketAddr,
    authorization: String,
    _folder: TempDir,
}

impl Rig {
    /// Starts everything and registers the webhook. The data goes below `parent`, or the folder for temporary files.
    pub(crate) async fn start(parent: Option<PathBuf>) -> Result<Self> {
        let folder = match parent {
            Some(parent) => tempfile::tempdir_in(parent),
            None => tempfile::tempdir(),
        };
        let folder = folder.context("a fresh data folder")?;
        let options = system::Options {
            listen: ([127, 0, 0, 1], 0).into(),
            data: folder.path().to_owned(),
            settings: local_settings(&[])?,
        };
        let system = System::start(options).await?;
        let address = system.credentials.base_url.trim_start_matches("http://").parse().context("the API's address")?;
        let key = SigningKey::generate()?;
        let sink = Sink::start(key.clone()).await?;
        let token =
            json!({"client_id": system.credentials.client_id, "client_secret": system.credentials.client_secret});
        let answer = post(address, "", "/v1/auth/token", &token).await?;
        let authorization = format!("Bearer {}", answer["access_token"].as_str().unwrap_or_default());
        let webhook = json!({
            "id": "bench", "integration_type": "permanent",
            "callback_parameters": {"callback_url": sink.url(), "api_key": "bench", "signing_secret": key.to_secret().as_str()},
        });
        post(address, &authorization, "/v1/integrations", &webhook).await?;
        Ok(Self { system, sink, key, address, authorization, _folder: folder })
    }

    /// A publisher's connection.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        Connection::open(self.address, &self.authorization).await
    }

    pub(crate) async fn stop(self) {
        self.system.stop().await;
    }
}

async fn post(address: SocketAddr, authorization: &str, path: &str, body: &Value) -> Result<Value> {
    let (status, answer) = Connection::open(address, authorization).await?.post(path, body.to_string().into()).await?;
    ensure!(status.is_success(), "{path} was answered {status}: {}", String::from_utf8_lossy(&answer));
    serde_json::from_slice(&answer).with_context(|| format!("the answer of {path}"))
}
