//! pyas2lib, an AS2 in Python over OpenSSL.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use sluice_as2::receipt::{Expected, Receipt, Verdict, read};
use sluice_as2::{
    Cipher, Digest, Encryption, Envelope, KeyTransport, Limits, Mic, Modifier, Outgoing, ReceiptWish, Recipient, open,
};

use crate::partner::{
    AT, Names, Partner, everything, folder, identities, installed, join, key_file, names, plain_names, run, scripts,
    split, write_receipt,
};

fn start() -> Partner {
    let home = installed("as2-venv", "requirements.txt", |home| {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(home));
        let python = home.join("bin/python");
        let requirements = scripts().join("requirements.txt");
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--no-deps", "-r"]).arg(requirements));
        run(Command::new(&python).arg(scripts().join("patch.py")));
    });
    Partner::start(Command::new(home.join("bin/python")).arg(scripts().join("pyas2.py")))
}

/// How a message is protected.
#[derive(Clone, Copy, Debug, Default)]
struct Case {
    sign: Option<Digest>,
    encrypt: Option<Cipher>,
    compress: bool,
}

impl Case {
    /// All combinations of the three protections, and every algorithm once.
    fn all(sha1: bool) -> Vec<Self> {
        let plain = Self::default();
        let mut cases = Vec::new();
        for sign in [None, Some(Digest::Sha256)] {
            for encrypt in [None, Some(Cipher::Aes256Cbc)] {
                cases.extend([false, true].map(|compress| Self { sign, encrypt, compress }));
            }
        }
        let digests = [Digest::Sha384, Digest::Sha512].into_iter().chain(sha1.then_some(Digest::Sha1));
        cases.extend(digests.map(|digest| Self { sign: Some(digest), encrypt: Some(Cipher::Aes128Cbc), ..plain }));
        let ciphers = [Cipher::Aes128Cbc, Cipher::Aes192Cbc, Cipher::TripleDes];
        cases.extend(ciphers.map(|cipher| Self { sign: Some(Digest::Sha256), encrypt: Some(cipher), compress: true }));
        cases
    }

    fn command(&self, what: &str, names: &Names, folder: &Path) -> Value {
        let cipher = self.encrypt.map(|cipher| match cipher {
            Cipher::Aes128Cbc => "aes_128_cbc",
            Cipher::Aes192Cbc => "aes_192_cbc",
            Cipher::TripleDes => "tripledes_192_cbc",
            _ => "aes_256_cbc",
        });
        let [ours, theirs] = identities();
        json!({
            "do": what, "partner": names.theirs.as_str(), "sluice": names.ours.as_str(),
            "partner_key": key_file(theirs), "sluice_certificate": ours.certificate().to_pem(),
            "sign": self.sign.map(Digest::plain_name), "encrypt": cipher, "compress": self.compress,
            "document": folder.join("document"), "message": folder.join("message"), "receipt": folder.join("receipt"),
        })
    }
}

/// Sends a document to the partner, and reads its receipt.
fn to_partner(partner: &mut Partner, case: &Case, names: &Names, document: &[u8], folder: &Path) {
    let [ours, theirs] = identities();
    let transport = KeyTransport::Pkcs1;
    let sent = Outgoing {
        from: &names.ours,
        to: &names.theirs,
        message_id: "<one@sluice.example>",
        at: AT.parse().expect("a time"),
        subject: Some("An invoice"),
        content_type: "application/edi-x12",
        file_name: Some("invoice 1.edi"),
        bytes: document,
        compress: case.compress,
        sign: case.sign.map(|digest| (digest, ours)),
        encrypt: case.encrypt.map(|cipher| Encryption { cipher, certificate: theirs.certificate(), transport }),
        receipt: Some(ReceiptWish { notify: "as2@sluice.example", signed: true, deliver_to: None }),
    };
    let sent = sent.build().expect("a message");
    fs::write(folder.join("message"), join(&sent.headers, &sent.body)).expect("a file");
    let answer = partner.ask(&case.command("receive", names, folder));
    assert_eq!(answer["status"], "processed", "{case:?}: {answer}");
    assert!(fs::read(folder.join("document")).expect("the document") == document, "{case:?}: another document came");
    assert_eq!(answer["signed"], case.sign.is_some(), "{case:?}");
    assert_eq!(answer["encrypted"], case.encrypt.is_some(), "{case:?}");
    assert_eq!(answer["compressed"], case.compress, "{case:?}");

    let (headers, body) = split(&folder.join("receipt"));
    let certificates = [theirs.certificate().clone()];
    let receipt = read(&headers, body, &certificates, &Digest::ALL, &Limits::default()).expect("a receipt");
    let expected = Expected { message_id: "<one@sluice.example>", mic: &sent.mic, signed: true };
    match receipt.judge(&expected) {
        Verdict::Accepted { warning: None } => assert!(case.sign.is_some(), "{case:?}"),
        // It has no MIC for what is not signed.
        Verdict::MicDifferent { theirs: None } => assert!(case.sign.is_none(), "{case:?}"),
        other => panic!("{case:?}: {other:?}"),
    }
}

/// Takes a document from the partner, and has it read our receipt.
fn from_partner(partner: &mut Partner, case: &Case, names: &Names, document: &[u8], kind: &str, folder: &Path) {
    let [ours, theirs] = identities();
    fs::write(folder.join("document"), document).expect("a file");
    let mut command = case.command("send", names, folder);
    command["content_type"] = kind.into();
    command["file_name"] = "order.edi".into();
    command["mdn"] = true.into();
    command["mdn_digest"] = "sha256".into();
    let answer = partner.ask(&command);

    let (headers, body) = split(&folder.join("message"));
    let envelope = Envelope::read(&headers).expect("an envelope");
    assert_eq!((&envelope.from, &envelope.to), (&names.theirs, &names.ours));
    let asked = envelope.receipt.as_ref().expect("it asks for a receipt");
    assert!(asked.signed && asked.unsupported.is_none());
    let certificates = [theirs.certificate().clone()];
    let policy = everything();
    let recipient = Recipient { ours: &[ours], partner: &certificates, policy: &policy, limits: Limits::default() };
    let received = open(&headers, body, &recipient).unwrap_or_else(|fault| panic!("{case:?}: {fault}"));
    assert!(received.document.bytes == document, "{case:?}: another document came");
    assert_eq!(received.document.content_type, kind);
    assert_eq!(received.document.file_name.as_deref(), Some("order.edi"));
    let had = received.protections;
    assert_eq!((had.signed, had.encrypted, had.compressed), (case.sign, case.encrypt, case.compress));
    let mic = answer["mic"].as_str();
    if let Some(mic) = mic {
        let digest = case.sign.expect("a digest");
        assert_eq!(Some(&received.mic), Mic::read(&format!("{mic}, {digest}")).as_ref(), "{case:?}");
    }

    write_receipt(folder, names, &envelope, &received);
    command["do"] = "receipt".into();
    command["message_id"] = answer["message_id"].clone();
    command["mic"] = answer["mic"].clone();
    let answer = partner.ask(&command);
    assert_eq!(answer, json!({"status": "processed", "detail": null}), "{case:?}");
}

const CRLF: &[u8] = b"ISA*00*~\r\nGS*PO~\r\n\r\nST*850*0001~\r\n";
const LF: &[u8] = b"ISA*00*~\nGS*PO~\n\nST*850*0001~\n\xC3\xA4 \x00\xFF";

#[test]
fn the_partner_accepts_what_we_send() {
    let (mut partner, (_keep, folder)) = (start(), folder());
    for case in Case::all(false) {
        for document in [CRLF, LF, b"", b"\n", b"no line break"] {
            to_partner(&mut partner, &case, &plain_names(), document, &folder);
        }
    }
    let case = Case { sign: Some(Digest::Sha256), encrypt: Some(Cipher::Aes256Cbc), ..Case::default() };
    for (ours, theirs) in [("Sluice Ltd", "A \"quoted\" name"), ("back\\slash", "semi;colon, comma"), ("a\"b", "x")] {
        to_partner(&mut partner, &case, &names(ours, theirs), CRLF, &folder);
    }
}

#[test]
fn we_accept_what_the_partner_sends() {
    let (mut partner, (_keep, folder)) = (start(), folder());
    for case in Case::all(true) {
        for (document, kind) in [(CRLF, "application/edi-x12"), (LF, "application/octet-stream")] {
            from_partner(&mut partner, &case, &plain_names(), document, kind, &folder);
        }
    }
    let case = Case { sign: Some(Digest::Sha256), encrypt: Some(Cipher::Aes256Cbc), ..Case::default() };
    for (ours, theirs) in [("Sluice Ltd", "A \"quoted\" name"), ("back\\slash", "semi;colon, comma"), ("a\"b", "x")] {
        from_partner(&mut partner, &case, &names(ours, theirs), CRLF, "application/edifact", &folder);
    }
}

#[test]
fn a_large_document_goes_both_ways() {
    let (mut partner, (_keep, folder)) = (start(), folder());
    let document: Vec<u8> = (0..30 << 20).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let case = Case { sign: Some(Digest::Sha256), encrypt: Some(Cipher::Aes256Cbc), compress: true };
    to_partner(&mut partner, &case, &plain_names(), &document, &folder);
    from_partner(&mut partner, &case, &plain_names(), &document, "application/octet-stream", &folder);
}

/// What one side refuses, the other reads as refused, with the reason.
#[test]
fn refusals_are_understood() {
    let (mut partner, (_keep, folder)) = (start(), folder());
    let ([ours, theirs], names) = (identities(), plain_names());
    let case = Case { sign: Some(Digest::Sha256), encrypt: Some(Cipher::Aes256Cbc), compress: false };
    let outgoing = Outgoing {
        from: &names.ours,
        to: &names.theirs,
        message_id: "<one@sluice.example>",
        at: AT.parse().expect("a time"),
        subject: None,
        content_type: "application/edi-x12",
        file_name: None,
        bytes: CRLF,
        compress: false,
        sign: Some((Digest::Sha256, ours)),
        encrypt: None,
        receipt: Some(ReceiptWish { notify: "as2@sluice.example", signed: true, deliver_to: None }),
    };
    let certificates = [theirs.certificate().clone()];
    let mut altered = outgoing.build().expect("a message");
    let at = altered.body.windows(3).position(|bytes| bytes == b"ISA").expect("the document");
    altered.body[at] = b'X';
    let signed_alone = Case { encrypt: None, ..case };
    for (sent, agreed, reason) in [
        (altered, signed_alone, "authentication-failed"),
        (outgoing.build().expect("a message"), case, "insufficient-message-security"),
    ] {
        fs::write(folder.join("message"), join(&sent.headers, &sent.body)).expect("a file");
        partner.ask(&agreed.command("receive", &names, &folder));
        let (headers, body) = split(&folder.join("receipt"));
        let receipt = read(&headers, body, &certificates, &Digest::ALL, &Limits::default()).expect("a receipt");
        let verdict = receipt.judge(&Expected { message_id: outgoing.message_id, mic: &sent.mic, signed: true });
        assert_eq!(verdict, Verdict::Rejected { reason: reason.to_owned() });
    }
    for (modifier, status) in
        [(Modifier::DecryptionFailed, "processed/error"), (Modifier::UnsupportedMicAlgorithms, "failed/failure")]
    {
        let receipt = Receipt {
            from: &names.ours,
            to: &names.theirs,
            message_id: "<two@sluice.example>",
            at: outgoing.at,
            original_message_id: "<three@partner.example>",
            disposition: &modifier.into(),
            mic: None,
            text: "The document was refused.",
            reporting_agent: "sluice.example; Sluice",
            sign: Some((Digest::Sha512, ours)),
        };
        let built = receipt.build().expect("a receipt");
        fs::write(folder.join("receipt"), join(&built.headers, &built.body)).expect("a file");
        let mut command = case.command("receipt", &names, &folder);
        command["message_id"] = "three@partner.example".into();
        command["mic"] = Value::Null;
        let answer = partner.ask(&command);
        assert_eq!(answer, json!({"status": status, "detail": modifier.to_string()}));
    }
}
