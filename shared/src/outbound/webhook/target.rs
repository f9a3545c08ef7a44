//! A webhook target on loopback that behaves as badly as a test asks for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// A target's behaviour once it has read a request.
#[derive(Debug, Clone)]
pub(super) enum Script {
    /// Answers with these bytes and keeps the connection.
    Answer(String),
    /// Sends this at once, then one byte every 20 ms for ever.
    Drip(&'static str),
    /// Sends this, then that number of bytes as fast as they are read.
    Flood(&'static str, usize),
    /// Says nothing.
    Hang,
    /// Closes the connection without a word.
    Close,
    /// Resets the connection.
    Reset,
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) accepts: AtomicUsize,
    pub(super) written: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

impl Seen {
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no panic").clone()
    }
}

pub(super) async fn target(script: Script) -> (Url, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let seen = Arc::new(Seen::default());
    let shared = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            shared.accepts.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(converse(socket, script.clone(), Arc::clone(&shared)));
        }
    });
    let url = Url::parse(&format!("http://127.0.0.1:{port}/hook?token=hush")).expect("a URL");
    (url, seen)
}

async fn converse(mut socket: TcpStream, script: Script, seen: Arc<Seen>) {
    while let Some(request) = read_request(&mut socket).await {
        seen.requests.lock().expect("no panic").push(request);
        match &script {
            Script::Answer(text) => {
                let _ = socket.write_all(text.as_bytes()).await;
            }
            Script::Drip(head) => {
                let _ = socket.write_all(head.as_bytes()).await;
                while socket.write_all(b"x").await.is_ok() {
                    seen.written.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            Script::Flood(head, total) => {
                let _ = socket.write_all(head.as_bytes()).await;
                flood(&mut socket, *total, &seen).await;
            }
            Script::Hang => std::future::pending().await,
            Script::Close => return,
            Script::Reset => {
                socket.set_zero_linger().expect("a socket option");
                return;
            }
        }
    }
}

async fn flood(socket: &mut TcpStream, total: usize, seen: &Seen) {
    let block = [b'x'; 16 * 1024];
    while seen.written.load(Ordering::SeqCst) < total {
        match socket.write(&block).await {
            Ok(n) => seen.written.fetch_add(n, Ordering::SeqCst),
            Err(_) => return,
        };
    }
}

/// Reads one request with a `content-length`, or nothing where the connection ends.
pub(super) async fn read_request(socket: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    loop {
        if socket.read_buf(&mut text).await.ok()? == 0 {
            return None;
        }
        let request = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = request.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().expect("a length")) {
            return Some(request);
        }
    }
}
