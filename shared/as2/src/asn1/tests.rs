//! Tests of reading BER and writing DER.

use proptest::prelude::*;

use super::ber::{Malformed, OCTET_STRING, Reader, SEQUENCE, Value};
use super::{der, oids};

/// The same as BER with indefinite lengths, and with its large strings in pieces of this size. Also looks into the
/// implicit tag of encrypted content.
pub(crate) fn streamed(bytes: &[u8], piece: usize) -> Vec<u8> {
    let mut streamed = Vec::new();
    let mut values = Reader::new(bytes);
    while !values.is_empty() {
        let value = values.next().expect("DER");
        let is_string = value.tag == OCTET_STRING || value.tag == 0x80;
        if value.tag & 0x20 != 0 {
            streamed.extend([value.tag, 0x80]);
            streamed.extend(self::streamed(value.body(), piece));
            streamed.extend([0, 0]);
        } else if is_string && value.body().len() > piece {
            streamed.extend([value.tag | 0x20, 0x80]);
            value.body().chunks(piece).for_each(|piece| streamed.extend(der::octets(piece)));
            streamed.extend([0, 0]);
        } else {
            streamed.extend_from_slice(value.whole());
        }
    }
    streamed
}

#[test]
fn lengths_of_every_size_are_written_and_read() {
    for size in [0, 1, 127, 128, 255, 256, 65_535, 65_536, 1 << 24] {
        let body = vec![7; size];
        let written = der::octets(&body);
        assert_eq!(Value::first(&written).expect("a value").body(), body);
        let layers =
            [der::Layer::new(SEQUENCE, vec![5, 0]), der::Layer { tag: OCTET_STRING, before: vec![1], after: vec![2] }];
        let enclosed = der::enclose(&layers, &body);
        let inner = der::value(OCTET_STRING, &[&[1], &body, &[2]]);
        assert_eq!(enclosed, der::sequence(&[&[5, 0], &inner]));
    }
}

#[test]
fn streamed_values_are_those_of_der() {
    let inner = der::sequence(&[&der::oid(oids::DATA), &der::octets(b"some longer octets"), &der::number(3)]);
    let value = der::sequence(&[&inner, &der::octets(b""), &inner]);
    for piece in [1, 4, 100] {
        let streamed = streamed(&value, piece);
        assert_ne!(streamed, value);
        assert_eq!(Value::first(&streamed).expect("BER").to_der(), Ok(value.clone()));
    }
}

#[test]
fn what_is_cut_off_or_impossible_is_malformed() {
    let bad: [&[u8]; 11] = [
        b"",
        b"\x30",
        b"\x30\x05\x04\x01",
        b"\x30\x80",
        b"\x30\x80\x04\x01\x00",
        b"\x04\x80\x00\x00",
        b"\x1F\x81\x01\x00",
        b"\x04\x89\x01\x01\x01\x01\x01\x01\x01\x01\x01",
        b"\x04\x88\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"\x04\x88\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"\x04\x84\xFF\xFF",
    ];
    for bytes in bad {
        assert_eq!(Value::first(bytes).err(), Some(Malformed), "{bytes:?}");
    }
}

#[test]
fn no_nesting_overflows_the_stack() {
    for unit in [&b"\x30\x80"[..], b"\x24\x80"] {
        let deep = unit.repeat(1 << 20);
        assert_eq!(Value::first(&deep).err(), Some(Malformed));
    }
    let mut nested = der::octets(b"x");
    for _ in 0..200 {
        nested = der::value(0x24, &[&nested]);
    }
    let value = Value::first(&nested).expect("definite lengths are not looked into");
    assert!(value.octets().is_err() && value.to_der().is_err());
}

mod fuzz {
    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut values = Reader::new(&bytes);
            while let Ok(value) = values.next() {
                let _ = (value.octets(), value.to_der(), value.oid());
                prop_assert!(value.body().len() <= bytes.len());
            }
        }

        #[test]
        fn octets_in_pieces_are_the_same(octets in prop::collection::vec(any::<u8>(), 0..500), piece in 1_usize..100) {
            let streamed = streamed(&der::octets(&octets), piece);
            prop_assert_eq!(&*Value::first(&streamed).expect("a value").octets().expect("a value"), octets.as_slice());
        }
    }
}
