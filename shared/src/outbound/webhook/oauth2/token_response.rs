//! What a token endpoint responds with (RFC 6749, section 5.1). It is read with the suspicion that is due to anything
//! from outside, and with patience for endpoints that do not keep to every letter.

use std::time::Duration;

use http::HeaderValue;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::outbound::webhook::headers::bearer;

/// How long a token is used whose response does not say when it expires.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
/// No token is used for longer, whatever its response says.
const MAX_LIFETIME: Duration = Duration::from_secs(86_400);
/// Servers commonly refuse headers of more than 8 KiB or 16 KiB.
const MAX_TOKEN_LENGTH: usize = 16 * 1024;

/// A token as it was issued.
#[derive(Debug)]
pub(super) struct Issued {
    /// The value of `Authorization`.
    pub(super) authorization: HeaderValue,
    /// How long it is good for.
    pub(super) lifetime: Duration,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: Zeroizing<String>,
    token_type: Option<String>,
    expires_in: Option<Value>,
}

/// Reads the body of a successful response. The error is a phrase without anything of the body.
pub(super) fn read_token(body: &[u8]) -> Result<Issued, &'static str> {
    const NO_TOKEN: &str = "the token endpoint responded without a usable access token";
    let response: TokenResponse = serde_json::from_slice(body).map_err(|_| NO_TOKEN)?;
    if response.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err("the token endpoint issued another type of token than bearer");
    }
    let token = response.access_token;
    let is_token = (1..=MAX_TOKEN_LENGTH).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_token {
        return Err(NO_TOKEN);
    }
    let authorization = bearer(&token).map_err(|_| NO_TOKEN)?;
    Ok(Issued { authorization, lifetime: lifetime(response.expires_in.as_ref()) })
}

/// Some endpoints write the number as a string.
fn lifetime(expires_in: Option<&Value>) -> Duration {
    let seconds = match expires_in {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    match seconds.filter(|seconds| !seconds.is_nan()) {
        Some(seconds) => Duration::from_secs_f64(seconds.clamp(0.0, MAX_LIFETIME.as_secs_f64())),
        None => DEFAULT_LIFETIME,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_in_all_their_forms() {
        let hour = Duration::from_secs(3600);
        for (body, lifetime) in [
            (r#"{"access_token":"abc","token_type":"Bearer","expires_in":3600}"#, hour),
            (r#"{"access_token":"abc","token_type":"bearer","expires_in":"3600","scope":"a b","more":{}}"#, hour),
            (r#"{"access_token":"abc","expires_in":3600.0}"#, hour),
            (r#"{"access_token":"abc"}"#, DEFAULT_LIFETIME),
            (r#"{"access_token":"abc","expires_in":null}"#, DEFAULT_LIFETIME),
            (r#"{"access_token":"abc","expires_in":"soon"}"#, DEFAULT_LIFETIME),
            (r#"{"access_token":"abc","expires_in":"NaN"}"#, DEFAULT_LIFETIME),
            (r#"{"access_token":"abc","expires_in":[1]}"#, DEFAULT_LIFETIME),
            (r#"{"access_token":"abc","expires_in":0}"#, Duration::ZERO),
            (r#"{"access_token":"abc","expires_in":-5}"#, Duration::ZERO),
            (r#"{"access_token":"abc","expires_in":1e300}"#, MAX_LIFETIME),
            (r#"{"access_token":"abc","expires_in":"inf"}"#, MAX_LIFETIME),
        ] {
            let issued = read_token(body.as_bytes()).expect(body);
            assert_eq!((issued.authorization.to_str().ok(), issued.lifetime), (Some("Bearer abc"), lifetime), "{body}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused_and_not_told() {
        let long = format!(r#"{{"access_token":"{}"}}"#, "a".repeat(MAX_TOKEN_LENGTH + 1));
        for body in [
            "",
            "null",
            "[]",
            "<html>hush</html>",
            r#"{"error":"hush"}"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":7}"#,
            r#"{"access_token":"hush hush"}"#,
            r#"{"access_token":"hush\r\nx-evil: 1"}"#,
            r#"{"access_token":"hüsh"}"#,
            r#"{"access_token":"hush","token_type":"DPoP"}"#,
            r#"{"access_token":"hush","token_type":1}"#,
            r#"{"access_token":"hush","access_token":"twice"}"#,
            &long,
        ] {
            let reason = read_token(body.as_bytes()).expect_err(body);
            assert!(reason.starts_with("the token endpoint") && !reason.contains("hush"), "{reason}");
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        let issued = read_token(br#"{"access_token":"hush"}"#).expect("a token");
        assert!(!format!("{issued:?}").contains("hush"));
    }

    mod fuzz {
        use proptest::prelude::*;

        use super::super::*;

        proptest! {
            #[test]
            fn whatever_a_token_endpoint_says_is_a_token_within_bounds_or_refused(
                body in prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..200),
                    "\\{(\"(access_token|token_type|expires_in|x)\": ?(\"[ -~]{0,8}\"|-?[0-9]{1,30}(e[0-9]{1,3})?|null|\\[\\]),? ?){0,4}\\}"
                        .prop_map(String::into_bytes),
                    ("\\PC{0,40}", any::<f64>()).prop_map(|(token, seconds)| {
                        serde_json::json!({"access_token": token, "expires_in": seconds}).to_string().into_bytes()
                    }),
                ],
            ) {
                if let Ok(Issued { authorization, lifetime }) = read_token(&body) {
                    prop_assert!(lifetime <= MAX_LIFETIME);
                    prop_assert!(authorization.is_sensitive());
                    let text = authorization.to_str().expect("printable");
                    prop_assert!(text.strip_prefix("Bearer ").is_some_and(|token| !token.is_empty() && !token.contains(' ')));
                }
            }
        }
    }
}
