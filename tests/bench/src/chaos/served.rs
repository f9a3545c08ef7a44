//! The real program as a child process, and its API.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use sluice_local::provision::LocalCredentials;
use tokio::sync::oneshot;

/// Short times, so that what takes minutes in production can be waited for.
const SETTINGS: [(&str, &str); 5] = [
    ("SLUICE_EXPORT_INTERVAL_SECONDS", "3"),
    ("SLUICE_LOG_GRACE_MILLISECONDS", "3000"),
    ("SLUICE_RETRY_STREAM", "1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s"),
    ("SLUICE_PROBE_DELAYS", "1s,2s"),
    ("SLUICE_LOG", "off"),
];

/// A running `sluice serve`; it is killed when dropped.
pub(super) struct Served {
    child: Child,
    pub(super) credentials: LocalCredentials,
}

impl Served {
    /// Starts over a folder, and waits until it says that it listens.
    pub(super) async fn start(program: &Path, data: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        command.envs(SETTINGS).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| program.display().to_string())?;
        let output = child.stdout.take().context("no output")?;
        let (said, listens) = oneshot::channel();
        // To its end: who says more must be heard.
        std::thread::spawn(move || {
            let mut lines = BufReader::new(output).lines().map_while(Result::ok);
            let _ = said.send(lines.any(|line| line.starts_with("Sluice is listening on http://")));
            lines.for_each(drop);
        });
        if !listens.await? {
            let _ = child.kill();
            bail!("it did not start: {:?}", child.wait()?);
        }
        let credentials = serde_json::from_slice(&fs::read(data.join("credentials.json"))?)?;
        Ok(Self { child, credentials })
    }

    /// `kill -9`.
    pub(super) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end, and waits until it has.
    pub(super) async fn stop(mut self) -> Result<()> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        while self.child.try_wait()?.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    pub(super) fn client(&self) -> Result<Client> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()?;
        let authorization = format!("ApiKey {}", self.credentials.api_key);
        Ok(Client { http, base: self.credentials.base_url.clone(), authorization })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client of its API.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    authorization: String,
}

impl Client {
    /// The status and the body that a POST is answered with.
    pub(super) async fn post(&self, path: &str, key: Option<&str>, body: &str) -> Result<(u16, String)> {
        let mut request = self.http.post(format!("{}{path}", self.base)).header("authorization", &self.authorization);
        request = request.header("content-type", "application/json").body(body.to_owned());
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// What a GET is answered with.
    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        let request = self.http.get(format!("{}{path}", self.base)).header("authorization", &self.authorization);
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        anyhow::ensure!(status.is_success(), "{path} was answered {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }
}
