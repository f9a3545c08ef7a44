//! libas2, an AS2 in JavaScript over PKI.js: it encrypts with RSA-OAEP. It knows no compression, and Node lets it
//! decrypt nothing with PKCS#1 v1.5.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use sluice_as2::receipt::{Expected, SignatureState, Verdict, read};
use sluice_as2::{Cipher, Digest, Encryption, Envelope, KeyTransport, Limits, Outgoing, ReceiptWish, Recipient, open};

use crate::partner::{
    AT, Partner, everything, folder, identities, installed, join, plain_names, run, scripts, split, write_receipt,
};

const DOCUMENT: &[u8] = b"ISA*00*~\r\nGS*PO~\r\n\r\nST*850*0001~\r\n";

fn start() -> Partner {
    let home = installed("as2-npm", "libas2/package-lock.json", |home| {
        fs::create_dir_all(home).expect("a folder");
        for file in ["package.json", "package-lock.json"] {
            fs::copy(scripts().join("libas2").join(file), home.join(file)).expect("a copy");
        }
        run(Command::new("npm").args(["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(home));
    });
    fs::copy(scripts().join("libas2/main.js"), home.join("main.js")).expect("a copy");
    Partner::start(Command::new("node").arg("--no-deprecation").arg(home.join("main.js")))
}

type Case = (Option<Digest>, Option<Cipher>);

fn cases() -> Vec<Case> {
    let (sign, encrypt) = (Some(Digest::Sha256), Some(Cipher::Aes256Cbc));
    let digests = [Digest::Sha384, Digest::Sha512].map(|digest| (Some(digest), None));
    let ciphers = [Cipher::Aes128Cbc, Cipher::Aes192Cbc].map(|cipher| (sign, Some(cipher)));
    [(None, None), (sign, None), (None, encrypt), (sign, encrypt)].into_iter().chain(digests).chain(ciphers).collect()
}

fn command(what: &str, (sign, encrypt): Case, folder: &Path) -> Value {
    let cipher = encrypt.map(|cipher| match cipher {
        Cipher::Aes128Cbc => "aes128-CBC",
        Cipher::Aes192Cbc => "aes192-CBC",
        Cipher::TripleDes => "des-EDE3-CBC",
        _ => "aes256-CBC",
    });
    let ([ours, theirs], names) = (identities(), plain_names());
    json!({
        "do": what, "partner": names.theirs.as_str(), "sluice": names.ours.as_str(),
        "partner_private_key": *theirs.private_key_pem(), "partner_certificate": theirs.certificate().to_pem(),
        "sluice_certificate": ours.certificate().to_pem(), "sign": sign.map(|digest| digest.plain_name().replace("sha", "sha-")), "encrypt": cipher,
        "document": folder.join("document"), "message": folder.join("message"), "receipt": folder.join("receipt"),
        "content_type": "application/edi-x12", "file_name": "order.edi",
    })
}

#[test]
fn the_partner_accepts_what_we_send() {
    let (mut partner, (_keep, folder)) = (start(), folder());
    let ([ours, theirs], names) = (identities(), plain_names());
    for case in cases() {
        let certificate = theirs.certificate();
        let sent = Outgoing {
            from: &names.ours,
            to: &names.theirs,
            message_id: "<one@sluice.example>",
            at: AT.parse().expect("a time"),
            subject: None,
            content_type: "application/edi-x12",
            file_name: Some("invoice.edi"),
            bytes: DOCUMENT,
            compress: false,
            sign: case.0.map(|digest| (digest, ours)),
            encrypt: case.1.map(|cipher| Encryption { cipher, certificate, transport: KeyTransport::Oaep }),
            receipt: Some(ReceiptWish { notify: "as2@sluice.example", signed: true, deliver_to: None }),
        };
        let sent = sent.build().expect("a message");
        fs::write(folder.join("message"), join(&sent.headers, &sent.body)).expect("a file");
        let answer = partner.ask(&command("receive", case, &folder));
        assert_eq!(answer["disposition"]["disposition"]["processed"], true, "{case:?}: {answer}");
        // It counts the line break before a delimiter as the document's.
        let document = fs::read(folder.join("document")).expect("a document");
        assert_eq!(document.trim_ascii_end(), DOCUMENT.trim_ascii_end(), "{case:?}");
        let (headers, body) = split(&folder.join("receipt"));
        let receipt = read(&headers, body, std::slice::from_ref(certificate), &Digest::ALL, &Limits::default())
            .expect("a receipt");
        assert!(matches!(receipt.signature, SignatureState::Good(_)), "{case:?}: {receipt:?}");
        let verdict = receipt.judge(&Expected { message_id: "<one@sluice.example>", mic: &sent.mic, signed: true });
        match verdict {
            Verdict::Accepted { warning: None } => assert!(case.0.is_some(), "{case:?}"),
            // It has no MIC for what is not signed.
            Verdict::MicDifferent { theirs: None } => assert!(case.0.is_none(), "{case:?}"),
            other => panic!("{case:?}: {other:?}, we sent {}: {receipt:?}", sent.mic),
        }
    }
}

#[test]
fn we_accept_what_the_partner_sends() {
    let (mut partner, (_keep, folder)) = (start(), folder());
    let ([ours, theirs], names) = (identities(), plain_names());
    for case in cases().into_iter().chain([(Some(Digest::Sha1), Some(Cipher::TripleDes))]) {
        fs::write(folder.join("document"), DOCUMENT).expect("a file");
        let answer = partner.ask(&command("send", case, &folder));
        assert_eq!(answer["error"], Value::Null, "{case:?}");
        let (headers, body) = split(&folder.join("message"));
        let envelope = Envelope::read(&headers).expect("an envelope");
        let certificates = [theirs.certificate().clone()];
        let policy = everything();
        let recipient = Recipient { ours: &[ours], partner: &certificates, policy: &policy, limits: Limits::default() };
        let received = open(&headers, body, &recipient).unwrap_or_else(|fault| panic!("{case:?}: {fault}"));
        assert_eq!(received.document.bytes, DOCUMENT, "{case:?}");
        assert_eq!((received.protections.signed, received.protections.encrypted), case);
        write_receipt(&folder, &names, &envelope, &received);
        let answer = partner.ask(&command("receipt", case, &folder));
        let notification = &answer["disposition"];
        assert_eq!(notification["disposition"]["processed"], true, "{case:?}: {answer}");
        assert_eq!(notification["originalMessageId"], envelope.message_id.as_str(), "{case:?}: {answer}");
    }
}
