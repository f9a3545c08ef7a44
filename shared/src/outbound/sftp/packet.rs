//! Packets of SFTP version 3 (draft-ietf-secsh-filexfer-02): bytes in, bytes out.
//!
//! Handles are opaque bytes, names too, and servers invent status codes: nothing here takes them for more than they are.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// The longest packet that a server may send, as in OpenSSH.
pub(super) const MAX_PACKET: u32 = 256 * 1024;

pub(super) const READ: u32 = 1;
pub(super) const WRITE: u32 = 2;
pub(super) const CREATE: u32 = 8;

/// The type bits of a file's mode.
const TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

const SIZE: u32 = 1;
const OWNER: u32 = 2;
const PERMISSIONS: u32 = 4;
const TIMES: u32 = 8;
const EXTENDED: u32 = 0x8000_0000;

/// A request; its number is given when it is sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Request<'a> {
    Open {
        path: &'a str,
        flags: u32,
    },
    Close {
        handle: &'a [u8],
    },
    Read {
        handle: &'a [u8],
        offset: u64,
        length: u32,
    },
    Write {
        handle: &'a [u8],
        offset: u64,
        data: &'a [u8],
    },
    Lstat {
        path: &'a str,
    },
    OpenDirectory {
        path: &'a str,
    },
    ReadDirectory {
        handle: &'a [u8],
    },
    Remove {
        path: &'a str,
    },
    Rename {
        from: &'a str,
        to: &'a str,
    },
    /// `posix-rename@openssh.com`.
    RenameOver {
        from: &'a str,
        to: &'a str,
    },
    /// `fsync@openssh.com`.
    Sync {
        handle: &'a [u8],
    },
}

/// The first packet of a session: we speak version 3.
pub(super) fn hello() -> Bytes {
    Bytes::from_static(&[0, 0, 0, 5, 1, 0, 0, 0, 3])
}

fn put(packet: &mut BytesMut, bytes: &[u8]) {
    // Nothing that is sent is near 4 GiB.
    packet.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    packet.put_slice(bytes);
}

impl Request<'_> {
    /// The request as a packet.
    pub(super) fn packet(&self, id: u32) -> Bytes {
        let mut packet = BytesMut::with_capacity(match self {
            Self::Write { data, .. } => data.len() + 64,
            _ => 128,
        });
        packet.put_u32(0);
        packet.put_u8(self.code());
        packet.put_u32(id);
        self.fields(&mut packet);
        let length = u32::try_from(packet.len() - 4).unwrap_or(u32::MAX);
        packet[..4].copy_from_slice(&length.to_be_bytes());
        packet.freeze()
    }

    fn code(&self) -> u8 {
        match self {
            Self::Open { .. } => 3,
            Self::Close { .. } => 4,
            Self::Read { .. } => 5,
            Self::Write { .. } => 6,
            Self::Lstat { .. } => 7,
            Self::OpenDirectory { .. } => 11,
            Self::ReadDirectory { .. } => 12,
            Self::Remove { .. } => 13,
            Self::Rename { .. } => 18,
            Self::RenameOver { .. } | Self::Sync { .. } => 200,
        }
    }

    fn fields(&self, packet: &mut BytesMut) {
        match self {
            Self::Open { path, flags } => {
                put(packet, path.as_bytes());
                packet.put_u32(*flags);
                // No attributes: the server's own defaults.
                packet.put_u32(0);
            }
            Self::Close { handle } | Self::ReadDirectory { handle } => put(packet, handle),
            Self::Read { handle, offset, length } => {
                put(packet, handle);
                packet.put_u64(*offset);
                packet.put_u32(*length);
            }
            Self::Write { handle, offset, data } => {
                put(packet, handle);
                packet.put_u64(*offset);
                put(packet, data);
            }
            Self::Lstat { path } | Self::OpenDirectory { path } | Self::Remove { path } => put(packet, path.as_bytes()),
            Self::Rename { from, to } => {
                put(packet, from.as_bytes());
                put(packet, to.as_bytes());
            }
            Self::RenameOver { from, to } => {
                put(packet, b"posix-rename@openssh.com");
                put(packet, from.as_bytes());
                put(packet, to.as_bytes());
            }
            Self::Sync { handle } => {
                put(packet, b"fsync@openssh.com");
                put(packet, handle);
            }
        }
    }
}

/// A packet that means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// A server's answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Status(u32),
    Handle(Bytes),
    Data(Bytes),
    Names(Vec<Entry>),
    Attributes(Attributes),
    /// Of another type.
    Other,
}

/// An entry of a directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: Bytes,
    /// As `ls -l` shows it.
    pub(super) line: Bytes,
    pub(super) attributes: Attributes,
}

/// What is known of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) size: Option<u64>,
    pub(super) mode: Option<u32>,
    pub(super) modified_at: Option<u32>,
}

impl Attributes {
    /// Whether it is a regular file; `None` if the server does not say.
    pub(super) fn is_file(&self) -> Option<bool> {
        self.mode.map(|mode| mode & TYPE).filter(|kind| *kind != 0).map(|kind| kind == REGULAR)
    }
}

impl Entry {
    /// Whether it is a regular file, and no link to one.
    pub(super) fn is_file(&self) -> bool {
        self.attributes.is_file().unwrap_or_else(|| self.line.first() == Some(&b'-'))
    }
}

/// Reads fields.
struct Fields(Bytes);

impl Fields {
    fn u8(&mut self) -> Result<u8, Malformed> {
        self.0.try_get_u8().map_err(|_| Malformed)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.0.try_get_u32().map_err(|_| Malformed)
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        self.0.try_get_u64().map_err(|_| Malformed)
    }

    fn bytes(&mut self) -> Result<Bytes, Malformed> {
        let length = self.u32()? as usize;
        if length > self.0.len() { Err(Malformed) } else { Ok(self.0.split_to(length)) }
    }

    fn attributes(&mut self) -> Result<Attributes, Malformed> {
        let flags = self.u32()?;
        let has = |flag: u32| flags & flag != 0;
        let mut attributes = Attributes::default();
        if has(SIZE) {
            attributes.size = Some(self.u64()?);
        }
        if has(OWNER) {
            self.u64()?;
        }
        if has(PERMISSIONS) {
            attributes.mode = Some(self.u32()?);
        }
        if has(TIMES) {
            self.u32()?;
            attributes.modified_at = Some(self.u32()?);
        }
        if has(EXTENDED) {
            for _ in 0..self.u32()? {
                self.bytes()?;
                self.bytes()?;
            }
        }
        Ok(attributes)
    }
}

/// Reads a packet behind its length: the number of the request, and the answer.
pub(super) fn reply(packet: Bytes) -> Result<(u32, Reply), Malformed> {
    let mut fields = Fields(packet);
    let (code, id) = (fields.u8()?, fields.u32()?);
    let reply = match code {
        // Message and language, which old servers leave out, are not read.
        101 => Reply::Status(fields.u32()?),
        102 => Reply::Handle(fields.bytes()?),
        103 => Reply::Data(fields.bytes()?),
        104 => {
            // The count is not believed: the list grows with what is there.
            let (count, mut entries) = (fields.u32()?, Vec::new());
            for _ in 0..count {
                let (name, line) = (fields.bytes()?, fields.bytes()?);
                entries.push(Entry { name, line, attributes: fields.attributes()? });
            }
            Reply::Names(entries)
        }
        105 => Reply::Attributes(fields.attributes()?),
        _ => Reply::Other,
    };
    Ok((id, reply))
}

/// What a server can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Features {
    pub(super) version: u32,
    pub(super) rename_over: bool,
    pub(super) sync: bool,
}

/// Reads the server's first packet.
pub(super) fn features(packet: Bytes) -> Result<Features, Malformed> {
    let mut fields = Fields(packet);
    if fields.u8()? != 2 {
        return Err(Malformed);
    }
    let mut features = Features { version: fields.u32()?, ..Features::default() };
    while !fields.0.is_empty() {
        let (name, version) = (fields.bytes()?, fields.bytes()?);
        features.rename_over |= (&name[..], &version[..]) == (b"posix-rename@openssh.com", b"1");
        features.sync |= (&name[..], &version[..]) == (b"fsync@openssh.com", b"1");
    }
    Ok(features)
}

#[cfg(test)]
mod tests;
