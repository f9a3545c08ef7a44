//! The published vector, the traps of verification, and properties of both directions.

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const TIME: i64 = 1_614_265_330;
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const TOLERANCE: Duration = Duration::from_secs(300);

fn key() -> SigningKey {
    SECRET.parse().expect("the published secret")
}

fn check_at(signature: &str, timestamp: &str, now: i64) -> Result<(), VerifyError> {
    let headers = SignatureHeaders { id: ID, timestamp, signature };
    verify(&key(), &headers, BODY, now, TOLERANCE)
}

fn check(signature: &str) -> Result<(), VerifyError> {
    check_at(signature, &TIME.to_string(), TIME)
}

#[test]
fn the_published_vector() {
    assert_eq!(sign(&[key()], ID, TIME, BODY), SIGNATURE);
    assert_eq!(check(SIGNATURE), Ok(()));
}

#[test]
fn two_secrets_sign_newest_first_and_either_verifies() {
    let new = SigningKey::generate(&Ports::system());
    let both = sign(&[new.clone(), key()], ID, TIME, BODY);
    let (first, second) = both.split_once(' ').expect("two signatures");
    assert_eq!(first, sign(std::slice::from_ref(&new), ID, TIME, BODY));
    assert_eq!(second, SIGNATURE);
    let timestamp = TIME.to_string();
    let headers = SignatureHeaders { id: ID, timestamp: &timestamp, signature: &both };
    for secret in [key(), new] {
        assert_eq!(verify(&secret, &headers, BODY, TIME, TOLERANCE), Ok(()));
    }
    assert_eq!(sign(&[], ID, TIME, BODY), "");
}

#[test]
fn traps_of_the_signature_header() {
    let bare = &SIGNATURE[3..];
    for bad in [
        "",
        " ",
        "v1",
        "v1,",
        "v1, ",
        "v1,=",
        "v1,AAAA",
        ",",
        bare,
        &format!("v2,{bare}"),
        &format!("V1,{bare}"),
        &format!("v1a,{bare}"),
        &format!("v1;{bare}"),
        &format!("v1, {bare}"),
        &SIGNATURE[..SIGNATURE.len() - 1],
        &format!("{SIGNATURE}="),
        &format!("{SIGNATURE},v1,"),
        &format!("v1,{}", "A".repeat(44)),
    ] {
        assert_eq!(check(bad), Err(VerifyError::NoMatch), "{bad:?}");
    }
    for good in [
        format!("v1, {SIGNATURE}"),
        format!("v2,whatever v1a,more {SIGNATURE} v1,"),
        format!("v1,{} {SIGNATURE}", "A".repeat(44)),
        format!("  {SIGNATURE}  "),
    ] {
        assert_eq!(check(&good), Ok(()), "{good:?}");
    }
}

#[test]
fn the_clock_is_checked_on_both_sides() {
    let at = |now| check_at(SIGNATURE, "1614265330", now);
    assert_eq!(at(TIME + 300), Ok(()));
    assert_eq!(at(TIME - 300), Ok(()));
    assert_eq!(at(TIME + 301), Err(VerifyError::TooOld));
    assert_eq!(at(TIME - 301), Err(VerifyError::TooNew));
    assert_eq!(at(i64::MIN), Err(VerifyError::TooNew));
    for bad in ["", "x", "+1614265330", "-1", " 1614265330", "1614265330.0", "99999999999999999999"] {
        assert_eq!(check_at(SIGNATURE, bad, TIME), Err(VerifyError::Timestamp), "{bad:?}");
    }
}

#[test]
fn secrets_are_read_strictly_and_never_printed() {
    let read = |text: &str| text.parse::<SigningKey>().map(|_| ());
    assert_eq!(read("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Err(SigningKeyError::Prefix));
    assert_eq!(read("whsec_not base64!"), Err(SigningKeyError::Encoding));
    assert_eq!(read("whsec_"), Err(SigningKeyError::Length));
    assert_eq!(read(&format!("whsec_{}", STANDARD.encode([1; 23]))), Err(SigningKeyError::Length));
    assert_eq!(read(&format!("whsec_{}", STANDARD.encode([1; 65]))), Err(SigningKeyError::Length));
    assert_eq!(read(&format!("whsec_{}", STANDARD.encode([1; 64]))), Ok(()));
    let unpadded = format!("whsec_{}", STANDARD.encode([1; 32]).trim_end_matches('='));
    assert_eq!(read(&unpadded), Ok(()));
    assert_eq!(format!("{:?}", key()), "SigningKey(redacted)");
    assert_eq!(key().to_secret().as_str(), SECRET);
}

#[test]
fn generated_secrets_differ_and_survive_a_round_trip() {
    let (one, two) = (SigningKey::generate(&Ports::system()), SigningKey::generate(&Ports::system()));
    assert_ne!(one.to_secret(), two.to_secret());
    let read: SigningKey = one.to_secret().parse().expect("its own text");
    assert_eq!(sign(&[read], ID, TIME, BODY), sign(&[one], ID, TIME, BODY));
}

mod fuzz {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_signed_verifies_and_no_change_does(
            raw in prop::collection::vec(any::<u8>(), 24..=64),
            id in "[a-zA-Z0-9_-]{1,40}",
            time in 0..=i64::MAX,
            body in prop::collection::vec(any::<u8>(), 0..300),
            flip: prop::sample::Index,
            bit in 0..8_u8,
        ) {
            let secret = SigningKey::from_bytes(raw).expect("a valid length");
            let timestamp = time.to_string();
            let signature = sign(std::slice::from_ref(&secret), &id, time, &body);
            let headers = SignatureHeaders { id: &id, timestamp: &timestamp, signature: &signature };
            prop_assert_eq!(verify(&secret, &headers, &body, time, TOLERANCE), Ok(()));

            let mut longer = body.clone();
            longer.push(b' ');
            prop_assert_eq!(verify(&secret, &headers, &longer, time, TOLERANCE), Err(VerifyError::NoMatch));
            if !body.is_empty() {
                let mut other = body.clone();
                other[flip.index(body.len())] ^= 1 << bit;
                prop_assert_eq!(verify(&secret, &headers, &other, time, TOLERANCE), Err(VerifyError::NoMatch));
            }
            let another_id = format!("{id}x");
            let moved = SignatureHeaders { id: &another_id, ..headers };
            prop_assert_eq!(verify(&secret, &moved, &body, time, TOLERANCE), Err(VerifyError::NoMatch));
            let cut = &signature[..3 + flip.index(SIGNATURE_LENGTH)];
            let short = SignatureHeaders { signature: cut, ..headers };
            prop_assert_eq!(verify(&secret, &short, &body, time, TOLERANCE), Err(VerifyError::NoMatch));
        }

        #[test]
        fn arbitrary_headers_never_panic_and_never_pass(
            id in "\\PC{0,30}", timestamp in "\\PC{0,20}", signature in "(v1,)?\\PC{0,80}", now: i64,
        ) {
            let headers = SignatureHeaders { id: &id, timestamp: &timestamp, signature: &signature };
            prop_assert!(verify(&key(), &headers, BODY, now, Duration::MAX).is_err());
            let timestamp = now.unsigned_abs().to_string();
            let headers = SignatureHeaders { timestamp: &timestamp, ..headers };
            prop_assert!(verify(&key(), &headers, BODY, now, Duration::MAX).is_err());
        }
    }
}
