//! What is measured: the system over a fresh folder, a signed webhook and its receiver, and others beside it.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sluice::domain::face::FaceKind;
use sluice::domain::route::{Route, RouteKey};
use sluice::domain::scope::{Environment, Scope};
use sluice::outbound::SigningKey;
use sluice::ports::Ports;
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
    pub(crate) async fn start(parent: Option<PathBuf>, workers: Option<usize>) -> Result<Self> {
        let folder = match parent {
            Some(parent) => tempfile::tempdir_in(parent),
            None => tempfile::tempdir(),
        };
        let folder = folder.context("a fresh data folder")?;
        // As on AWS, where it is 20 of 400.
        let share = workers.map_or_else(|| "20".to_owned(), |workers| workers.div_ceil(20).to_string());
        let settings = [("SLUICE_SLOW_PER_ROUTE", share.as_str())];
        let options = system::Options {
            listen: ([127, 0, 0, 1], 0).into(),
            data: folder.path().to_owned(),
            settings: local_settings(&settings)?,
            destinations: std::convert::identity,
            ports: Ports::system(),
            chaos: None,
            workers,
        };
        let system = System::start(options).await?;
        let address = system.credentials.base_url.trim_start_matches("http://").parse().context("the API's address")?;
        let key = SigningKey::generate(&Ports::system());
        let sink = Sink::start(key.clone()).await?;
        let token =
            json!({"client_id": system.credentials.client_id, "client_secret": system.credentials.client_secret});
        let answer = post(address, "", "/v1/auth/token", &token).await?;
        let authorization = format!("Bearer {}", answer["access_token"].as_str().unwrap_or_default());
        let rig = Self { system, sink, key, address, authorization, _folder: folder };
        let (url, secret) = (rig.sink.url(), rig.key.to_secret());
        let callback = json!({"callback_url": url, "api_key": "bench", "signing_secret": secret.as_str()});
        rig.register("bench", &callback).await?;
        Ok(rig)
    }

    /// Registers a webhook that asks for every event.
    pub(crate) async fn register(&self, id: &str, callback: &Value) -> Result<()> {
        let webhook = json!({"id": id, "integration_type": "permanent", "callback_parameters": callback});
        post(self.address, &self.authorization, "/v1/integrations", &webhook).await.map(drop)
    }

    /// The route of a webhook, and how many attempts at it have failed in a row.
    pub(crate) async fn route(&self, id: &str) -> Result<(Route, u32)> {
        let (routes, scope) = (&self.system.app.stores.routes, self.scope()?);
        let snapshot = routes.snapshot(&scope).await?;
        let compiled =
            snapshot.entries.iter().find(|compiled| compiled.route.id == id).context("the webhook is gone")?;
        Ok((compiled.route.clone(), routes.failures(&scope, &compiled.route.uid).await?))
    }

    /// Deletes a webhook and what waits for it.
    pub(crate) async fn remove(&self, id: &str) -> Result<()> {
        let lifecycle = &self.system.app.engine.lifecycle;
        let there = lifecycle.delete(&self.scope()?, &RouteKey::new(FaceKind::Integration, id)).await?;
        ensure!(there, "the webhook is gone");
        Ok(())
    }

    pub(crate) fn scope(&self) -> Result<Scope> {
        Ok(Scope { tenant: self.system.credentials.tenant.parse()?, environment: Environment::Production })
    }

    /// The answer of a GET.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        let mut connection = self.connect().await?;
        let (status, answer) = connection.get(path).await?;
        ensure!(status.is_success(), "{path} was answered {status}: {}", String::from_utf8_lossy(&answer));
        serde_json::from_slice(&answer).with_context(|| format!("the answer of {path}"))
    }

    /// The answer of a POST.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        post(self.address, &self.authorization, path, body).await
    }

    /// Makes something; gives its id.
    pub(crate) async fn make(&self, path: &str, body: &Value) -> Result<String> {
        let made = self.post(path, body).await?;
        Ok(made["id"].as_str().with_context(|| format!("{made} has no id"))?.to_owned())
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
