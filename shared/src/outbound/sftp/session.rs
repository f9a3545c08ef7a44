//! A session: requests and their answers, one caller at a time, each answer within a time limit.
//!
//! After an error it is not used again: what the server sends then may belong to the request before.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use russh::ChannelStream;
use russh::client::Msg;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::failure::{Failure, NO_SUCH_FILE, UNSUPPORTED};
use super::packet::{self, Attributes, Features, MAX_PACKET, Malformed, Reply, Request};
use crate::domain::partner::{ListedFile, is_plain_name};

/// What every server takes in one packet.
const CHUNK: usize = 32 * 1024;
/// Requests under way at once.
const WINDOW: usize = 16;
/// Entries of a directory that are read.
const MAX_LISTED: usize = 20_000;
const OK: u32 = 0;
const END: u32 = 1;

/// A status other than what was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status(pub(super) u32);

/// What a listing holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Regular files with plain names.
    pub files: Vec<ListedFile>,
    /// Entries that are none: directories, links, names that lead elsewhere or cannot be read.
    pub others: usize,
    /// Whether there is more than was asked for.
    pub cut: bool,
}

/// An SFTP session.
pub(super) struct Session {
    stream: ChannelStream<Msg>,
    timeout: Duration,
    next: u32,
    pub(super) features: Features,
}

impl Session {
    /// Agrees on the version.
    pub(super) async fn begin(stream: ChannelStream<Msg>, timeout: Duration) -> Result<Self, Failure> {
        let mut session = Self { stream, timeout, next: 1, features: Features::default() };
        session.write(&packet::hello()).await?;
        session.features = packet::features(session.packet().await?)?;
        if session.features.version < 3 {
            return Err(Failure::new("the server knows SFTP before version 3 only"));
        }
        Ok(session)
    }

    async fn write(&mut self, packet: &[u8]) -> Result<(), Failure> {
        let write = timeout(self.timeout, self.stream.write_all(packet)).await;
        Ok(write.map_err(|_elapsed| Failure::timeout())??)
    }

    /// The next packet, without its length.
    async fn packet(&mut self) -> Result<Bytes, Failure> {
        let read = async {
            let length = self.stream.read_u32().await?;
            if length > MAX_PACKET {
                return Err(Failure::from(Malformed));
            }
            let mut packet = vec![0; length as usize];
            self.stream.read_exact(&mut packet).await?;
            Ok(packet.into())
        };
        timeout(self.timeout, read).await.unwrap_or_else(|_elapsed| Err(Failure::timeout()))
    }

    async fn send(&mut self, request: Request<'_>) -> Result<u32, Failure> {
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        self.write(&request.packet(id)).await?;
        Ok(id)
    }

    async fn receive(&mut self) -> Result<(u32, Reply), Failure> {
        Ok(packet::reply(self.packet().await?)?)
    }

    /// Asks, and waits for the answer; nothing else is under way.
    async fn ask(&mut self, request: Request<'_>) -> Result<Reply, Failure> {
        let id = self.send(request).await?;
        match self.receive().await? {
            (answered, reply) if answered == id => Ok(reply),
            _ => Err(Malformed.into()),
        }
    }

    /// Asks for something that is answered with a status.
    async fn command(&mut self, request: Request<'_>) -> Result<Result<(), Status>, Failure> {
        match self.ask(request).await? {
            Reply::Status(OK) => Ok(Ok(())),
            Reply::Status(code) => Ok(Err(Status(code))),
            _ => Err(Malformed.into()),
        }
    }

    async fn handle(&mut self, action: &str, request: Request<'_>) -> Result<Bytes, Failure> {
        match self.ask(request).await? {
            Reply::Handle(handle) => Ok(handle),
            Reply::Status(code) => Err(Failure::of_status(action, code)),
            _ => Err(Malformed.into()),
        }
    }

    pub(super) async fn close(&mut self, handle: &[u8]) -> Result<(), Failure> {
        let closed = self.command(Request::Close { handle }).await?;
        closed.map_err(|Status(code)| Failure::of_status("cannot close the file", code))
    }

    /// What is under a path, links not followed; `None` if nothing is.
    pub(super) async fn look_at(&mut self, path: &str) -> Result<Option<Attributes>, Failure> {
        match self.ask(Request::Lstat { path }).await? {
            Reply::Attributes(attributes) => Ok(Some(attributes)),
            Reply::Status(NO_SUCH_FILE) => Ok(None),
            Reply::Status(code) => Err(Failure::of_status("cannot look for the file", code)),
            _ => Err(Malformed.into()),
        }
    }

    /// Opens a file to write over what is there.
    pub(super) async fn create(&mut self, path: &str) -> Result<Bytes, Failure> {
        let flags = packet::WRITE | packet::CREATE;
        self.handle("cannot create the file", Request::Open { path, flags }).await
    }

    pub(super) async fn open(&mut self, path: &str) -> Result<Bytes, Failure> {
        self.handle("cannot open the file", Request::Open { path, flags: packet::READ }).await
    }

    pub(super) async fn remove(&mut self, path: &str) -> Result<Result<(), Status>, Failure> {
        self.command(Request::Remove { path }).await
    }

    /// Renames, not over a file that is there. Some servers say nothing but that it failed.
    pub(super) async fn rename(&mut self, from: &str, to: &str) -> Result<Result<(), Status>, Failure> {
        self.command(Request::Rename { from, to }).await
    }

    /// Renames over what may be there, where the server offers it.
    pub(super) async fn rename_over(&mut self, from: &str, to: &str) -> Result<Result<(), Status>, Failure> {
        self.command(Request::RenameOver { from, to }).await
    }

    /// Has an open file written to the server's disk, where it offers that.
    pub(super) async fn sync(&mut self, handle: &[u8]) -> Result<(), Failure> {
        if !self.features.sync {
            return Ok(());
        }
        match self.command(Request::Sync { handle }).await? {
            Ok(()) | Err(Status(UNSUPPORTED)) => Ok(()),
            Err(Status(code)) => Err(Failure::of_status("cannot write the file to disk", code)),
        }
    }

    /// Writes an open file, some chunks at once.
    pub(super) async fn write_all(&mut self, handle: &[u8], body: &[u8]) -> Result<(), Failure> {
        let mut waiting = VecDeque::with_capacity(WINDOW);
        for (index, data) in body.chunks(CHUNK).enumerate() {
            if waiting.len() == WINDOW {
                self.written(&mut waiting).await?;
            }
            let offset = (index * CHUNK) as u64;
            waiting.push_back(self.send(Request::Write { handle, offset, data }).await?);
        }
        while !waiting.is_empty() {
            self.written(&mut waiting).await?;
        }
        Ok(())
    }

    /// Waits until one chunk is written.
    async fn written(&mut self, waiting: &mut VecDeque<u32>) -> Result<(), Failure> {
        let (answered, reply) = self.receive().await?;
        let at = waiting.iter().position(|id| *id == answered).ok_or(Malformed)?;
        waiting.remove(at);
        match reply {
            Reply::Status(OK) => Ok(()),
            Reply::Status(code) => Err(Failure::of_status("cannot write the file", code)),
            _ => Err(Malformed.into()),
        }
    }

    /// Reads `size` bytes of an open file, some chunks at once, in order. `None`: it has fewer.
    pub(super) async fn read_all(&mut self, handle: &[u8], size: usize) -> Result<Option<Vec<u8>>, Failure> {
        let mut body = vec![0; size];
        let mut wanted: VecDeque<(usize, usize)> =
            (0..size).step_by(CHUNK).map(|from| (from, (from + CHUNK).min(size))).collect();
        let (mut waiting, mut whole) = (BTreeMap::new(), true);
        loop {
            while waiting.len() < WINDOW && whole {
                let Some((from, to)) = wanted.pop_front() else { break };
                let length = u32::try_from(to - from).unwrap_or(u32::MAX);
                waiting.insert(self.send(Request::Read { handle, offset: from as u64, length }).await?, (from, to));
            }
            if waiting.is_empty() {
                return Ok(whole.then_some(body));
            }
            let (answered, reply) = self.receive().await?;
            let (from, to) = waiting.remove(&answered).ok_or(Malformed)?;
            match reply {
                Reply::Data(data) if !data.is_empty() && data.len() <= to - from => {
                    let end = from + data.len();
                    body[from..end].copy_from_slice(&data);
                    if end < to {
                        // The server gave less than it was asked for.
                        wanted.push_front((end, to));
                    }
                }
                Reply::Status(END) => whole = false,
                Reply::Status(code) => return Err(Failure::of_status("cannot read the file", code)),
                _ => return Err(Malformed.into()),
            }
        }
    }

    /// The files of a directory, `most` of them, those that are wanted first.
    pub(super) async fn list(
        &mut self,
        path: &str,
        most: usize,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Listing, Failure> {
        let handle = self.handle("cannot open the directory", Request::OpenDirectory { path }).await?;
        let (mut listing, mut entries) = (Listing::default(), 0);
        loop {
            match self.ask(Request::ReadDirectory { handle: &handle }).await? {
                // A server that never says that it is done is not listened to for ever.
                Reply::Names(names) if names.is_empty() => entries += 1,
                Reply::Names(names) => {
                    entries += names.len();
                    names.iter().for_each(|entry| listing.add(entry, most, &wanted));
                }
                Reply::Status(END) => break,
                Reply::Status(code) => return Err(Failure::of_status("cannot list the directory", code)),
                _ => return Err(Malformed.into()),
            }
            if entries >= MAX_LISTED {
                listing.cut = true;
                break;
            }
        }
        self.close(&handle).await?;
        Ok(listing)
    }
}

impl Listing {
    fn add(&mut self, entry: &packet::Entry, most: usize, wanted: impl Fn(&str) -> bool) {
        let Attributes { size, modified_at, .. } = entry.attributes;
        let name = std::str::from_utf8(&entry.name).ok().filter(|name| is_plain_name(name) && entry.is_file());
        match (name, size) {
            (Some(name), Some(size)) => {
                // The others are there to notice what is renamed, and must not crowd out what is wanted.
                if self.files.len() < if wanted(name) { most } else { most / 2 } {
                    let (name, modified_at) = (name.to_owned(), modified_at.unwrap_or_default());
                    self.files.push(ListedFile { name, size, modified_at });
                } else {
                    self.cut = true;
                }
            }
            _ if matches!(&entry.name[..], b"." | b"..") => {}
            _ => self.others += 1,
        }
    }
}
