//! Writes DER.

use const_oid::ObjectIdentifier as Oid;

use super::ber::{INTEGER, NULL, OBJECT_ID, OCTET_STRING, SEQUENCE, SET};

/// A value whose body is these parts, one after the other.
pub(crate) fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let size = parts.iter().map(|part| part.len()).sum();
    let mut value = header(tag, size);
    value.reserve_exact(size);
    parts.iter().for_each(|part| value.extend_from_slice(part));
    value
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    value(SEQUENCE, parts)
}

/// A `SET OF`: in the order of its members' bytes.
pub(crate) fn set_of(mut members: Vec<Vec<u8>>) -> Vec<u8> {
    members.sort();
    value(SET, &[&members.concat()])
}

pub(crate) fn oid(oid: Oid) -> Vec<u8> {
    value(OBJECT_ID, &[oid.as_bytes()])
}

pub(crate) fn octets(bytes: &[u8]) -> Vec<u8> {
    value(OCTET_STRING, &[bytes])
}

pub(crate) fn number(number: u8) -> Vec<u8> {
    value(INTEGER, &[&[number]])
}

/// An algorithm with `NULL` as its parameters.
pub(crate) fn algorithm(algorithm: Oid) -> Vec<u8> {
    sequence(&[&oid(algorithm), &value(NULL, &[])])
}

/// One layer around a content: a value with what stands in it before and after the content.
pub(crate) struct Layer {
    pub(crate) tag: u8,
    pub(crate) before: Vec<u8>,
    pub(crate) after: Vec<u8>,
}

impl Layer {
    pub(crate) fn new(tag: u8, before: Vec<u8>) -> Self {
        Self { tag, before, after: Vec::new() }
    }
}

/// A content in layers, the outermost first. It is copied once, however many layers there are.
pub(crate) fn enclose(layers: &[Layer], content: &[u8]) -> Vec<u8> {
    let mut size = content.len();
    let mut headers = Vec::new();
    for layer in layers.iter().rev() {
        let body = layer.before.len() + size + layer.after.len();
        let header = header(layer.tag, body);
        size = header.len() + body;
        headers.push(header);
    }
    let mut whole = Vec::with_capacity(size);
    for (layer, header) in layers.iter().zip(headers.iter().rev()) {
        whole.extend_from_slice(header);
        whole.extend_from_slice(&layer.before);
    }
    whole.extend_from_slice(content);
    layers.iter().rev().for_each(|layer| whole.extend_from_slice(&layer.after));
    whole
}

fn header(tag: u8, size: usize) -> Vec<u8> {
    let digits = size.to_be_bytes();
    let digits = &digits[digits.iter().take_while(|digit| **digit == 0).count()..];
    match (size, digits.len()) {
        (0..=0x7F, _) => vec![tag, digits.first().copied().unwrap_or(0)],
        (_, count) => {
            let mut header = vec![tag, 0x80 | u8::try_from(count).unwrap_or(8)];
            header.extend_from_slice(digits);
            header
        }
    }
}
