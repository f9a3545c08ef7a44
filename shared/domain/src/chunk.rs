//! Chunks: up to a thousand events, compressed, as one record of the log or one message of a queue.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::io;

use serde::Serialize;
use zstd::bulk::{Compressor, Decompressor};

use super::event::Event;
use super::ids::ChunkId;

/// A chunk as encoded: what one log record or one message holds.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Where it stands in the log.
    pub id: ChunkId,
    /// Its events, encoded by [`encode`].
    pub body: Vec<u8>,
}

/// The most that one encoded chunk may take: a DynamoDB item is 400 KB at most, key and attribute names included.
pub const MAX_CHUNK_BYTES: usize = 390 * 1024;
/// The most that a chunk may hold before compression: bounds the memory of whoever reads it.
pub const MAX_RAW_BYTES: usize = 1024 * 1024;

/// How hard a chunk is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// For the log: what is stored is paid for by the kilobyte.
    Log = 3,
    /// For a message, which lives for a moment.
    Message = 1,
}

thread_local! {
    /// Kept, for they are large and made anew would cost more than a small chunk's work.
    static COMPRESSOR: RefCell<io::Result<Compressor<'static>>> = RefCell::new(Compressor::new(Effort::Log as i32));
    static DECOMPRESSOR: RefCell<io::Result<Decompressor<'static>>> = RefCell::new(Decompressor::new());
}

/// The bytes are not a chunk of this version.
#[derive(Debug, thiserror::Error)]
#[error("unreadable chunk: {0}")]
pub struct Unreadable(String);

/// Encodes events as a compressed JSON array.
///
/// # Errors
/// Never for events that were parsed from JSON; the signature says what the libraries say.
pub fn encode<E: Borrow<Event> + Serialize>(events: &[E], effort: Effort) -> Result<Vec<u8>, Unreadable> {
    let mut raw = Vec::with_capacity(events.iter().map(|event| raw_size(event.borrow())).sum());
    serde_json::to_writer(&mut raw, events).map_err(|e| Unreadable(e.to_string()))?;
    compress(&raw, effort).map_err(|e| Unreadable(e.to_string()))
}

/// Compresses any bytes.
///
/// # Errors
/// The library's; none for bytes in memory.
pub fn compress(raw: &[u8], effort: Effort) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        let compressor = compressor.as_mut().map_err(|error| io::Error::other(error.to_string()))?;
        compressor.set_compression_level(effort as i32)?;
        compressor.compress(raw)
    })
}

/// Reads back what [`encode`] wrote.
///
/// # Errors
/// [`Unreadable`] where the bytes were not written by [`encode`].
pub fn decode(body: &[u8]) -> Result<Vec<Event>, Unreadable> {
    // Twice the limit: names, ids and times come on top of the payloads.
    let raw = decompress(body, 2 * MAX_RAW_BYTES).map_err(|e| Unreadable(e.to_string()))?;
    serde_json::from_slice(&raw).map_err(|e| Unreadable(e.to_string()))
}

/// Gives back what [`compress`] was given.
///
/// # Errors
/// Where it was not, or is more than `limit` bytes.
pub fn decompress(body: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    DECOMPRESSOR.with_borrow_mut(|decompressor| {
        let decompressor = decompressor.as_mut().map_err(|error| io::Error::other(error.to_string()))?;
        decompressor.decompress(body, limit)
    })
}

/// Roughly what an event takes in a chunk before compression.
#[must_use]
pub fn raw_size(event: &Event) -> usize {
    event.payload.get().len() + event.name.len() + event.id.len() + 160
}

/// Events and what [`encode`] made of them.
pub type Pack<E = Event> = (Vec<E>, Vec<u8>);

/// Splits events, in order, into groups that [`encode`] to no more than `max_encoded` bytes each.
///
/// Compression is only known once done, so a group that came out too large is halved.
///
/// # Errors
/// [`Unreadable`] as of [`encode`].
pub fn pack<E: Borrow<Event> + Serialize>(
    events: Vec<E>,
    (max_events, max_encoded): (usize, usize),
    effort: Effort,
) -> Result<Vec<Pack<E>>, Unreadable> {
    let mut packed = Vec::new();
    let mut group: Vec<E> = Vec::new();
    let mut size = 0;
    for event in events {
        let bytes = raw_size(event.borrow());
        if !group.is_empty() && (group.len() == max_events || size + bytes > MAX_RAW_BYTES) {
            seal(std::mem::take(&mut group), max_encoded, effort, &mut packed)?;
            size = 0;
        }
        size += bytes;
        group.push(event);
    }
    if !group.is_empty() {
        seal(group, max_encoded, effort, &mut packed)?;
    }
    Ok(packed)
}

fn seal<E: Borrow<Event> + Serialize>(
    mut group: Vec<E>,
    max_encoded: usize,
    effort: Effort,
    packed: &mut Vec<Pack<E>>,
) -> Result<(), Unreadable> {
    let body = encode(&group, effort)?;
    if body.len() <= max_encoded || group.len() == 1 {
        packed.push((group, body));
        return Ok(());
    }
    let tail = group.split_off(group.len() / 2);
    seal(group, max_encoded, effort, packed)?;
    seal(tail, max_encoded, effort, packed)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;
    use crate::time::Millis;

    pub(crate) fn event(id: &str, payload: &str) -> Event {
        Event {
            id: id.into(),
            name: "order.created".into(),
            published_at: Millis(1),
            logged_at: Millis(2),
            payload: RawValue::from_string(payload.into()).expect("json"),
            partner_id: None,
            document_type: None,
            ordering_key: None,
        }
    }

    proptest! {
        #[test]
        fn packing_loses_nothing_and_keeps_order(sizes in prop::collection::vec(0_usize..4_000, 0..60), limit in 600_usize..20_000) {
            // Hex digits of a hash chain: text that compresses to about half, like ids do.
            let events: Vec<Event> = sizes.iter().enumerate().map(|(i, size)| {
                let mut noise = String::new();
                while noise.len() < *size { noise.push_str(&hex::encode(<sha2::Sha256 as sha2::Digest>::digest(format!("{i}{}", noise.len())))); }
                event(&i.to_string(), &format!("{{\"n\":\"{noise}\"}}"))
            }).collect();
            let packed = pack(events.clone(), (17, limit), Effort::Log).expect("packs");
            let mut seen = Vec::new();
            for (group, body) in &packed {
                prop_assert!(group.len() <= 17);
                prop_assert!(body.len() <= limit || group.len() == 1);
                seen.extend(decode(body).expect("decodes").into_iter().map(|e| (e.id, e.payload.get().to_owned())));
            }
            let want: Vec<_> = events.into_iter().map(|e| (e.id, e.payload.get().to_owned())).collect();
            prop_assert_eq!(seen, want);
        }

        #[test]
        fn any_bytes_are_refused_without_panic(bytes: Vec<u8>) {
            prop_assert!(decode(&bytes).is_err());
        }
    }
}
