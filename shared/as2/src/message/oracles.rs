//! What the answers to variants of an encrypted message tell of its content: nothing.

use super::tests::{DOCUMENT, FULL, How, at, headers, lax, message, opened};
use super::*;
use crate::algorithms::{Cipher, Digest, KeyTransport};
use crate::asn1::ber::{Value, context};
use crate::asn1::tests::streamed;
use crate::asn1::{der, oids};
use crate::cms::{CmsError, content_of, enveloped, signed};
use crate::fault::{Fault, Modifier};
use crate::keys::tests::identities;

const CMS: &str = "application/pkcs7-mime";
const BLOCK: usize = 16;
const SIGNED: How = How { compress: false, ..FULL };

/// The one answer.
fn undecryptable() -> Result<Received, Fault> {
    Err(CmsError::Undecryptable.into())
}

fn iv_at(body: &[u8]) -> usize {
    let mark = [der::oid(Cipher::Aes256Cbc.oid()), vec![0x04, 16]].concat();
    body.windows(mark.len()).position(|bytes| bytes == mark).expect("the IV") + mark.len()
}

fn ciphertext(body: &[u8]) -> &[u8] {
    Value::first(&body[iv_at(body) + BLOCK..]).expect("the content").body()
}

/// The same message with more blocks behind the first `count`: in BER, where no length that stands before them changes.
fn with_blocks(body: &[u8], count: usize, blocks: &[u8]) -> Vec<u8> {
    let last = der::octets(&ciphertext(body)[(count - 1) * BLOCK..count * BLOCK]);
    let mut changed = streamed(body, BLOCK);
    let at = changed.windows(last.len()).position(|bytes| bytes == last).expect("the block") + last.len();
    changed.splice(at..at, der::octets(blocks));
    changed
}

/// Encrypts anything for us, as anybody can.
fn encrypted(content: Vec<u8>, cipher: Cipher) -> Vec<u8> {
    let [ours, ..] = identities();
    enveloped::build(content, cipher, ours.certificate(), KeyTransport::Pkcs1).expect("an envelope")
}

/// Changes the last byte before the last block, so that the message ends in every byte there is, and in good padding
/// once: of two sizes, one at least has not itself the padding that comes up.
#[test]
fn a_changed_end_tells_nothing() {
    for (cipher, block) in [(Cipher::Aes256Cbc, BLOCK), (Cipher::TripleDes, 8)] {
        for size in [20, 21] {
            let sent = message(How { encrypt: Some(cipher), ..SIGNED }, &vec![b'0'; size]);
            let at = sent.body.len() - block - 1;
            for change in 1..=255_u8 {
                let mut body = sent.body.clone();
                body[at] ^= change;
                assert_eq!(opened(&sent.headers, body, &lax()), undecryptable(), "{cipher}, {size} bytes, {change}");
            }
            assert!(opened(&sent.headers, sent.body, &lax()).is_ok());
        }
    }
}

/// What stands behind a signed message is not looked at, and behind one that is not signed it is taken as it is.
#[test]
fn an_appended_end_tells_nothing() {
    let (strict, unsigned) = (Policy::default(), How { sign: None, ..SIGNED });
    for (how, policy) in [(FULL, &strict), (SIGNED, &strict), (unsigned, &strict), (unsigned, &lax())] {
        let sent = message(how, DOCUMENT);
        let answer = |body: Vec<u8>| opened(&sent.headers, body, policy).map(|received| received.protections);
        let (blocks, untouched) = (ciphertext(&sent.body), answer(sent.body.clone()));
        let (count, last) = (blocks.len() / BLOCK, &blocks[blocks.len() - BLOCK..]);
        for value in 0..=255_u8 {
            let end = [&[0_u8; BLOCK - 1][..], &[value][..], last].concat();
            assert_eq!(answer(with_blocks(&sent.body, count, &end)), untouched, "{how:?}, {value}");
        }
    }
}

/// The first byte in every value, an empty line with which the content begins among them.
#[test]
fn a_changed_beginning_tells_nothing() {
    let sent = message(SIGNED, DOCUMENT);
    for change in 1..=255_u8 {
        let mut body = sent.body.clone();
        body[iv_at(&sent.body)] ^= change;
        // A header's name in small letters is the same name.
        if b'C' ^ change != b'c' {
            assert_eq!(opened(&sent.headers, body, &lax()), undecryptable(), "{change}");
        }
    }
}

/// The key transport is well formed, and decrypts to a key that makes noise of the content.
#[test]
fn the_key_of_another_message_tells_nothing() {
    let (mut sent, other) = (message(SIGNED, DOCUMENT), message(SIGNED, DOCUMENT));
    let key_at = |body: &[u8]| body.windows(4).position(|bytes| bytes == [0x04, 0x82, 0x01, 0x00]).expect("a key") + 4;
    let (at, from) = (key_at(&sent.body), key_at(&other.body));
    sent.body[at..at + 256].copy_from_slice(&other.body[from..from + 256]);
    let iv = iv_at(&sent.body);
    for change in 0..=255_u8 {
        let mut body = sent.body.clone();
        body[iv] ^= change;
        assert_eq!(opened(&sent.headers, body, &lax()), undecryptable(), "{change}");
    }
}

/// A block of the message is put in elsewhere, between blocks of noise: where headers stand that nobody signed, and in
/// what was signed.
#[test]
fn blocks_put_in_tell_nothing() {
    let inner = message(How { encrypt: None, ..SIGNED }, DOCUMENT);
    let kind = inner.headers.get("Content-Type").expect("a type");
    let content = [format!("Content-Type: {kind}\r\n\r\n").as_bytes(), &inner.body].concat();
    let body = encrypted(content.clone(), Cipher::Aes256Cbc);
    let blocks = ciphertext(&body);
    for (place, expected) in [
        ("protocol=", Modifier::DecryptionFailed),
        ("name=\"smime.p7s\"", Modifier::DecryptionFailed),
        ("application/edi-x12", Modifier::IntegrityCheckFailed),
    ] {
        let at = content.windows(place.len()).position(|bytes| bytes == place.as_bytes()).expect("the place");
        let count = at / BLOCK + 1;
        let (before, target) = (&blocks[(count - 1) * BLOCK..count * BLOCK], &blocks[blocks.len() - BLOCK..]);
        for value in 0..=255_u8 {
            let noise = [&[value; BLOCK][..], target, before].concat();
            let answer = opened(&headers(CMS), with_blocks(&body, count, &noise), &lax());
            assert_eq!(answer.err().map(|fault| fault.modifier), Some(expected), "{place}, {value}");
        }
    }
}

/// A content with the partner's signature of another one around it.
fn wrongly_signed(content: &[u8]) -> Vec<u8> {
    let [_, theirs, _] = identities();
    let signature = signed::build(b"another", Digest::Sha256, theirs, at()).expect("a signature");
    let mut fields = content_of(&signature).expect("a structure").1.children().expect("fields");
    let mut next = || fields.next().expect("a field").whole().to_vec();
    let [version, digests, _, certificates, signers] = [next(), next(), next(), next(), next()];
    let content = der::sequence(&[&der::oid(oids::DATA), &der::value(context(0), &[&der::octets(content)])]);
    let data = der::sequence(&[&version, &digests, &content, &certificates, &signers]);
    der::sequence(&[&der::oid(oids::SIGNED_DATA), &der::value(context(0), &[&data])])
}

#[test]
fn a_signature_around_its_content_is_not_judged_in_what_may_be_noise() {
    let structure = wrongly_signed(b"Content-Type: text/plain\r\n\r\ncontent");
    let entity = [format!("Content-Type: {CMS}\r\n\r\n").as_bytes(), &structure].concat();
    for (body, expected) in [
        (structure, Modifier::IntegrityCheckFailed),
        (encrypted(entity.clone(), Cipher::Aes256Gcm), Modifier::IntegrityCheckFailed),
        (encrypted(entity, Cipher::Aes256Cbc), Modifier::DecryptionFailed),
    ] {
        let answer = opened(&headers(CMS), body, &lax());
        assert_eq!(answer.err().map(|fault| fault.modifier), Some(expected));
    }
}
