//! Certificates of every kind, and what only looks like one.

use rcgen::{CertificateParams, DnType, KeyPair, RsaKeySize, SerialNumber, date_time_ymd};

use super::*;

/// 2026-01-31T00:00:00Z
pub(crate) const NOW: Millis = Millis(1_769_817_600_000);

/// An RSA certificate of 1,024 bits, which `rcgen` does not make, good until 2126.
const WEAK: &str = include_str!("rsa1024.pem");

/// A certificate with an Ed448 key, which nothing here could use.
const ED448: &str = "-----BEGIN CERTIFICATE-----
MIIBgjCCAQKgAwIBAgIUapfi/Y+fEjXmSZ8tRSL86t2JJ3kwBQYDK2VxMBAxDjAM
BgNVBAMMBWVkNDQ4MCAXDTI2MTEyNjIzMzcwMFoYDzIxMjYxMTAyMjMzNzAwWjAQ
MQ4wDAYDVQQDDAVlZDQ0ODBDMAUGAytlcQM6ALDuZPFqDwifqnJAdYLIUdDBvas/
4UDtoAT5trtoGzRGm16dVTYE6PlFgCBv/OTld81K2Oz0DmLuAKNTMFEwHQYDVR0O
BBYEFJF5jQUIB0E70M68CA7koYSMLmSUMB8GA1UdIwQYMBaAFJF5jQUIB0E70M68
CA7koYSMLmSUMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VxA3MARAFHEqeSm4xoahGl
HT79As5v2cBTEmu+3M065f8NGfppQ8KokLiI5u2VdbbNGAOiNrX2J73JnxCA3b+d
HQyBOLcbH4fyYGuw3Rypb7lgdWDQy7zN/ggCb0R6dCJncs5WmRG09l7/M5MTiiW+
3zUHLw8A
-----END CERTIFICATE-----";

pub(crate) fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from_slice(&[0x9a, 0xbc, 0x01]));
    (params.not_before, params.not_after) = (date_time_ymd(2025, 1, 1), date_time_ymd(2030, 1, 1));
    params
}

fn key_of(algorithm: &'static rcgen::SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(algorithm).expect("a key")
}

fn made(params: &CertificateParams, key: &KeyPair) -> rcgen::Certificate {
    params.self_signed(key).expect("a certificate")
}

pub(crate) fn rsa(params: &CertificateParams) -> rcgen::Certificate {
    made(params, &key_of(&rcgen::PKCS_RSA_SHA256))
}

pub(crate) fn ec(params: &CertificateParams) -> rcgen::Certificate {
    made(params, &key_of(&rcgen::PKCS_ECDSA_P256_SHA256))
}

#[test]
fn a_certificate_says_what_it_is() {
    let certificate = ec(&params("as2.example.com, Ltd"));
    let read = Certificate::read(&certificate.pem()).expect("a certificate");
    assert_eq!((&*read.subject, &*read.issuer), ("CN=as2.example.com\\, Ltd", "CN=as2.example.com\\, Ltd"));
    assert_eq!(read.serial, "9abc01");
    assert_eq!(read.fingerprint, hex::encode(Sha256::digest(certificate.der())));
    assert_eq!(read.not_before.to_string(), "2025-01-01T00:00:00.000Z");
    assert_eq!(read.not_after.to_string(), "2030-01-01T00:00:00.000Z");
    // However it is written, it is the same certificate.
    let base64 = BASE64.encode(certificate.der());
    let explained = format!("Bag Attributes\n  friendlyName: us\n{}", certificate.pem().replace('\n', "\r\n"));
    for text in [&*read.pem, &base64, &explained, &format!("\n {base64}\n")] {
        assert_eq!(Certificate::read(text).as_ref(), Ok(&read), "{text}");
    }
    assert!(read.pem.lines().all(|line| line.len() <= 64) && read.pem.ends_with("-----END CERTIFICATE-----\n"));
}

#[test]
fn keys_have_a_kind_and_a_size() {
    let rsa = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_3072).expect("a key");
    for (key, facts) in [
        (key_of(&rcgen::PKCS_RSA_SHA256), (KeyType::Rsa, 2_048)),
        (rsa, (KeyType::Rsa, 3_072)),
        (key_of(&rcgen::PKCS_ECDSA_P256_SHA256), (KeyType::Ec, 256)),
        (key_of(&rcgen::PKCS_ECDSA_P384_SHA384), (KeyType::Ec, 384)),
        (key_of(&rcgen::PKCS_ECDSA_P521_SHA512), (KeyType::Ec, 521)),
        (key_of(&rcgen::PKCS_ED25519), (KeyType::Ed25519, 256)),
    ] {
        let read = Certificate::read(&made(&params("a"), &key).pem()).expect("a certificate");
        assert_eq!((read.key_type, read.key_bits), facts);
    }
    assert_eq!(Certificate::read(WEAK), Err(CertificateError::KeySize(1_024)));
    assert_eq!(Certificate::read(ED448), Err(CertificateError::KeyType));
    let words = CertificateError::KeySize(1_024).to_string();
    assert!(words.contains("1024 bits") && words.contains("2048") && words.contains("8192"), "{words}");
}

#[test]
fn it_is_over_after_its_last_second() {
    let mut params = params("a");
    let (begin, end) = (Millis(1_704_067_200_000), Millis(1_767_225_600_000));
    (params.not_before, params.not_after) = (date_time_ymd(2024, 1, 1), date_time_ymd(2026, 1, 1));
    let read = Certificate::read(&ec(&params).pem()).expect("a certificate");
    assert_eq!((read.not_before, read.not_after), (begin, end));
    assert_eq!((read.check(Millis(begin.0 - 1)), read.check(end)), (Ok(()), Ok(())));
    assert_eq!(read.check(Millis(end.0 + 1)), Err(CertificateError::Expired(end)));
    assert_eq!(read.check(NOW).map_err(|error| error.to_string()), Err("expired at 2026-01-01T00:00:00.000Z".into()));
    // One without an end can be shown too.
    params.not_after = date_time_ymd(9_999, 12, 31);
    let endless = Certificate::read(&ec(&params).pem()).expect("a certificate");
    assert_eq!((endless.check(NOW), &endless.not_after.to_string()[..10]), (Ok(()), "9999-12-30"));
}

#[test]
fn what_is_no_certificate_is_named() {
    let key = key_of(&rcgen::PKCS_ECDSA_P256_SHA256);
    let pem = made(&params("a"), &key).pem();
    let private = CertificateError::PrivateKey;
    let bundle = |label: &str| format!("-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n");
    for (text, error) in [
        (key.serialize_pem(), private),
        (format!("{pem}{}", key.serialize_pem()), private),
        (BASE64.encode(key.serialized_der()), private),
        (bundle("OPENSSH PRIVATE KEY"), private),
        (format!("{pem}{pem}"), CertificateError::Several),
        (bundle("CERTIFICATE REQUEST"), CertificateError::Other("a request")),
        (bundle("PUBLIC KEY"), CertificateError::Other("a public key")),
        (bundle("PKCS7"), CertificateError::Other("a PKCS#7 bundle")),
        (bundle("DH PARAMETERS"), CertificateError::Malformed),
        (bundle("CERTIFICATE"), CertificateError::Malformed),
        (String::new(), CertificateError::Malformed),
        ("not base64!".to_owned(), CertificateError::Malformed),
        (pem.replace("-----END CERTIFICATE-----", ""), CertificateError::Malformed),
        (pem.replace("-----END CERTIFICATE-----", "-----END CERTIFICATES-----"), CertificateError::Malformed),
        (pem.replace("-----END", "MAA=-----END"), CertificateError::Malformed),
        ("-----BEGIN CERTIFICATE".to_owned(), CertificateError::Malformed),
        ("A".repeat(MAX_CERTIFICATE_BYTES), CertificateError::Malformed),
        ("A".repeat(MAX_CERTIFICATE_BYTES + 1), CertificateError::TooLong),
    ] {
        assert_eq!(Certificate::read(&text), Err(error), "{text}");
    }
    let long = Certificate::read(&ec(&params(&"n".repeat(MAX_NAME_BYTES - 3))).pem());
    assert_eq!(long.map(|read| read.subject.len()), Ok(MAX_NAME_BYTES));
    let longer = Certificate::read(&ec(&params(&"n".repeat(MAX_NAME_BYTES - 2))).pem());
    assert_eq!(longer, Err(CertificateError::NameTooLong));
}

mod fuzz {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> &'static [u8] {
        static SAMPLE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        SAMPLE.get_or_init(|| ec(&params("fuzz")).der().to_vec())
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_or_refused(text in "(-----(BEGIN|END) [A-Z ]{0,16}-----|[A-Za-z0-9+/= \n]{0,40}|\\PC){0,12}") {
            let _ = Certificate::read(&text);
        }

        #[test]
        fn whatever_is_changed_in_a_certificate_is_read_or_refused(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            cut: prop::sample::Index,
            cuts: bool,
        ) {
            let mut der = sample().to_vec();
            for (place, byte) in changes {
                let place = place.index(der.len());
                der[place] = byte;
            }
            if cuts {
                der.truncate(cut.index(der.len()));
            }
            if let Ok(read) = Certificate::read(&BASE64.encode(&der)) {
                // Whatever it says can be written, and read again.
                prop_assert_eq!(Certificate::read(&read.pem), Ok(read.clone()));
                prop_assert!(serde_json::to_string(&read).is_ok());
            }
        }
    }
}
