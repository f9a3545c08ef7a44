//! A TCP server that reads lines.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::super::fixture::{Arrival, Fixture, Manner};

const TOKEN: &str = "token-of-the-lines";

pub(crate) struct Endpoint {
    address: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, manner: Manner, lines: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let (mut stream, mut line) = (BufReader::new(stream), String::new());
    stream.read_line(&mut line).await?;
    lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    match manner {
        Manner::Accept => stream.write_all(b"ok\n").await,
        Manner::Refuse => stream.write_all(b"no\n").await,
        Manner::Fail => stream.write_all(b"later 7\n").await,
        Manner::Hang => std::future::pending().await,
    }
}

impl Fixture for Endpoint {
    const KIND: &'static str = "tcp_lines";
    const ADDRESS: &'static str = "address";
    const OPTIONAL: &'static str = "note";
    const HAS_RETRY_AFTER: bool = true;

    async fn start(manner: Manner) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, lines) = (listener.local_addr()?, Arc::<Mutex<Vec<String>>>::default());
        let taking = Arc::clone(&lines);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let lines = Arc::clone(&taking);
                connections.spawn(async move { serve(stream, manner, &lines).await });
            }
        });
        Ok(Self { address, lines, task })
    }

    fn parameters(&self) -> Value {
        json!({"address": self.address, "token": TOKEN, "note": "for the tests"})
    }

    fn secrets(&self) -> Vec<(&'static str, String)> {
        vec![("/token", TOKEN.to_owned())]
    }

    fn address(host: &str) -> String {
        host.to_owned()
    }

    async fn arrived(&self) -> Result<Vec<Arrival>> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let arrival = |line: String| {
            let line: Value = serde_json::from_str(&line)?;
            ensure!(line["token"] == TOKEN, "another token");
            let text = |name: &str| line[name].as_str().map(str::to_owned).context("no text");
            Ok(Arrival { name: text("id")?, content: text("content")? })
        };
        lines.into_iter().map(arrival).collect()
    }
}
