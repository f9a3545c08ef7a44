//! A kind of destination that only the tests have: one JSON line for each event to a TCP address, which responds with
//! `ok`, `no` or `later`. It shows what a kind takes: this folder, a line in the registry, a line in the suite.

mod endpoint;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice::domain::attempt::{Attempt, Verdict};
use sluice::domain::scope::Scope;
use sluice::domain::sealed::{MASK, Sealed};
use sluice::outbound::moved::Origins;
use sluice::outbound::written::{Faults, parse};
use sluice::outbound::{Accepted, Kind, KindSettings, Parcel, PrepareError, Refusal, Secret, Target, TargetError};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

pub(crate) use endpoint::Endpoint;

/// The kind `tcp_lines`.
pub(crate) struct TcpLines(KindSettings);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    address: String,
    token: String,
    #[serde(default)]
    note: Option<String>,
}

/// The parameters as they are stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct Parameters {
    address: SocketAddr,
    token: Sealed,
    note: Option<String>,
}

impl TcpLines {
    pub(crate) fn new(settings: &KindSettings) -> Self {
        Self(settings.clone())
    }
}

#[async_trait]
impl Kind for TcpLines {
    type Parameters = Parameters;

    const NAME: &'static str = "tcp_lines";

    async fn accept(
        &self,
        scope: &Scope,
        written: Value,
        kept: Option<&Parameters>,
    ) -> Result<Accepted<Parameters>, Refusal> {
        let Written { address, token, note } = parse(written)?;
        let (mut faults, address) = (Faults::default(), address.parse::<SocketAddr>().ok());
        match address {
            None => faults.add("/address", "must be an IP address and a port"),
            Some(at) if !self.0.reach.permits(at) => faults.refuse("/address", TargetError::ForbiddenAddress),
            Some(_) => {}
        }
        let token = Secret::read(token, kept.map(|kept| kept.token.clone()));
        if token.text().is_some_and(|text| !text.bytes().all(|byte| byte.is_ascii_graphic())) {
            faults.add("/token", "must be visible ASCII characters");
        }
        let address = faults.finish(address)?;
        let token = self.0.vault.store(scope, token)?;
        Ok(Accepted { parameters: Parameters { address, token, note }, generated: serde_json::Map::new() })
    }

    fn origins(&self, Parameters { address, .. }: &Parameters, _pointer: &str) -> Origins {
        vec![address.to_string()]
    }

    fn show(&self, Parameters { address, note, .. }: &Parameters) -> Value {
        let mut shown = json!({"address": address, "token": MASK});
        if let Some(note) = note {
            shown["note"] = note.as_str().into();
        }
        shown
    }

    fn prepare(&self, scope: &Scope, parameters: &Parameters) -> Result<Arc<dyn Target>, PrepareError> {
        let (address, settings) = (parameters.address, self.0.clone());
        let token = self.0.vault.open(scope, &parameters.token)?.to_string();
        Ok(Arc::new(Line { label: format!("tcp://{address}"), address, token, settings }))
    }
}

struct Line {
    label: String,
    address: SocketAddr,
    token: String,
    settings: KindSettings,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TcpLines").field(&self.label).finish()
    }
}

impl Line {
    /// Sends one line, and reads one.
    async fn ask(&self, parcel: &Parcel<'_>) -> std::io::Result<String> {
        let content = String::from_utf8_lossy(&parcel.body);
        let line = json!({"token": self.token, "id": parcel.id, "content": content});
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(format!("{line}\n").as_bytes()).await?;
        let mut response = String::new();
        BufReader::new(stream).read_line(&mut response).await?;
        Ok(response)
    }
}

#[async_trait]
impl Target for Line {
    fn label(&self) -> &str {
        &self.label
    }

    async fn send(&self, parcel: Parcel<'_>) -> Attempt {
        let started = Instant::now();
        let failed = |reason: &'static str| Attempt::failed(reason, started.elapsed());
        if !self.settings.reach.permits(self.address) {
            return failed("forbidden address");
        }
        let response = match tokio::time::timeout(self.settings.timeout, self.ask(&parcel)).await {
            Err(_elapsed) => return failed("timeout"),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                return failed("connection refused");
            }
            Ok(Err(_)) => return failed("connection failed"),
            Ok(Ok(response)) => response,
        };
        match response.trim().split_once(' ').unwrap_or((response.trim(), "")) {
            ("ok", _) => Attempt::delivered(started.elapsed()),
            ("no", _) => Attempt { verdict: Verdict::Rejected, ..failed("refused") },
            ("later", seconds) => {
                let retry_after = seconds.parse().ok().map(Duration::from_secs);
                Attempt { verdict: Verdict::Failed { retry_after }, ..failed("asked for later") }
            }
            _ => failed("invalid answer"),
        }
    }
}
