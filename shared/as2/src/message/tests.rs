//! Tests of messages, made and opened.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::algorithms::{Cipher, Digest, KeyTransport};
use crate::as2_name::As2Name;
use crate::asn1::tests::streamed;
use crate::fault::{Fault, Modifier};
use crate::keys::tests::{fresh, identities};
use crate::keys::{Certificate, Identity, renew};
use crate::limits::Limits;
use crate::mic::Mic;
use crate::mime::headers::Headers;

pub(crate) const DOCUMENT: &[u8] = b"ISA*00*~\r\nGS*PO~\n\xFF\x00";

pub(crate) fn at() -> Timestamp {
    "2026-11-27T10:11:12Z".parse().expect("a time")
}

pub(crate) fn name(text: &str) -> As2Name {
    As2Name::new(text).expect("a name")
}

/// How a message is protected.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct How {
    pub(crate) sign: Option<Digest>,
    pub(crate) encrypt: Option<Cipher>,
    pub(crate) compress: bool,
    pub(crate) transport: KeyTransport,
}

pub(crate) const FULL: How = How {
    sign: Some(Digest::Sha256),
    encrypt: Some(Cipher::Aes256Cbc),
    compress: true,
    transport: KeyTransport::Pkcs1,
};

/// A message from the partner to us.
pub(crate) fn message(how: How, bytes: &[u8]) -> Sent {
    let [ours, theirs, _] = identities();
    signed_by(theirs, ours.certificate(), how, bytes).expect("a message")
}

fn signed_by(signer: &Identity, reader: &Certificate, how: How, bytes: &[u8]) -> Result<Sent, Fault> {
    let (from, to) = (name("partner"), name("sluice"));
    let outgoing = Outgoing {
        from: &from,
        to: &to,
        message_id: "<1@partner.example>",
        at: at(),
        subject: None,
        content_type: "application/edi-x12",
        file_name: Some("Bestellung Ä.edi"),
        bytes,
        compress: how.compress,
        sign: how.sign.map(|digest| (digest, signer)),
        encrypt: how.encrypt.map(|cipher| Encryption { cipher, certificate: reader, transport: how.transport }),
        receipt: Some(ReceiptWish { notify: "as2@partner.example", signed: true, deliver_to: None }),
    };
    outgoing.build()
}

pub(crate) fn lax() -> Policy {
    Policy {
        require_signed: false,
        require_encrypted: false,
        digests: Digest::ALL.to_vec(),
        ciphers: Cipher::ALL.to_vec(),
    }
}

pub(crate) fn opened(headers: &Headers, body: Vec<u8>, policy: &Policy) -> Result<Received, Fault> {
    let [ours, theirs, _] = identities();
    let partner = [theirs.certificate().clone()];
    open(headers, body, &Recipient { ours: &[ours], partner: &partner, policy, limits: Limits::default() })
}

fn modifier(result: Result<Received, Fault>) -> Option<Modifier> {
    result.err().map(|fault| fault.modifier)
}

pub(crate) fn headers(content_type: &str) -> Headers {
    [("Content-Type", content_type), ("Content-Transfer-Encoding", "binary")].into_iter().collect()
}

fn any_how() -> impl Strategy<Value = How> {
    let sign = prop::option::of(prop::sample::select(&[Digest::Sha256, Digest::Sha384, Digest::Sha512][..]));
    let encrypt = prop::option::of(prop::sample::select(&Cipher::ALL[..]));
    let transport = prop::sample::select(&[KeyTransport::Pkcs1, KeyTransport::Oaep][..]);
    (sign, encrypt, any::<bool>(), transport).prop_map(|(sign, encrypt, compress, transport)| How {
        sign,
        encrypt,
        compress,
        transport,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_sent_is_what_comes_with_the_same_mic(how in any_how(), bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let sent = message(how, &bytes);
        let received = opened(&sent.headers, sent.body, &lax()).expect("a value");
        prop_assert_eq!(received.document.bytes, bytes);
        prop_assert_eq!(received.document.content_type, "application/edi-x12");
        prop_assert_eq!(received.document.file_name.as_deref(), Some("Bestellung Ä.edi"));
        prop_assert_eq!(received.mic, sent.mic);
        let protections = Protections { signed: how.sign, encrypted: how.encrypt, compressed: how.compress };
        prop_assert_eq!(received.protections, protections);
    }

    #[test]
    fn ber_is_opened_like_der(how in any_how(), bytes in prop::collection::vec(any::<u8>(), 0..2_000), piece in 1_usize..300) {
        let how = How { encrypt: how.encrypt.or(Some(Cipher::Aes256Cbc)), ..how };
        let sent = message(how, &bytes);
        let received = opened(&sent.headers, streamed(&sent.body, piece), &lax()).expect("a value");
        prop_assert_eq!(received.document.bytes, bytes);
        prop_assert_eq!(received.mic, sent.mic);
    }
}

#[test]
fn the_headers_are_those_of_the_standard() {
    let sent = message(FULL, DOCUMENT);
    let header = |name| sent.headers.get(name).expect("a header");
    assert_eq!(header("as2-from"), "partner");
    assert_eq!(header("Message-ID"), "<1@partner.example>");
    assert_eq!(header("Date"), "Fri, 27 Nov 2026 10:11:12 +0000");
    assert_eq!(header("Content-Transfer-Encoding"), "binary");
    assert_eq!(header("Content-Type"), "application/pkcs7-mime; smime-type=enveloped-data; name=\"smime.p7m\"");
    let options = "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, sha256";
    assert_eq!(header("Disposition-Notification-Options"), options);
    let envelope = Envelope::read(&sent.headers).expect("an envelope");
    assert_eq!((envelope.from, envelope.to), (name("partner"), name("sluice")));
    let receipt = envelope.receipt.expect("a request");
    assert_eq!((receipt.signed, receipt.digests, receipt.deliver_to), (true, vec![Digest::Sha256], None));
    let sent = message(How { sign: Some(Digest::Sha512), ..How::default() }, DOCUMENT);
    let kind = sent.headers.get("Content-Type").expect("a type");
    assert!(
        kind.starts_with("multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-512; boundary="),
        "{kind}"
    );
}

#[test]
fn the_mic_is_of_what_the_standard_says() {
    // Without protection: the document alone. With SHA-1, where no digest was asked for.
    let received = opened(&headers("application/xml"), DOCUMENT.to_vec(), &lax()).expect("a document");
    assert_eq!(received.mic, Mic::of(Digest::Sha1, DOCUMENT));
    let entity = [b"Content-Type: application/edi-x12\r\nContent-Transfer-Encoding: binary\r\nContent-Disposition: attachment; filename=\"Bestellung _.edi\"; filename*=UTF-8''Bestellung%20%C3%84.edi\r\n\r\n", DOCUMENT].concat();
    let plain = How { sign: None, ..FULL };
    // Encrypted: headers and content, before compression. Signed: what was signed, which is the same without compression.
    let encrypted = [plain, How { compress: false, ..plain }, How { encrypt: None, ..plain }];
    let signed = [How { compress: false, ..FULL }, How { compress: false, encrypt: None, ..FULL }];
    for how in encrypted.into_iter().chain(signed) {
        assert_eq!(message(how, DOCUMENT).mic, Mic::of(Digest::Sha256, &entity), "{how:?}");
    }
    assert_ne!(message(FULL, DOCUMENT).mic, Mic::of(Digest::Sha256, &entity));
}

#[test]
fn every_header_of_a_message_is_ascii() {
    let [ours, theirs, _] = identities();
    let (from, to) = (name("partner"), name("sluice"));
    let subject = "Rechnung für Köln: ".repeat(5);
    for encrypt in [
        None,
        Some(Encryption { cipher: Cipher::Aes256Cbc, certificate: ours.certificate(), transport: KeyTransport::Pkcs1 }),
    ] {
        let outgoing = Outgoing {
            from: &from,
            to: &to,
            message_id: "<1@partner.example>",
            at: at(),
            subject: Some(&subject),
            content_type: "text/plain",
            file_name: Some("für\r\nX: y \"Köln\".txt"),
            bytes: DOCUMENT,
            compress: false,
            sign: encrypt.map(|_| (Digest::Sha256, theirs)),
            encrypt,
            receipt: None,
        };
        let sent = outgoing.build().expect("a message");
        assert!(
            sent.headers.iter().all(|(_, value)| value.bytes().all(|letter| (b' '..=b'~').contains(&letter))),
            "{sent:?}"
        );
        let received = opened(&sent.headers, sent.body, &lax()).expect("a document");
        assert_eq!(received.document.file_name.as_deref(), Some("fürX: y \"Köln\".txt"));
    }
}

/// Some partners sign first and compress then, some encrypt what they sign.
#[test]
fn layers_come_in_any_order() {
    let [ours, ..] = identities();
    let signed = message(How { encrypt: None, compress: false, ..FULL }, DOCUMENT);
    let entity = |kind: &str, body: &[u8]| {
        [format!("Content-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\n\r\n").as_bytes(), body].concat()
    };
    let cms = "application/pkcs7-mime";
    let inner = entity(signed.headers.get("Content-Type").expect("a type"), &signed.body);
    let compressed = crate::cms::compressed::build(&inner).expect("a structure");
    let seal = |content: Vec<u8>| {
        crate::cms::enveloped::build(content, Cipher::Aes256Cbc, ours.certificate(), KeyTransport::Pkcs1)
            .expect("an envelope")
    };
    let encrypted = seal(entity(cms, &compressed));
    for body in [compressed, encrypted] {
        let received = opened(&headers(cms), body, &lax()).expect("a document");
        assert_eq!((received.document.bytes.as_slice(), &received.mic), (DOCUMENT, &signed.mic));
        assert!(received.protections.compressed && received.protections.signed.is_some());
    }
}

/// Some programs write the issuer of our certificate with another kind of string.
#[test]
fn a_reader_may_be_named_by_an_issuer_in_another_form() {
    let [ours, ..] = identities();
    let mut sent = message(FULL, DOCUMENT);
    let issuer = &ours.certificate().issuer;
    let at = sent.body.windows(issuer.len()).position(|bytes| bytes == issuer).expect("the issuer");
    let tag = issuer.iter().position(|byte| *byte == 0x0C).expect("a UTF8String");
    sent.body[at + tag] = 0x13;
    assert_eq!(opened(&sent.headers, sent.body, &lax()).expect("a document").document.bytes, DOCUMENT);
}

#[test]
fn nothing_is_signed_with_sha1() {
    let [ours, theirs, _] = identities();
    let how = How { sign: Some(Digest::Sha1), ..How::default() };
    let fault = signed_by(theirs, ours.certificate(), how, DOCUMENT).expect_err("a fault");
    assert_eq!(fault.modifier, Modifier::UnsupportedMicAlgorithms);
}

#[test]
fn every_fault_has_its_disposition() {
    let [ours, theirs, stranger] = identities();
    let signed = How { encrypt: None, compress: false, ..FULL };
    let strict = Policy::default();
    let open_it = |sent: Sent, policy: &Policy| modifier(opened(&sent.headers, sent.body, policy));
    let by_stranger = signed_by(stranger, ours.certificate(), FULL, DOCUMENT).expect("a message");
    assert_eq!(open_it(by_stranger, &strict), Some(Modifier::AuthenticationFailed));
    let for_stranger = signed_by(theirs, stranger.certificate(), FULL, DOCUMENT).expect("a message");
    assert_eq!(open_it(for_stranger, &strict), Some(Modifier::DecryptionFailed));
    assert_eq!(open_it(message(signed, DOCUMENT), &strict), Some(Modifier::InsufficientMessageSecurity));
    assert_eq!(
        open_it(message(How { sign: None, ..FULL }, DOCUMENT), &strict),
        Some(Modifier::InsufficientMessageSecurity)
    );
    let old = How { encrypt: Some(Cipher::TripleDes), ..FULL };
    assert_eq!(open_it(message(old, DOCUMENT), &strict), Some(Modifier::InsufficientMessageSecurity));
    let narrow = Policy { digests: vec![Digest::Sha512], ..Policy::default() };
    assert_eq!(open_it(message(FULL, DOCUMENT), &narrow), Some(Modifier::InsufficientMessageSecurity));
    let mut altered = message(signed, DOCUMENT);
    let at = altered.body.windows(3).position(|bytes| bytes == b"ISA").expect("the document");
    altered.body[at] = b'X';
    assert_eq!(open_it(altered, &lax()), Some(Modifier::IntegrityCheckFailed));
    for kind in ["application/pkcs7-mime", "multipart/signed", "multipart/signed; boundary=x"] {
        let result = opened(&headers(kind), b"junk".to_vec(), &lax());
        assert_eq!(modifier(result), Some(Modifier::UnexpectedProcessingError), "{kind}");
    }
    let mut encoded = headers("text/plain");
    encoded = encoded.iter().map(|(name, value)| (name, if value == "binary" { "x-unknown" } else { value })).collect();
    assert_eq!(modifier(opened(&encoded, b"x".to_vec(), &lax())), Some(Modifier::UnexpectedProcessingError));
}

#[test]
fn keys_and_certificates_can_be_rolled_over() {
    let [ours, theirs, _] = identities();
    let (next, policy) = (fresh("next"), Policy::default());
    let renewed = renew(ours, "renewed", at(), "2040-01-01T00:00:00Z".parse().expect("a date")).expect("a certificate");
    let certificates = [next.certificate().clone(), theirs.certificate().clone()];
    for reader in [ours, &renewed, &next] {
        for signer in [theirs, &next] {
            let sent = signed_by(signer, reader.certificate(), FULL, DOCUMENT).expect("a message");
            let ours = [ours, &renewed, &next];
            let recipient =
                Recipient { ours: &ours, partner: &certificates, policy: &policy, limits: Limits::default() };
            assert_eq!(open(&sent.headers, sent.body, &recipient).expect("a document").document.bytes, DOCUMENT);
        }
    }
}

/// Every variant of a message whose key transport was changed has one and the same answer.
#[test]
fn a_changed_key_transport_tells_nothing() {
    let sent = message(How { compress: false, ..FULL }, DOCUMENT);
    // The encrypted key stands before the content: of 256 bytes, after their header.
    let at = sent.body.windows(4).position(|bytes| bytes == [0x04, 0x82, 0x01, 0x00]).expect("the encrypted key") + 4;
    let mut answers = std::collections::BTreeSet::new();
    for change in 0..600_usize {
        let mut body = sent.body.clone();
        body[at + change % 256] ^= u8::try_from(1 + change / 256).expect("a byte");
        let fault = opened(&sent.headers, body, &Policy::default()).expect_err("a fault");
        assert_eq!(fault.modifier, Modifier::DecryptionFailed);
        answers.insert(fault.detail);
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[test]
fn other_line_breaks_and_wrong_encodings_are_understood() {
    let how = How { encrypt: None, compress: false, ..FULL };
    let sent = message(how, b"ISA*00*~\r\nGS*PO~\r\n");
    let text = String::from_utf8(sent.body).expect("text");
    let received = opened(&sent.headers, text.replace("\r\n", "\n").into_bytes(), &lax()).expect("a document");
    assert_eq!(received.mic, sent.mic);
    // What was signed counts, not what came.
    assert_eq!(received.document.bytes, b"ISA*00*~\r\nGS*PO~\r\n");
    let sent = message(How { sign: None, ..FULL }, DOCUMENT);
    let encoded = |value: &str| -> Headers {
        sent.headers
            .iter()
            .map(|(name, old)| (name, if name == "Content-Transfer-Encoding" { value } else { old }))
            .collect()
    };
    let base64 = crate::mime::encoding::base64_lines(&sent.body);
    for (headers, body) in [
        (encoded("base64"), base64.clone()),
        (encoded("binary"), base64.clone()),
        (encoded("base64"), sent.body.clone()),
        (encoded("8BIT"), sent.body.clone()),
    ] {
        assert_eq!(opened(&headers, body, &lax()).expect("a document").mic, sent.mic);
    }
}

#[test]
fn file_names_have_no_folders() {
    for (disposition, expected) in [
        ("attachment; filename=../../etc/passwd", Some("passwd")),
        ("attachment; filename=\"C:\\\\edi\\\\a b.edi\"", Some("a b.edi")),
        ("attachment; filename=\"..\"", None),
        ("attachment; filename=\"\"", None),
        ("attachment; filename*=UTF-8''%2Fx%2Fy%00.edi", Some("y.edi")),
        ("inline", None),
    ] {
        let mut headers = headers("text/plain");
        headers.push("Content-Disposition", disposition);
        let received = opened(&headers, Vec::new(), &lax()).expect("a document");
        assert_eq!(received.document.file_name.as_deref(), expected, "{disposition}");
    }
}

#[test]
fn receipts_are_asked_for_in_many_ways() {
    let request = |options: &str| {
        let mut headers = headers("text/plain");
        headers.push("Disposition-Notification-To", "x");
        headers.push("Disposition-Notification-Options", options);
        ReceiptRequest::read(&headers).expect("a request")
    };
    let plain = request("");
    assert_eq!((plain.signed, plain.mic_digest(), plain.unsupported), (false, Digest::Sha1, None));
    let old = request("signed-receipt-protocol=required,pkcs7-signature; signed-receipt-micalg=required,md5,SHA-1");
    assert_eq!((old.signed, old.mic_digest(), old.signing_digest()), (true, Digest::Sha1, Digest::Sha256));
    let new = request(
        " Signed-Receipt-Protocol = optional , \"pkcs7-signature\" ; signed-receipt-micalg=optional, Sha512, sha1",
    );
    assert_eq!((new.mic_digest(), new.unsupported), (Digest::Sha512, None));
    let strange = request("signed-receipt-protocol=required, pgp");
    assert_eq!((strange.signed, strange.unsupported), (false, Some(Modifier::UnsupportedFormat)));
    let md5 = request("signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=required, md5");
    assert_eq!(md5.unsupported, Some(Modifier::UnsupportedMicAlgorithms));
    assert!(ReceiptRequest::read(&headers("text/plain")).is_none());
}
