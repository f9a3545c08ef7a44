//! Chains and keys in every form that they come in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
    PKCS_RSA_SHA256, SerialNumber, date_time_ymd,
};

use sha2::{Digest as _, Sha256};

use super::*;

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
    params.serial_number = Some(SerialNumber::from_slice(&[0x01, 0xab]));
    params.not_after = date_time_ymd(2031, 2, 3);
    params
}

fn self_signed(key: &KeyPair) -> String {
    params("gateway").self_signed(key).expect("a certificate").pem()
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// What stands in the octet string of a PKCS#8 key: the key in its older form.
fn inner<'a>(pkcs8: &'a [u8], start: &[u8]) -> &'a [u8] {
    let at = pkcs8.windows(start.len()).position(|window| window == start).expect("the inner key");
    &pkcs8[at..]
}

#[test]
fn a_certificate_without_an_end_can_be_shown() {
    let key = KeyPair::generate().expect("a key");
    let mut endless = params("gateway");
    endless.not_after = date_time_ymd(9999, 12, 31);
    let chain = Chain::read(&endless.self_signed(&key).expect("a certificate").pem()).expect("a chain");
    assert!(chain.summary.not_after.to_string().starts_with("9999-12-30"), "{:?}", chain.summary.not_after.0);
}

#[test]
fn the_first_certificate_is_summed_up() {
    let (authority, key) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
    let mut issuer = params("authority");
    issuer.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = issuer.self_signed(&authority).expect("a certificate");
    let own = params("gateway").signed_by(&key, &Issuer::new(issuer, &authority)).expect("a certificate");
    let text = format!("Subject: CN=gateway\r\n{}\nissued by\n{}", own.pem(), root.pem());
    let chain = Chain::read(&text).expect("a chain");
    assert_eq!(chain.certificates.len(), 2);
    let expected = Summary {
        subject: r"O=Example\, Inc.,CN=gateway".to_owned(),
        serial: "01ab".to_owned(),
        sha256_fingerprint: hex::encode(Sha256::digest(own.der())),
        not_after: "2031-02-03T00:00:00Z".parse().expect("a time"),
    };
    assert_eq!(chain.summary, expected);
    let keyed = |key: &KeyPair| chain.matches(read_private_key(&key.serialize_pem()).expect("a key"));
    assert_eq!(keyed(&key), Ok(()));
    assert_eq!(keyed(&authority), Err(Mismatch::PrivateKey("is not the private key of the first certificate")));
}

#[test]
fn keys_are_read_in_all_their_forms() {
    let generate = |algorithm| KeyPair::generate_for(algorithm).expect("a key");
    let (p256, p384, rsa) =
        (KeyPair::generate().expect("a key"), generate(&PKCS_ECDSA_P384_SHA384), generate(&PKCS_RSA_SHA256));
    let sec1 = pem("EC PRIVATE KEY", inner(p256.serialized_der(), &[0x30, 0x6b, 0x02, 0x01, 0x01]));
    // OpenSSL writes the curve before the key.
    let sec1 = format!("{}{sec1}", pem("EC PARAMETERS", &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]));
    let modulus = [0x02, 0x01, 0x00, 0x02, 0x82, 0x01, 0x01];
    let pkcs8 = rsa.serialized_der();
    let at = pkcs8.windows(modulus.len()).position(|window| window == modulus).expect("the inner key");
    let pkcs1 = pem("RSA PRIVATE KEY", &pkcs8[at - 4..]);
    let ed25519 = generate(&PKCS_ED25519);
    for (key, text) in [
        (&p256, p256.serialize_pem()),
        (&p256, sec1),
        (&p384, p384.serialize_pem()),
        (&rsa, rsa.serialize_pem()),
        (&rsa, pkcs1),
        (&ed25519, ed25519.serialize_pem()),
    ] {
        let chain = Chain::read(&self_signed(key)).expect("a chain");
        assert_eq!(chain.matches(read_private_key(&text).expect("a key")), Ok(()), "{text}");
    }
}

#[test]
fn what_is_no_chain_is_refused_in_words() {
    let key = KeyPair::generate().expect("a key");
    let good = self_signed(&key);
    for (text, words) in [
        (String::new(), "must be a PEM text"),
        (" \n".to_owned(), "must be a PEM text"),
        ("••••••••".to_owned(), "must be a PEM text"),
        (format!("{good}\u{7}"), "must be a PEM text"),
        ("x".repeat(MAX_PEM + 1), "must have at most 65536 bytes"),
        ("no PEM".to_owned(), "contains no certificate"),
        (pem("DH PARAMETERS", b"abc"), "contains no certificate"),
        (good.replace("-----END CERTIFICATE-----", ""), "is not a complete PEM text"),
        (good.replace('M', "*"), "is not a complete PEM text"),
        (format!("{good}{}", key.serialize_pem()), "contains a private key, which belongs into private_key_pem"),
        (key.public_key_pem(), "contains something else than certificates"),
        (pem("CERTIFICATE", b"abc"), "the first certificate cannot be read"),
        (pem("CERTIFICATE", b""), "the first certificate cannot be read"),
        (format!("{good}{}", pem("CERTIFICATE", b"abc")), "a certificate after the first cannot be read"),
        (good.repeat(11), "contains more than 10 certificates"),
    ] {
        assert_eq!(Chain::read(&text).err(), Some(words), "{text}");
    }
}

#[test]
fn what_is_no_key_is_refused_in_words() {
    let key = KeyPair::generate().expect("a key");
    let (good, chain) = (key.serialize_pem(), Chain::read(&self_signed(&key)).expect("a chain"));
    const ENCRYPTED: &str = "is encrypted: remove the passphrase, for the key is stored encrypted anyway";
    for (text, words) in [
        (String::new(), "must be a PEM text"),
        (format!("{good}\u{7}"), "must be a PEM text"),
        ("x".repeat(MAX_PEM + 1), "must have at most 65536 bytes"),
        ("no PEM".to_owned(), "contains no private key in the form PKCS#8, SEC 1 or PKCS#1"),
        (pem("OPENSSH PRIVATE KEY", b"abc"), "contains no private key in the form PKCS#8, SEC 1 or PKCS#1"),
        (pem("ENCRYPTED PRIVATE KEY", b"abc"), ENCRYPTED),
        (good.replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\n"), ENCRYPTED),
        (good.replace("-----END", ""), "is not a complete PEM text"),
        (self_signed(&key), "contains a certificate, which belongs into certificate_pem"),
        (key.public_key_pem(), "contains something else than a private key"),
        (good.repeat(2), "contains more than one private key"),
    ] {
        assert_eq!(read_private_key(&text).err(), Some(words), "{text}");
    }
    let nonsense = read_private_key(&pem("PRIVATE KEY", b"abc")).expect("only TLS can tell");
    assert!(matches!(chain.matches(nonsense), Err(Mismatch::PrivateKey(words)) if words.contains("that TLS can use")));
}

mod fuzz {
    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(-----(BEGIN|END) (CERTIFICATE|PRIVATE KEY|RSA PRIVATE KEY|X)-----|[A-Za-z0-9+/=\n]{0,8}|\\PC){0,12}") {
            if let Ok(chain) = Chain::read(&text) {
                prop_assert!((1..=MAX_CERTIFICATES).contains(&chain.certificates.len()));
            }
            let _ = read_private_key(&text);
        }

        #[test]
        fn any_change_to_a_certificate_or_a_key_is_read_or_refused(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            end in any::<prop::sample::Index>(),
        ) {
            let key = KeyPair::generate().expect("a key");
            let certificate = params("gateway").self_signed(&key).expect("a certificate");
            let changed = |der: &[u8]| {
                let mut der = der.to_vec();
                for (at, byte) in &changes {
                    let at = at.index(der.len());
                    der[at] = *byte;
                }
                der.truncate(der.len().max(20) - end.index(20));
                der
            };
            let text = pem("CERTIFICATE", &changed(certificate.der()));
            let private_key = read_private_key(&pem("PRIVATE KEY", &changed(key.serialized_der()))).expect("a section");
            if let Ok(chain) = Chain::read(&text) {
                prop_assert!(chain.summary.sha256_fingerprint.len() == 64);
                let _ = chain.matches(private_key);
            }
        }
    }
}
