//! An SFTP server that is allowed to be what it is, and hard to be a client of: it takes passwords, its handles are no
//! text, its statuses have no message, its codes are of later versions, and it lists what no directory can hold.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use russh::keys::decode_secret_key;
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Response, Session, run_stream};
use russh::{Channel, ChannelId, ChannelStream, MethodKind, MethodSet};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::sshd::keys;

pub(crate) const PASSWORD: &str = "a secret that only the server knows";

/// What it does with a request to open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnOpen {
    Open,
    Status(u32),
    Silence,
}

/// An entry that it lists: name, mode and size.
pub(crate) type Listed = (&'static [u8], u32, u64);

/// How it behaves.
#[derive(Clone, Debug)]
pub(crate) struct Manners {
    pub(crate) on_open: OnOpen,
    /// Whether it asks for the password in a dialogue.
    pub(crate) dialogue: bool,
    pub(crate) listing: Vec<Listed>,
    /// It loses the answer to a renaming, and everything after it.
    pub(crate) loses_rename: bool,
    /// What another one puts under the name at the last moment.
    pub(crate) appears: Option<&'static [u8]>,
    /// It lists the same entries for ever.
    pub(crate) endless: bool,
}

impl Default for Manners {
    fn default() -> Self {
        let (on_open, listing) = (OnOpen::Open, Vec::new());
        Self { on_open, dialogue: false, listing, loses_rename: false, appears: None, endless: false }
    }
}

type Files = Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>;

/// A running server.
pub(crate) struct OddSftp {
    pub(crate) address: SocketAddr,
    files: Files,
    task: JoinHandle<()>,
}

impl Drop for OddSftp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl OddSftp {
    pub(crate) async fn start(manners: Manners) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, files) = (listener.local_addr()?, Files::default());
        let methods = if manners.dialogue { MethodKind::KeyboardInteractive } else { MethodKind::Password };
        let config = Arc::new(Config {
            keys: vec![decode_secret_key(&keys()?.hosts[0].private, None)?],
            methods: MethodSet::from(&[methods][..]),
            auth_rejection_time: Duration::ZERO,
            ..Config::default()
        });
        let kept = Arc::clone(&files);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let login = Login { manners: manners.clone(), files: Arc::clone(&kept), channel: None };
                let config = Arc::clone(&config);
                connections.spawn(async move {
                    if let Ok(session) = run_stream(config, stream, login).await {
                        // How it ends is seen at the other side.
                        let _ = session.await;
                    }
                });
            }
        });
        Ok(Self { address, files, task })
    }

    /// Its files, by path.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.iter().map(|(path, body)| (String::from_utf8_lossy(path).into_owned(), body.clone())).collect()
    }

    pub(crate) fn put(&self, path: &str, body: &[u8]) {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(path.into(), body.to_owned());
    }

    pub(crate) fn parameters(&self) -> Result<Value> {
        Ok(json!({
            "host": "127.0.0.1", "port": self.address.port(), "username": "partner", "password": PASSWORD,
            "host_key_fingerprints": [keys()?.hosts[0].fingerprint],
        }))
    }
}

struct Login {
    manners: Manners,
    files: Files,
    channel: Option<Channel<Msg>>,
}

impl Handler for Login {
    type Error = russh::Error;

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, Self::Error> {
        Ok(if password == PASSWORD && !self.manners.dialogue { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let Some(mut response) = response else {
            let prompts = vec![("Password: ".into(), false)].into();
            return Ok(Auth::Partial { name: "".into(), instructions: "".into(), prompts });
        };
        Ok(if response.next().is_some_and(|answer| answer == PASSWORD) { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channel = Some(channel);
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(&mut self, id: ChannelId, _: &str, session: &mut Session) -> Result<(), Self::Error> {
        session.channel_success(id)?;
        if let Some(channel) = self.channel.take() {
            let server = Server { manners: self.manners.clone(), files: Arc::clone(&self.files), listed: false };
            tokio::spawn(server.serve(channel.into_stream()));
        }
        Ok(())
    }
}

struct Server {
    manners: Manners,
    files: Files,
    listed: bool,
}

/// A handle that is no text: this byte, and the path.
const HANDLE: u8 = 0xff;

fn text(bytes: &[u8]) -> Vec<u8> {
    let mut field = u32::try_from(bytes.len()).unwrap_or_default().to_be_bytes().to_vec();
    field.extend(bytes);
    field
}

fn attributes(size: u64, mode: u32) -> Vec<u8> {
    [&13_u32.to_be_bytes()[..], &size.to_be_bytes(), &mode.to_be_bytes(), &[0; 4], &[0, 0, 0, 9]].concat()
}

/// Fields of a request.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (field, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        field
    }

    fn text(&mut self) -> &'a [u8] {
        let length = self.take(4).try_into().map(u32::from_be_bytes).unwrap_or_default();
        self.take(length as usize)
    }

    fn number(&mut self) -> u64 {
        self.take(8).try_into().map(u64::from_be_bytes).unwrap_or_default()
    }
}

impl Server {
    async fn serve(mut self, mut stream: ChannelStream<Msg>) {
        while let Ok(length) = stream.read_u32().await {
            let mut packet = vec![0; length as usize];
            if stream.read_exact(&mut packet).await.is_err() {
                return;
            }
            let (kind, rest) = (packet[0], &packet[1..]);
            let reply = if kind == 1 {
                Some([&[2][..], &3_u32.to_be_bytes(), &text(b"unknown@example.com"), &text(b"\xff")].concat())
            } else {
                let (id, fields) = rest.split_at(4);
                self.reply(kind, Fields(fields)).map(|(kind, body)| [&[kind][..], id, &body].concat())
            };
            let Some(reply) = reply else { continue };
            if stream.write_all(&text(&reply)).await.is_err() {
                return;
            }
        }
    }

    fn reply(&mut self, kind: u8, mut fields: Fields<'_>) -> Option<(u8, Vec<u8>)> {
        let status = |code: u32| Some((101, code.to_be_bytes().to_vec()));
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        match kind {
            3 => match self.manners.on_open {
                OnOpen::Silence => None,
                OnOpen::Status(code) => status(code),
                OnOpen::Open => {
                    let path = fields.text();
                    files.entry(path.to_owned()).or_default();
                    Some((102, text(&[&[HANDLE], path].concat())))
                }
            },
            4 => status(0),
            5 => {
                let (path, from) = (&fields.text()[1..], fields.number());
                let body = files.get(path).map(Vec::as_slice).unwrap_or_default();
                // It gives less than it is asked for.
                let rest = body.get(usize::try_from(from).unwrap_or(usize::MAX)..).unwrap_or_default();
                if rest.is_empty() { status(1) } else { Some((103, text(&rest[..rest.len().min(1_000)]))) }
            }
            6 => {
                let (path, from, data) = (&fields.text()[1..], fields.number(), fields.text());
                let (body, from) = (files.get_mut(path)?, usize::try_from(from).ok()?);
                body.resize(body.len().max(from + data.len()), 0);
                body[from..from + data.len()].copy_from_slice(data);
                status(0)
            }
            7 => match files.get(fields.text()) {
                Some(body) => Some((105, attributes(body.len() as u64, 0o100_644))),
                None => status(2),
            },
            11 => Some((102, text(&[HANDLE, 0x80, 0]))),
            12 if self.listed && !self.manners.endless => status(1),
            12 => {
                self.listed = true;
                let entry = |(name, mode, size): &Listed| [text(name), text(b""), attributes(*size, *mode)].concat();
                let count = u32::try_from(self.manners.listing.len()).unwrap_or_default();
                let entries: Vec<u8> = self.manners.listing.iter().flat_map(entry).collect();
                Some((104, [&count.to_be_bytes()[..], &entries].concat()))
            }
            13 => status(if files.remove(fields.text()).is_some() { 0 } else { 2 }),
            18 => {
                let (from, to) = (fields.text(), fields.text());
                if let Some(body) = self.manners.appears {
                    files.insert(to.to_owned(), body.to_owned());
                }
                if files.contains_key(to) {
                    return status(11);
                }
                let body = files.remove(from)?;
                files.insert(to.to_owned(), body);
                if self.manners.loses_rename { None } else { status(0) }
            }
            _ => status(8),
        }
    }
}
