//! Whatever comes is opened or refused, in little time and memory.

#![expect(clippy::disallowed_methods, reason = "measures what reading costs")]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::Index;

use super::tests::{DOCUMENT, FULL, How, headers, lax, message, opened};
use super::*;
use crate::algorithms::{Cipher, Digest, KeyTransport};
use crate::cms::{compressed, enveloped, signed};
use crate::fault::Modifier;
use crate::keys::tests::identities;
use crate::mime::headers::Headers;
use crate::receipt::Disposition;
use crate::receipt::tests::{read_it, receipt};

/// Changes bytes, cuts a piece out and puts one in.
fn damaged(mut bytes: Vec<u8>, damage: &Damage) -> Vec<u8> {
    for (at, byte) in &damage.bytes {
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
    }
    if let Some((from, size)) = damage.cut {
        let from = from.index(bytes.len() + 1);
        bytes.drain(from..(from + size).min(bytes.len()));
    }
    if let Some((at, piece)) = &damage.insert {
        let at = at.index(bytes.len() + 1);
        bytes.splice(at..at, piece.iter().copied());
    }
    bytes
}

#[derive(Clone, Debug)]
struct Damage {
    bytes: Vec<(Index, u8)>,
    cut: Option<(Index, usize)>,
    insert: Option<(Index, Vec<u8>)>,
}

fn any_damage() -> impl Strategy<Value = Damage> {
    (
        prop::collection::vec((any::<Index>(), any::<u8>()), 0..4),
        prop::option::of((any::<Index>(), 0_usize..50)),
        prop::option::of((any::<Index>(), prop::collection::vec(any::<u8>(), 0..20))),
    )
        .prop_map(|(bytes, cut, insert)| Damage { bytes, cut, insert })
}

/// Encrypts anything for us, as anybody can.
fn encrypted(content: Vec<u8>) -> Vec<u8> {
    let [ours, ..] = identities();
    enveloped::build(content, Cipher::Aes128Cbc, ours.certificate(), KeyTransport::Pkcs1).expect("an envelope")
}

/// Opens a message of a kind, whose content is this.
fn open_layer(kind: &str, body: Vec<u8>) -> Result<Received, crate::Fault> {
    opened(&headers(kind), body, &lax())
}

fn mime(kind: &str, body: &[u8]) -> Vec<u8> {
    [format!("Content-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\n\r\n").as_bytes(), body].concat()
}

const CMS: &str = "application/pkcs7-mime";

proptest! {
    #[test]
    fn damaged_messages_are_opened_or_refused(damage in any_damage(), layer in 0_usize..5) {
        let how = match layer {
            0 => FULL,
            1 => How { encrypt: Some(Cipher::Aes256Gcm), ..FULL },
            2 => How { encrypt: None, ..FULL },
            3 => How { encrypt: None, sign: None, ..FULL },
            _ => How { encrypt: None, compress: false, ..FULL },
        };
        let sent = message(how, DOCUMENT);
        let original = sent.body.clone();
        let body = damaged(sent.body, &damage);
        let policy = Policy { require_signed: true, ..lax() };
        if let Ok(received) = opened(&sent.headers, body.clone(), &policy) {
            prop_assert_eq!(received.document.bytes, DOCUMENT, "altered, and accepted: {:?}", damage);
            // What was not signed or is written in two ways may differ.
            prop_assert!(received.mic == sent.mic || body != original);
        }
    }

    #[test]
    fn damage_inside_of_an_envelope_is_found(damage in any_damage(), layer in 0_usize..3) {
        let inner = match layer {
            0 => message(How { encrypt: None, ..FULL }, DOCUMENT),
            1 => message(How { encrypt: None, sign: None, ..FULL }, DOCUMENT),
            _ => message(How { encrypt: None, compress: false, ..FULL }, DOCUMENT),
        };
        let kind = inner.headers.get("Content-Type").expect("a value");
        let body = encrypted(mime(kind, &damaged(inner.body.clone(), &damage)));
        let policy = Policy { require_signed: true, ..lax() };
        if let Ok(received) = opened(&headers(CMS), body, &policy) {
            prop_assert_eq!(received.document.bytes, DOCUMENT);
        }
    }

    #[test]
    fn damaged_receipts_are_read_or_refused(damage in any_damage(), sign in any::<bool>()) {
        let made = receipt(&Disposition::Processed, None, sign.then_some(Digest::Sha256));
        let _ = read_it(&made.headers, damaged(made.body, &damage));
    }

    #[test]
    fn any_headers_and_bytes_are_opened_or_refused(
        kind in prop::sample::select(vec![CMS, "multipart/signed; boundary=b", "multipart/report; boundary=b", "text/plain"]),
        encoding in prop::sample::select(vec!["binary", "base64", "quoted-printable", "x"]),
        body in prop_oneof![prop::collection::vec(any::<u8>(), 0..300), "(--b(--)?\r\n|Content-Type: |\r\n|[ -~]){0,30}".prop_map(String::into_bytes)],
        value in "[ -~]{0,40}",
    ) {
        let fields = [("Content-Type", kind), ("Content-Transfer-Encoding", encoding), ("AS2-From", &value), ("AS2-To", &value),
            ("Message-ID", &value), ("Disposition-Notification-To", &value), ("Disposition-Notification-Options", &value),
            ("Content-Disposition", &value)];
        let headers: Headers = fields.into_iter().collect();
        let _ = Envelope::read(&headers);
        let _ = opened(&headers, body.clone(), &lax());
        let _ = read_it(&headers, body);
    }
}

/// Everything that is built to cost much is refused within this.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn hostile_messages_cost_little() {
    let bomb = |size: usize| compressed::build(&mime("text/plain", &vec![b'0'; size])).expect("a bomb");
    let in_bomb = compressed::build(&mime(CMS, &bomb(60 << 20))).expect("a bomb");
    let mut onion = b"x".to_vec();
    for _ in 0..50 {
        onion = encrypted(mime(CMS, &onion));
    }
    let parts = b"--b\r\nContent-Type: text/plain\r\n\r\n".repeat(10_000);
    let nested: Vec<u8> =
        (0..10_000).flat_map(|_| *b"--b\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n").collect();
    let many_headers = b"A: 1\r\n".repeat(100_000);
    let deep = [0x30, 0x80].repeat(5 << 20);
    let began = Instant::now();
    let cases = [
        (CMS, bomb(101 << 20), Modifier::DecompressionFailed),
        (CMS, in_bomb, Modifier::DecompressionFailed),
        (CMS, onion, Modifier::DecryptionFailed),
        ("multipart/signed; boundary=b", parts, Modifier::UnexpectedProcessingError),
        ("multipart/signed; boundary=b", nested, Modifier::UnexpectedProcessingError),
        (CMS, encrypted(many_headers), Modifier::DecryptionFailed),
        (CMS, deep, Modifier::UnexpectedProcessingError),
    ];
    for (kind, body, expected) in cases {
        let size = body.len();
        let fault = open_layer(kind, body).expect_err("a fault");
        assert_eq!(fault.modifier, expected, "{kind} of {size} bytes: {fault}");
    }
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[test]
fn nothing_is_inflated_that_should_have_been_encrypted() {
    let mut broken = compressed::build(&mime("text/plain", b"x")).expect("a structure");
    let last = broken.len() - 1;
    broken[last] ^= 1;
    let refused = |policy: &Policy| opened(&headers(CMS), broken.clone(), policy).expect_err("a fault").modifier;
    assert_eq!(refused(&lax()), Modifier::DecompressionFailed);
    assert_eq!(refused(&Policy { require_signed: true, ..lax() }), Modifier::DecompressionFailed);
    assert_eq!(refused(&Policy { require_encrypted: true, ..lax() }), Modifier::InsufficientMessageSecurity);
}

/// A string in pieces of single bytes, as BER allows: three bytes for each.
#[test]
fn a_string_of_many_pieces_is_opened() {
    let content = mime("text/plain", &vec![b'0'; 1 << 20]);
    let body = crate::asn1::tests::streamed(&encrypted(content), 1);
    let began = Instant::now();
    assert_eq!(open_layer(CMS, body).expect("a document").document.bytes.len(), 1 << 20);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

/// Signatures and contents cannot be exchanged between messages.
#[test]
fn a_signature_of_another_content_is_refused() {
    let [_, theirs, _] = identities();
    let signature =
        signed::build(&mime("text/plain", b"one"), Digest::Sha256, theirs, super::tests::at()).expect("a signature");
    let body = |content: &[u8]| {
        let content = mime("text/plain", content);
        let signature = mime("application/pkcs7-signature", &signature);
        [b"--b\r\n", &content[..], b"\r\n--b\r\n", &signature, b"\r\n--b--"].concat()
    };
    let kind = "multipart/signed; boundary=b";
    assert_eq!(open_layer(kind, body(b"one")).expect("a document").document.bytes, b"one");
    assert_eq!(open_layer(kind, body(b"two")).expect_err("a fault").modifier, Modifier::IntegrityCheckFailed);
}
