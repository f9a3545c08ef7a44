//! A large message is made and opened in a few times its size. Alone in its process, because it reads the process's
//! peak of memory, which Linux tells.

#![cfg(target_os = "linux")]

use std::fs;

use sluice_as2::keys::generate;
use sluice_as2::{As2Name, Cipher, Digest, Encryption, KeyTransport, Limits, Outgoing, Policy, Recipient, open};

const SIZE: usize = 30 << 20;

/// The most bytes that were in use at once meanwhile, beyond those before, in sizes of the document.
fn peak<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let status = |field: &str| {
        let status = fs::read_to_string("/proc/self/status").expect("the status");
        let line = status.lines().find(|line| line.starts_with(field)).expect("the field").to_owned();
        line.split_whitespace().nth(1).and_then(|digits| digits.parse::<f64>().ok()).expect("a number") * 1_024.0
    };
    fs::write("/proc/self/clear_refs", "5").expect("the peak can be reset");
    let before = status("VmRSS:");
    let result = work();
    (result, (status("VmHWM:") - before) / SIZE as f64)
}

#[test]
fn a_large_message_takes_a_few_times_its_size() {
    let date = |text: &str| text.parse().expect("a date");
    let identity = generate("x", date("2020-01-01T00:00:00Z"), date("2049-01-01T00:00:00Z")).expect("a key");
    let (name, policy) = (As2Name::new("x").expect("a name"), Policy::default());
    let partner = [identity.certificate().clone()];
    let recipient = Recipient { ours: &[&identity], partner: &partner, policy: &policy, limits: Limits::default() };
    let document: Vec<u8> = (0_u32..).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).take(SIZE).collect();
    for compress in [false, true] {
        let outgoing = Outgoing {
            from: &name,
            to: &name,
            message_id: "<1@x>",
            at: date("2026-11-27T10:00:00Z"),
            subject: None,
            content_type: "application/octet-stream",
            file_name: None,
            bytes: &document,
            compress,
            sign: Some((Digest::Sha256, &identity)),
            encrypt: Some(Encryption {
                cipher: Cipher::Aes256Cbc,
                certificate: identity.certificate(),
                transport: KeyTransport::Pkcs1,
            }),
            receipt: None,
        };
        let (sent, made) = peak(|| outgoing.build().expect("a message"));
        let (received, opened) = peak(|| open(&sent.headers, sent.body, &recipient).expect("a document"));
        assert!(received.document.bytes == document);
        assert!(made < 4.0, "{made} times its size to make it");
        assert!(opened < 2.5, "{opened} times its size, beside itself, to open it");
    }
}
