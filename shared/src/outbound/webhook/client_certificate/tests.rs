//! What a user writes, against what is stored already.

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use serde_json::{Value, json};

use super::*;
use crate::domain::scope::Environment;
use crate::outbound::kind::Refusal;
use crate::ports::{Clock, Ports, System};
use crate::secrets::Keyring;

/// A clock that stands still in a year.
struct Year(i64);

impl Clock for Year {
    fn now(&self) -> Millis {
        Millis((self.0 - 1970) * 31_557_600_000)
    }
}

struct Desk {
    keys: Keyring,
    vault: Vault,
    scope: Scope,
}

impl Desk {
    fn new() -> Self {
        Self::of(Keyring::throwaway(&Ports::system()).expect("keys"), Year(2026))
    }

    fn of(keys: Keyring, clock: Year) -> Self {
        let scope = Scope { tenant: "acme".parse().expect("a tenant"), environment: Environment::Production };
        Self { vault: Vault::new(keys.clone(), Ports::new(clock, System)), keys, scope }
    }

    /// The certificate to store, or the faults as pointers and messages.
    fn write(
        &self,
        written: Value,
        kept: Option<&StoredCertificate>,
    ) -> Result<StoredCertificate, Vec<(String, String)>> {
        let written: ClientCertificate = serde_json::from_value(written).expect("a shape");
        let mut faults = Faults::default();
        let checked = written.check(&mut faults, &self.vault, &self.scope, kept).expect("keys");
        match faults.finish(checked) {
            Ok(checked) => Ok(checked.seal(&self.vault, &self.scope).expect("keys")),
            Err(Refusal::Faults(faults)) => {
                Err(faults.into_iter().map(|fault| (fault.pointer, fault.message)).collect())
            }
            Err(other) => panic!("{other}"),
        }
    }
}

/// A certificate that ends in that year, and its key.
fn issue(year: i32, key: &KeyPair) -> Value {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "gateway");
    params.not_after = date_time_ymd(year, 1, 1);
    let certificate = params.self_signed(key).expect("a certificate");
    json!({"certificate_pem": certificate.pem(), "private_key_pem": key.serialize_pem()})
}

fn with(mut written: Value, field: &str, value: impl Into<Value>) -> Value {
    written[field] = value.into();
    written
}

#[test]
fn what_is_shown_can_be_written_back() {
    let (desk, key) = (Desk::new(), KeyPair::generate().expect("a key"));
    let stored = desk.write(issue(2030, &key), None).expect("good");
    let shown = json!(stored.show());
    assert_eq!((&shown["private_key_pem"], &shown["not_after"]), (&json!(MASK), &json!("2030-01-01T00:00:00.000Z")));
    let again = desk.write(shown.clone(), Some(&stored)).expect("the same");
    assert_eq!((json!(again.show()), again.private_key_pem.text()), (shown, stored.private_key_pem.text()));
    assert!(again.identity(&desk.vault, &desk.scope).is_ok());
}

#[test]
fn a_kept_key_must_fit_a_new_certificate() {
    let (desk, key, other) = (Desk::new(), KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
    let stored = desk.write(issue(2030, &key), None).expect("good");
    let renewed = with(issue(2035, &key), "private_key_pem", MASK);
    assert!(desk.write(renewed, Some(&stored)).is_ok(), "renewed under the same key");
    let foreign = with(issue(2035, &other), "private_key_pem", MASK);
    let faults = desk.write(foreign, Some(&stored)).err().expect("another key");
    assert_eq!(faults, [(PRIVATE_KEY.to_owned(), "is not the private key of the first certificate".to_owned())]);
}

#[test]
fn an_expired_certificate_is_refused_and_one_that_has_expired_since_stays() {
    let (desk, key) = (Desk::new(), KeyPair::generate().expect("a key"));
    let faults = desk.write(issue(2020, &key), None).err().expect("expired");
    assert_eq!(faults, [(CERTIFICATE.to_owned(), "expired at 2020-01-01T00:00:00.000Z".to_owned())]);
    let stored = desk.write(issue(2030, &key), None).expect("good");
    let later = Desk::of(desk.keys.clone(), Year(2040));
    assert!(later.write(json!(stored.show()), Some(&stored)).is_ok());
    assert!(later.write(issue(2030, &key), None).is_err());
}

#[test]
fn each_fault_points_to_its_field() {
    let (desk, key) = (Desk::new(), KeyPair::generate().expect("a key"));
    let good = issue(2030, &key);
    let (certificate, private_key) = (good["certificate_pem"].clone(), good["private_key_pem"].clone());
    for (written, pointers) in [
        (with(good.clone(), "certificate_pem", private_key.clone()), &[CERTIFICATE][..]),
        (with(good.clone(), "private_key_pem", certificate.clone()), &[PRIVATE_KEY]),
        (with(good.clone(), "private_key_pem", MASK), &[PRIVATE_KEY]),
        (with(good.clone(), "certificate_pem", ""), &[CERTIFICATE]),
        (json!({"certificate_pem": private_key, "private_key_pem": certificate}), &[CERTIFICATE, PRIVATE_KEY]),
        (
            json!({"certificate_pem": "x".repeat(10 << 20), "private_key_pem": "x".repeat(10 << 20)}),
            &[CERTIFICATE, PRIVATE_KEY],
        ),
    ] {
        let faults = desk.write(written, None).err().expect("a fault");
        let found: Vec<_> = faults.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(found, pointers, "{faults:?}");
    }
}

#[test]
fn nothing_secret_is_printed() {
    let key = KeyPair::generate().expect("a key");
    let written: ClientCertificate = serde_json::from_value(issue(2030, &key)).expect("a shape");
    assert!(!format!("{written:?}").contains("PRIVATE KEY"));
}
