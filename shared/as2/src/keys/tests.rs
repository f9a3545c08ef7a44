//! Tests of keys and certificates.

use std::sync::OnceLock;

use aws_lc_rs::rsa::KeySize;
use jiff::Timestamp;
use rcgen::{CertificateParams, PKCS_ECDSA_P256_SHA256};

use super::generate::of_size;
use super::*;
use crate::algorithms::Digest;
use crate::asn1::ber::{OCTET_STRING, SEQUENCE, Value};

/// Three keys: ours, the partner's and a stranger's, whose certificates have other names and numbers.
pub(crate) fn identities() -> &'static [Identity; 3] {
    static IDENTITIES: OnceLock<[Identity; 3]> = OnceLock::new();
    IDENTITIES.get_or_init(|| ["ours", "theirs", "stranger"].map(fresh))
}

pub(crate) fn fresh(name: &str) -> Identity {
    of_size(KeySize::Rsa2048, name, date("2020-01-01"), date("2049-12-31")).expect("a key")
}

fn date(text: &str) -> Timestamp {
    format!("{text}T00:00:00Z").parse().expect("a date")
}

fn pkcs1(identity: &Identity) -> String {
    let mut fields = Value::first(identity.pkcs8()).expect("PKCS#8").children().expect("fields");
    fields.next().expect("the version");
    fields.expect(SEQUENCE).expect("the algorithm");
    let key = fields.expect(OCTET_STRING).expect("the key").body().to_vec();
    pem::encode(&pem::Pem::new("RSA PRIVATE KEY", key))
}

#[test]
fn a_generated_key_is_3072_bits_and_can_be_stored_and_read() {
    let identity = generate("Ärger & Söhne", date("2026-01-01"), date("2029-01-01")).expect("a key");
    assert_eq!(identity.certificate().key_bits(), 3_072);
    let certificate = identity.certificate().to_pem();
    let again = Identity::of_pem(&identity.private_key_pem(), &certificate).expect("the same");
    assert_eq!(again.certificate(), identity.certificate());
    let renewed = renew(&identity, "Ärger & Söhne", date("2028-01-01"), date("2031-01-01")).expect("a certificate");
    assert_eq!(renewed.pkcs8(), identity.pkcs8());
    assert_ne!(renewed.certificate().fingerprint(), identity.certificate().fingerprint());
    assert_eq!(identity.certificate().fingerprint().len(), 64);
}

#[test]
fn both_formats_of_private_keys_are_read() {
    let [ours, theirs, _] = identities();
    let certificate = ours.certificate().to_pem();
    for key in [(*ours.private_key_pem()).clone(), pkcs1(ours), format!("Bag Attributes\n  x: y\n{}", pkcs1(ours))] {
        let identity = Identity::of_pem(&key, &certificate).expect("a key");
        assert_eq!(identity.pkcs8(), ours.pkcs8());
    }
    assert_eq!(Identity::of_pem(&pkcs1(theirs), &certificate).err(), Some(KeyError::Mismatch));
}

#[test]
fn what_cannot_be_used_is_refused_with_the_reason() {
    let [ours, ..] = identities();
    let certificate = ours.certificate().to_pem();
    let key = |tag: &str| pem::encode(&pem::Pem::new(tag, vec![0x30, 0]));
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let keys = [
        ("nonsense".to_owned(), KeyError::PrivateKey),
        (certificate.clone(), KeyError::PrivateKey),
        (key("PRIVATE KEY"), KeyError::PrivateKey),
        (key("ENCRYPTED PRIVATE KEY"), KeyError::Encrypted),
        (old.to_owned(), KeyError::Encrypted),
        (key("EC PRIVATE KEY"), KeyError::NotRsa),
    ];
    for (key, reason) in keys {
        assert_eq!(Identity::of_pem(&key, &certificate).err(), Some(reason), "{key}");
    }
    let elliptic = rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    let other = CertificateParams::default().self_signed(&elliptic).expect("a certificate").pem();
    assert_eq!(Identity::of_pem(&elliptic.serialize_pem(), &certificate).err(), Some(KeyError::NotRsa));
    let certificates = [
        (other, KeyError::NotRsa),
        (format!("{certificate}{certificate}"), KeyError::SeveralCertificates),
        ((*ours.private_key_pem()).clone(), KeyError::Certificate),
        (pem::encode(&pem::Pem::new("CERTIFICATE", vec![0x30, 1, 2])), KeyError::Certificate),
    ];
    for (certificate, reason) in certificates {
        assert_eq!(Certificate::of_pem(&certificate).err(), Some(reason), "{certificate}");
    }
    // The modulus loses its upper half: an RSA key of 1,024 bits.
    let der = shortened(ours.certificate().der());
    assert_eq!(Certificate::of_der(&der).err(), Some(KeyError::KeySize(1_024)));
    assert!(KeyError::KeySize(1_024).to_string().contains("1024 bits: at least 2048"));
}

/// Writes zeros over the first half of the modulus of 2,048 bits, and makes the bit after them one.
fn shortened(certificate: &[u8]) -> Vec<u8> {
    let modulus = [0x02, 0x82, 0x01, 0x01, 0x00];
    let at = certificate.windows(5).position(|bytes| bytes == modulus).expect("the modulus") + 5;
    let mut der = certificate.to_vec();
    der[at..at + 128].fill(0);
    der[at + 128] |= 0x80;
    der
}

#[test]
fn keys_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Identity>();
    shared::<Certificate>();
}

#[test]
fn no_secret_is_in_a_debug_text() {
    let [ours, ..] = identities();
    let text = format!("{ours:?}");
    assert!(text.contains(&ours.certificate().fingerprint()) && text.len() < 200, "{text}");
}

#[test]
fn a_bad_key_transport_yields_a_key_that_opens_nothing_and_stays_the_same() {
    let [ours, theirs, _] = identities();
    for padding in [Padding::Pkcs1, Padding::Oaep(Digest::Sha256)] {
        for (size, noise) in
            [(16, vec![1; 256]), (32, vec![2; 256]), (24, vec![3; 255]), (32, Vec::new()), (32, vec![0; 4_096])]
        {
            let (key, genuine) = ours.content_key(padding, &noise, size);
            assert!(!genuine && key.len() == size);
            assert_eq!(ours.content_key(padding, &noise, size).0, key);
            assert_ne!(theirs.content_key(padding, &noise, size).0, key);
        }
    }
}

mod fuzz {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_certificate_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Certificate::of_der(&bytes);
            let _ = Identity::of_pkcs12(&bytes, "password");
        }

        #[test]
        fn changed_certificates_and_keys_are_read_or_refused(at in any::<prop::sample::Index>(), byte in any::<u8>(), end in any::<prop::sample::Index>()) {
            let [ours, ..] = identities();
            let mut der = ours.certificate().der().to_vec();
            let at = at.index(der.len());
            der[at] = byte;
            let _ = Certificate::of_der(&der);
            der.truncate(end.index(der.len()));
            let _ = Certificate::of_der(&der);
            let mut key = ours.pkcs8().to_vec();
            key.truncate(end.index(key.len()));
            prop_assert!(Identity::of_der(&key, ours.certificate().clone()).is_err());
        }
    }
}
