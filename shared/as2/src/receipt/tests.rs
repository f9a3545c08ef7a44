//! Tests of receipts.

use super::*;
use crate::algorithms::Digest;
use crate::as2_name::As2Name;
use crate::fault::Modifier;
use crate::keys::tests::identities;
use crate::limits::Limits;
use crate::message::tests::{at, headers, name};
use crate::mic::Mic;
use crate::mime::encoding::base64_lines;
use crate::mime::headers::Headers;

pub(crate) const ID: &str = "<1@sluice.example>";

/// A receipt from the partner.
pub(crate) fn receipt(disposition: &Disposition, mic: Option<&Mic>, sign: Option<Digest>) -> ReceiptMessage {
    let [_, theirs, _] = identities();
    let (from, to): (As2Name, As2Name) = (name("the partner"), name("sluice"));
    let receipt = Receipt {
        from: &from,
        to: &to,
        message_id: "<2@partner.example>",
        at: at(),
        original_message_id: ID,
        disposition,
        mic,
        text: "Grüße\r\n--\r\n",
        reporting_agent: "partner.example; Test",
        sign: sign.map(|digest| (digest, theirs)),
    };
    receipt.build().expect("a receipt")
}

pub(crate) fn read_it(headers: &Headers, body: Vec<u8>) -> Result<ReceivedReceipt, crate::Fault> {
    let [_, theirs, _] = identities();
    read(headers, body, &[theirs.certificate().clone()], &Digest::ALL, &Limits::default())
}

fn mic() -> Mic {
    Mic::of(Digest::Sha256, b"document")
}

fn verdict(receipt: &ReceivedReceipt) -> Verdict {
    receipt.judge(&Expected { message_id: ID, mic: &mic(), signed: false })
}

/// An unsigned receipt with these fields.
fn with_fields(fields: &str) -> Result<ReceivedReceipt, crate::Fault> {
    let part = |kind: &str, text: &str| format!("--b\r\nContent-Type: {kind}\r\n\r\n{text}\r\n");
    let body = part("text/plain", "Hello") + &part("message/disposition-notification", fields) + "--b--\r\n";
    read_it(&headers("multipart/report; report-type=disposition-notification; boundary=b"), body.into_bytes())
}

#[test]
fn a_receipt_is_read_as_it_was_made() {
    let dispositions = [
        Disposition::Processed,
        Disposition::from(Modifier::DuplicateDocument),
        Disposition::from(Modifier::AuthenticationFailed),
        Disposition::from(Modifier::UnsupportedMicAlgorithms),
    ];
    for disposition in dispositions {
        for sign in [None, Some(Digest::Sha256), Some(Digest::Sha512)] {
            let made = receipt(&disposition, Some(&mic()), sign);
            assert!(looks_like_receipt(&made.headers, &made.body));
            assert_eq!(made.headers.get("AS2-From"), Some("\"the partner\""));
            let read = read_it(&made.headers, made.body).expect("a receipt");
            assert_eq!(read.signature, sign.map_or(SignatureState::None, SignatureState::Good));
            assert_eq!(read.disposition, disposition);
            assert_eq!((read.original_message_id.as_deref(), read.mic.as_ref()), (Some(ID), Some(&mic())));
            assert_eq!(read.text, "Grüße\r\n--");
        }
    }
}

#[test]
fn a_receipt_is_compared_with_what_was_sent() {
    let good = receipt(&Disposition::Processed, Some(&mic()), Some(Digest::Sha256));
    let read = read_it(&good.headers, good.body.clone()).expect("a receipt");
    let expected = Expected { message_id: "1@sluice.example", mic: &mic(), signed: true };
    assert_eq!(read.judge(&expected), Verdict::Accepted { warning: None });
    let other = Mic::of(Digest::Sha256, b"other");
    assert_eq!(read.judge(&Expected { mic: &other, ..expected }), Verdict::MicDifferent { theirs: Some(mic()) });
    let elsewhere = read.judge(&Expected { message_id: "<2@sluice.example>", ..expected });
    assert_eq!(elsewhere, Verdict::OtherMessage { message_id: Some(ID.to_owned()) });
    let mut changed = good.body;
    let at = changed.windows(10).position(|bytes| bytes == b"; processe").expect("the disposition");
    changed[at + 2] = b'P';
    let wrong = read_it(&good.headers, changed).expect("a receipt");
    assert!(matches!(wrong.judge(&Expected { signed: false, ..expected }), Verdict::Untrusted { .. }));

    let unsigned = receipt(&Disposition::Processed, None, None);
    let read = read_it(&unsigned.headers, unsigned.body).expect("a receipt");
    assert_eq!(read.judge(&expected), Verdict::Untrusted { reason: "The receipt is not signed.".to_owned() });
    assert_eq!(verdict(&read), Verdict::MicDifferent { theirs: None });
    let refused = receipt(&Disposition::from(Modifier::DecryptionFailed), None, None);
    let read = read_it(&refused.headers, refused.body).expect("a receipt");
    assert_eq!(verdict(&read), Verdict::Rejected { reason: "decryption-failed".to_owned() });
}

#[test]
fn a_receipt_by_a_stranger_is_untrusted() {
    let [ours, _, _] = identities();
    let good = receipt(&Disposition::Processed, Some(&mic()), Some(Digest::Sha256));
    let certificates = [ours.certificate().clone()];
    let read = read(&good.headers, good.body, &certificates, &Digest::ALL, &Limits::default()).expect("a receipt");
    let Verdict::Untrusted { reason } = verdict(&read) else { panic!("{read:?}") };
    assert_eq!(reason, "The receipt is not signed by any of the partner's certificates.");
}

#[test]
fn a_mic_without_its_algorithm_is_told_by_its_size() {
    for digest in Digest::ALL {
        let mic = Mic::of(digest, b"document");
        let text = mic.to_string();
        let (value, name) = text.split_once(", ").expect("two parts");
        for text in [text.clone(), value.to_owned(), format!(" {value} , {}", name.replace('-', "").to_uppercase())] {
            assert_eq!(Mic::read(&text), Some(mic.clone()), "{text}");
        }
        assert_eq!(Mic::read(&format!("{value}, md5")), None);
    }
    assert!(Mic::read("AAAA").is_none() && Mic::read("!, sha256").is_none());
}

#[test]
fn receipts_of_every_style_are_read() {
    let value = mic().to_string().replace("sha-256", "SHA256");
    let folded = value.replace(", ", ",\r\n\t");
    let styles = [
        format!(
            "Original-Message-ID: {ID}\r\nDisposition: automatic-action/MDN-sent-automatically; processed\r\nReceived-Content-MIC: {value}"
        ),
        format!(
            "Disposition: automatic-action/MDN-sent-automatically;\r\n processed\r\nReceived-Content-MIC:\r\n {folded}\r\nOriginal-Message-ID:\r\n {ID}"
        ),
        format!(
            "\r\nReporting-UA: x\r\n\r\noriginal-message-id: {ID}\n\nDISPOSITION: x/y; Processed\nreceived-content-mic: {value}"
        ),
    ];
    for style in styles {
        let read = with_fields(&style).expect("a receipt");
        assert_eq!(verdict(&read), Verdict::Accepted { warning: None }, "{style}");
        assert_eq!(read.text, "Hello");
    }
    let fields = format!("Original-Message-ID: {ID}\r\nDisposition: x; processed\r\nReceived-Content-MIC: {value}\r\n");
    let quoted = fields.replace('=', "=3D").replace("processed", "pro=\r\ncessed");
    let base64 = String::from_utf8(base64_lines(fields.as_bytes())).expect("text");
    for (encoding, text) in [("base64", base64), ("quoted-printable", quoted)] {
        let part = format!(
            "Content-Type: message/disposition-notification\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{text}"
        );
        let nested = format!("--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{part}\r\n--b--\r\n--a--");
        let read = read_it(&headers("multipart/report; boundary=a"), nested.into_bytes()).expect("a receipt");
        assert_eq!(verdict(&read), Verdict::Accepted { warning: None }, "{encoding}");
    }
}

#[test]
fn reasons_are_found_wherever_they_stand() {
    for (fields, reason) in [
        ("Disposition: a/b; processed/error: insufficient-message-security", "insufficient-message-security"),
        ("Disposition: a/b; failed/Failure: unsupported format", "unsupported format"),
        ("Disposition: a/b; processed/Error\r\nError: something else", "something else"),
        ("Disposition: a/b; failed", "Hello"),
        ("Disposition: nonsense", "nonsense"),
    ] {
        let read = with_fields(&format!("Original-Message-ID: {ID}\r\n{fields}")).expect("a receipt");
        assert_eq!(verdict(&read), Verdict::Rejected { reason: reason.to_owned() }, "{fields}");
    }
    let warned = format!(
        "Original-Message-ID: {ID}\r\nDisposition: a/b; processed/warning: late\r\nReceived-Content-MIC: {}",
        mic()
    );
    let warned = with_fields(&warned).expect("a receipt");
    assert_eq!(verdict(&warned), Verdict::Accepted { warning: Some("late".to_owned()) });
}

#[test]
fn what_is_no_receipt_is_a_fault() {
    for (kind, body) in [
        ("text/html", "<html>"),
        ("text/plain", ""),
        ("multipart/report; boundary=b", "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--"),
        ("multipart/report; boundary=b", "--b\r\nContent-Type: message/disposition-notification\r\n\r\nA: b\r\n--b--"),
    ] {
        let fault = read_it(&headers(kind), body.into()).expect_err("a fault");
        assert_eq!(fault.modifier, Modifier::UnsupportedFormat, "{kind}");
        assert!(!looks_like_receipt(&headers("application/edi-x12"), body.as_bytes()));
    }
}

#[test]
fn no_header_can_be_smuggled_in() {
    let [from, to] = ["a", "b"].map(name);
    let disposition = Disposition::Error("x\r\nReceived-Content-MIC: AAAA, sha256".to_owned());
    let made = Receipt {
        from: &from,
        to: &to,
        message_id: "<3@x>",
        at: at(),
        original_message_id: "<1@x>\r\nDisposition: a/b; processed",
        disposition: &disposition,
        mic: None,
        text: "",
        reporting_agent: "x",
        sign: None,
    };
    let made = made.build().expect("a receipt");
    let read = read_it(&made.headers, made.body).expect("a receipt");
    assert!(read.mic.is_none() && !read.disposition.is_positive());
}
