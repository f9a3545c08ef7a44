//! A webhook target on loopback that behaves as badly as a test asks for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What it does once a request's head has come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// Says nothing, and keeps the connection.
    Hang,
    /// Closes with a reset.
    Reset,
    /// Points to another place.
    Redirect,
    /// Answers 500 with 10 MB.
    Flood,
    /// Sends one byte of its answer at a time, for ever.
    Drip,
    /// Answers what is not HTTP.
    Nonsense,
}

/// A running target.
pub(crate) struct Target {
    pub(crate) url: String,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Target {
    pub(crate) async fn start(manner: Manner) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        let requests: Arc<AtomicUsize> = Arc::default();
        let counted = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                connections.spawn(behave(stream, manner));
            }
        });
        Ok(Self { url, requests, task })
    }

    /// Connections so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A client that gives up is what these manners are about: an error ends the connection.
async fn behave(mut stream: TcpStream, manner: Manner) -> std::io::Result<()> {
    let mut head = Vec::with_capacity(16 * 1024);
    if stream.read_buf(&mut head).await? == 0 {
        return Ok(());
    }
    match manner {
        Manner::Hang => std::future::pending().await,
        Manner::Reset => {
            stream.set_zero_linger()?;
            Ok(())
        }
        Manner::Redirect => {
            let answer = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).await
        }
        Manner::Flood => {
            stream.write_all(b"HTTP/1.1 500 Oops\r\ncontent-length: 10000000\r\n\r\n").await?;
            for _ in 0..1_000 {
                stream.write_all(&[b'x'; 10_000]).await?;
            }
            Ok(())
        }
        Manner::Drip => {
            stream.write_all(b"HTTP/1.1 200 O").await?;
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                stream.write_all(b"K").await?;
            }
        }
        Manner::Nonsense => stream.write_all(b"220 mail.example ESMTP\r\n").await,
    }
}
