//! A proxy before the embedded S3 that can cut connections in the middle of an upload or of its answer.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What it does to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Passes everything.
    Pass,
    /// Hangs up after so many bytes of requests.
    CutRequest(usize),
    /// Passes the requests, and hangs up instead of answering.
    CutAnswer,
}

/// A running proxy.
pub(crate) struct Proxy {
    pub(crate) url: String,
    mode: Arc<Mutex<Mode>>,
    cuts: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Before the server at `endpoint`.
    pub(crate) async fn start(endpoint: &str, mode: Mode) -> Result<Self> {
        let server: SocketAddr = endpoint.strip_prefix("http://").context("an http URL")?.parse()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (mode, cuts): (Arc<Mutex<Mode>>, Arc<AtomicUsize>) = (Arc::new(Mutex::new(mode)), Arc::default());
        let (current, counted) = (Arc::clone(&mode), Arc::clone(&cuts));
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let mode = *current.lock().unwrap_or_else(PoisonError::into_inner);
                let cuts = Arc::clone(&counted);
                connections.spawn(async move {
                    // Either side may hang up: that is what the proxy is for.
                    let _ = carry(client, server, mode).await;
                    cuts.fetch_add(usize::from(mode != Mode::Pass), Ordering::Relaxed);
                });
            }
        });
        Ok(Self { url, mode, cuts, task })
    }

    /// How new connections are treated from now on.
    pub(crate) fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap_or_else(PoisonError::into_inner) = mode;
    }

    /// Connections that were cut.
    pub(crate) fn cuts(&self) -> usize {
        self.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr, mode: Mode) -> std::io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let limit = match mode {
        Mode::Pass => return tokio::io::copy_bidirectional(&mut client, &mut server).await.map(|_| ()),
        Mode::CutRequest(bytes) => bytes,
        Mode::CutAnswer => usize::MAX,
    };
    let (mut passed, mut up, mut down) = (0, vec![0; 16 * 1024], vec![0; 16 * 1024]);
    while passed < limit {
        let up_to = (limit - passed).min(16 * 1024);
        tokio::select! {
            read = client.read(&mut up[..up_to]) => match read? {
                0 => return Ok(()),
                n => {
                    passed += n;
                    server.write_all(&up[..n]).await?;
                }
            },
            read = server.read(&mut down) => match read? {
                // `100 Continue` is no answer yet: without it the body would never come.
                n if n == 0 || (mode == Mode::CutAnswer && !down.starts_with(b"HTTP/1.1 100")) => return Ok(()),
                n => client.write_all(&down[..n]).await?,
            },
        }
    }
    Ok(())
}
