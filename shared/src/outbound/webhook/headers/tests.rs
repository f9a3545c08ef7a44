//! The headers a user may set, and the headers of the final request.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::domain::time::Millis;

fn custom(pairs: &[(&str, &str)]) -> Vec<(String, Zeroizing<String>)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), Zeroizing::new((*value).to_owned()))).collect()
}

fn message(
    (api_key, custom): (Option<&str>, &[(String, Zeroizing<String>)]),
    id: &str,
    signature: Option<&str>,
) -> Result<HeaderMap, HeaderError> {
    let (content_type, sent_at) = ("application/json", Millis(1_614_265_330_000));
    let parcel = Parcel { id, content_type, body: Bytes::new(), sent_at, replay: false };
    HeaderTemplate::new(api_key, custom)?.message(&parcel, signature.map(str::to_owned))
}

#[test]
fn good_headers_pass() {
    for (name, value) in [
        ("X-Tenant", "acme"),
        ("x-empty", ""),
        ("Authorization", "Basic dTpw"),
        ("cookie", "a=b"),
        ("x-webhook-id", "1"),
        ("x_under.score", "tab\there"),
    ] {
        assert_eq!(check_header(name, value), Ok(()), "{name}");
    }
    assert_eq!(check_header(&"n".repeat(64), &"v".repeat(1024)), Ok(()));
}

#[test]
fn bad_names_and_values_are_refused() {
    let long = "n".repeat(65);
    for name in ["", " ", "a b", "a:b", "a\r\nb", "a\0", "é", "(x)", "x\t", long.as_str()] {
        assert_eq!(check_header(name, "v"), Err(HeaderError::Name), "{name:?}");
    }
    let long = "v".repeat(1025);
    for value in ["a\r\nX-Injected: 1", "a\nb", "\r", "\0", "\x7f", "é", "\u{2028}", long.as_str()] {
        assert_eq!(check_header("x-a", value), Err(HeaderError::Value), "{value:?}");
    }
}

#[test]
fn reserved_names_are_refused_in_every_case() {
    for name in [
        "Host",
        "CONTENT-LENGTH",
        "content-type",
        "Content-Encoding",
        "Transfer-Encoding",
        "connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "User-Agent",
        "Accept-Encoding",
        "HTTP2-Settings",
        "Proxy-Authorization",
        "proxy-connection",
        "Webhook-Id",
        "webhook-timestamp",
        "WEBHOOK-SIGNATURE",
        "webhook-anything",
    ] {
        assert_eq!(check_header(name, "v"), Err(HeaderError::Reserved), "{name}");
        let built = message((None, &custom(&[(name, "v")])), "id", None);
        assert_eq!(built.expect_err("reserved"), HeaderError::Reserved, "{name}");
    }
}

#[test]
fn a_message_has_all_its_headers_and_hides_its_secrets() {
    let mine = custom(&[("X-Env", "prod"), ("authorization", "Basic dTpw")]);
    let headers = message((Some("k3y"), &mine), "msg_1", Some("v1,abc")).expect("headers");
    let get = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(get("x-env"), Some("prod"));
    assert_eq!(get("authorization"), Some("Bearer k3y"));
    assert_eq!(get("content-type"), Some("application/json"));
    assert_eq!(get("webhook-id"), Some("msg_1"));
    assert_eq!(get("webhook-timestamp"), Some("1614265330"));
    assert_eq!(get("webhook-signature"), Some("v1,abc"));
    assert_eq!(headers.len(), 6);
    let printed = format!("{headers:?}");
    assert!(!printed.contains("k3y") && !printed.contains("prod"), "{printed}");
}

#[test]
fn without_key_and_secret_their_headers_are_absent() {
    let headers = message((None, &[]), "msg_1", None).expect("headers");
    assert_eq!(headers.len(), 3);
    assert!(!headers.contains_key("authorization") && !headers.contains_key("webhook-signature"));
}

#[test]
fn names_that_say_so_hold_secrets() {
    for name in ["Authorization", "cookie", "X-Api-Key", "x-auth-token", "client_secret", "token", "apikey"] {
        assert!(is_secret(name), "{name}");
    }
    for name in ["x-tenant", "x-keyboard", "x-token-kind", "monkey"] {
        assert!(!is_secret(name), "{name}");
    }
}

#[test]
fn what_is_sent_again_says_so() {
    let parcel =
        |replay| Parcel { id: "msg_1", content_type: "text/plain", body: Bytes::new(), sent_at: Millis(1_999), replay };
    let template = HeaderTemplate::new(None, &custom(&[("x-a", "1")])).expect("a template");
    let (first, again) = (template.message(&parcel(false), None), template.message(&parcel(true), None));
    let (first, again) = (first.expect("headers"), again.expect("headers"));
    assert_eq!(
        (&first["x-a"], &first["content-type"], &first["webhook-timestamp"]),
        (&HeaderValue::from_static("1"), &HeaderValue::from_static("text/plain"), &HeaderValue::from_static("1"),)
    );
    assert!(!first.contains_key("webhook-replay") && again["webhook-replay"] == "true");
}

#[test]
fn values_that_cannot_be_sent_are_errors_not_panics() {
    assert_eq!(message((Some("a\nb"), &[]), "id", None), Err(HeaderError::Value));
    assert_eq!(message((None, &[]), "i\rd", None), Err(HeaderError::Value));
    assert_eq!(message((None, &[]), "id", Some("\n")), Err(HeaderError::Value));
    assert_eq!(check_api_key(""), Err(HeaderError::Value));
    assert_eq!(check_api_key("a\r\nb"), Err(HeaderError::Value));
    assert_eq!(check_api_key("slc_abc"), Ok(()));
}

proptest! {
    #[test]
    fn whatever_passes_the_check_can_be_sent(name in "\\PC{0,70}", value in ".{0,40}") {
        let passed = check_header(&name, &value).is_ok();
        let built = message((None, &custom(&[(&name, &value)])), "id", None);
        prop_assert!(!passed || built.is_ok());
        if passed {
            prop_assert!(!value.contains(['\r', '\n', '\0']));
        }
    }
}
