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
/// The most that a chunk may hold before compression: bounds a reader's memory.
pub const MAX_RAW_BYTES: usize = 1024 * 1024;

/// The quickest of zstd's usual levels: on a batch of real events the next two save 2 to 6 % for twice the time.
const LEVEL: i32 = 1;

thread_local! {
    /// Kept, for they are large and made anew would cost more than a small chunk's work.
    static COMPRESSOR: RefCell<io::Result<Compressor<'static>>> = RefCell::new(Compressor::new(LEVEL));
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
pub fn encode<E: Borrow<Event> + Serialize>(events: &[E]) -> Result<Vec<u8>, Unreadable> {
    let mut raw = Vec::with_capacity(events.iter().map(|event| raw_size(event.borrow())).sum());
    serde_json::to_writer(&mut raw, events).map_err(|e| Unreadable(e.to_string()))?;
    compress(&raw).map_err(|e| Unreadable(e.to_string()))
}

/// Compresses any bytes.
///
/// # Errors
/// The library's; none for bytes in memory.
pub fn compress(raw: &[u8]) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        let compressor = compressor.as_mut().map_err(|error| io::Error::other(error.to_string()))?;
        compressor.compress(raw)
    })
}

/// Reads back what [`encode`] wrote.
///
/// # Errors
/// [`Unreadable`] where the bytes were not written by [`encode`].
pub fn decode(body: &[u8]) -> Result<Vec<Event>, Unreadable> {
    // Twice the limit: chunks of earlier versions counted no more than payload, name and id of an event.
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

/// The most that an event takes in a chunk before compression, and little more than it does.
#[must_use]
pub fn raw_size(event: &Event) -> usize {
    // Field names, quotes and two times.
    const FRAME: usize = 168;
    let optional = [&event.partner_id, &event.document_type, &event.ordering_key].into_iter().flatten();
    let texts = [&event.name, &event.id].into_iter().chain(optional);
    texts.map(|text| escaped_size(text)).sum::<usize>() + event.payload.get().len() + FRAME
}

/// A text's size in JSON, without its quotes: these fields may hold any characters.
fn escaped_size(text: &str) -> usize {
    let size = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        _ if byte.is_ascii_control() => 6,
        _ => 1,
    };
    text.bytes().map(size).sum()
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
) -> Result<Vec<Pack<E>>, Unreadable> {
    let mut packed = Vec::new();
    let mut group: Vec<E> = Vec::new();
    let mut size = 0;
    for event in events {
        let bytes = raw_size(event.borrow());
        if !group.is_empty() && (group.len() == max_events || size + bytes > MAX_RAW_BYTES) {
            seal(std::mem::take(&mut group), max_encoded, &mut packed)?;
            size = 0;
        }
        size += bytes;
        group.push(event);
    }
    if !group.is_empty() {
        seal(group, max_encoded, &mut packed)?;
    }
    Ok(packed)
}

fn seal<E: Borrow<Event> + Serialize>(
    mut group: Vec<E>,
    max_encoded: usize,
    packed: &mut Vec<Pack<E>>,
) -> Result<(), Unreadable> {
    let body = encode(&group)?;
    if body.len() <= max_encoded || group.len() == 1 {
        packed.push((group, body));
        return Ok(());
    }
    let tail = group.split_off(group.len() / 2);
    seal(group, max_encoded, packed)?;
    seal(tail, max_encoded, packed)
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

    /// An event that [`raw_size`] counts as exactly `size` bytes.
    fn sized(size: usize) -> Event {
        let empty = event("1", r#"{"n":""}"#);
        event("1", &format!("{{\"n\":\"{}\"}}", "x".repeat(size - raw_size(&empty))))
    }

    /// A field that may be missing, of whatever JSON has to escape.
    fn text() -> impl Strategy<Value = Option<String>> {
        prop::option::of(prop_oneof!["\\PC{1,40}", "[\"\\\\]{60,120}", "[\\x00-\\x1f]{60,120}"])
    }

    fn groups(events: Vec<Event>, limits: (usize, usize)) -> Vec<usize> {
        let packed = pack(events, limits).expect("packs");
        packed.into_iter().map(|(group, _)| group.len()).collect()
    }

    #[test]
    fn a_chunk_fits_a_database_item_and_uses_most_of_it() {
        // 400 KB with the key and the names of the attributes.
        assert!((380 * 1024..400 * 1024 - 2_048).contains(&MAX_CHUNK_BYTES));
    }

    #[test]
    fn groups_are_as_large_as_the_limits_allow() {
        let many = |number| vec![event("1", "{}"); number];
        assert_eq!(groups(many(2_500), (1_000, MAX_CHUNK_BYTES)), [1_000, 1_000, 500]);
        // Before compression.
        let quarter = sized(MAX_RAW_BYTES / 4);
        assert_eq!(groups(vec![quarter.clone(); 9], (1_000, MAX_CHUNK_BYTES)), [4, 4, 1]);
        let more = sized(MAX_RAW_BYTES / 4 + 1);
        assert_eq!(groups(vec![quarter.clone(), quarter.clone(), quarter, more], (1_000, MAX_CHUNK_BYTES)), [3, 1]);
        // Compressed.
        let size = encode(&many(10)).expect("encodes").len();
        assert_eq!(groups(many(10), (1_000, size)), [10]);
        assert!(groups(many(10), (1_000, size - 1)).len() > 1);
    }

    #[test]
    fn more_than_twice_the_limit_is_not_unpacked() {
        let twice = vec![b' '; 2 * MAX_RAW_BYTES - 2];
        let body = |text: &[u8]| compress(text).expect("compresses");
        assert!(decode(&body(&[b"[]", &*twice].concat())).is_ok_and(|events| events.is_empty()));
        assert!(decode(&body(&[b"[]  ", &*twice].concat())).is_err());
    }

    #[test]
    fn whatever_a_publisher_fills_in_can_be_read_back() {
        let worst = Event {
            partner_id: Some("\u{1}".repeat(256)),
            document_type: Some("\\".repeat(256)),
            ordering_key: Some("\u{7f}\"".repeat(128)),
            ..sized(1_000)
        };
        let packed = pack(vec![worst; 1_000], (1_000, MAX_CHUNK_BYTES)).expect("packs");
        let read = packed.iter().map(|(_, body)| decode(body).expect("decodes").len());
        assert_eq!(read.sum::<usize>(), 1_000);
    }

    proptest! {
        #[test]
        fn an_events_size_is_known_before_it_is_encoded(
            id in "[ -~]{1,40}", number: u64, published_at in 0_i64..1 << 47, optional in prop::collection::vec(text(), 3),
        ) {
            let mut one = event(&id, &format!("{{\"n\":{number}}}"));
            one.published_at = Millis(published_at);
            let printable = !optional.iter().flatten().any(|text| text.contains(|c: char| c.is_ascii_control()));
            let [partner_id, document_type, ordering_key]: [Option<String>; 3] = optional.try_into().expect("three");
            (one.partner_id, one.document_type, one.ordering_key) = (partner_id, document_type, ordering_key);
            let encoded = serde_json::to_vec(&one).expect("JSON").len();
            prop_assert!(raw_size(&one) >= encoded);
            prop_assert!(!printable || raw_size(&one) <= encoded + 64);
        }

        #[test]
        fn packing_loses_nothing_and_keeps_order(sizes in prop::collection::vec(0_usize..4_000, 0..60), limit in 600_usize..20_000) {
            // Hex digits of a hash chain: text that compresses to about half, like ids do.
            let events: Vec<Event> = sizes.iter().enumerate().map(|(i, size)| {
                let mut noise = String::new();
                while noise.len() < *size { noise.push_str(&hex::encode(<sha2::Sha256 as sha2::Digest>::digest(format!("{i}{}", noise.len())))); }
                event(&i.to_string(), &format!("{{\"n\":\"{noise}\"}}"))
            }).collect();
            let packed = pack(events.clone(), (17, limit)).expect("packs");
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
