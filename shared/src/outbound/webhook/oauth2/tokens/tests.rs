//! Tokens from real sockets on loopback: good token endpoints, hostile ones, and none at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::future::join_all;

use super::*;
use crate::outbound::address::TargetPolicy::{self, AllowLoopback, PublicOnly};
use crate::outbound::webhook::client::ClientOptions;
use crate::outbound::webhook::target::{Script, Seen, target};
use crate::ports::{Clock, System};

const PATIENT: Duration = Duration::from_secs(5);

/// A clock that stands still until a test moves it.
#[derive(Clone, Default)]
struct Hands(Arc<AtomicI64>);

impl Clock for Hands {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

impl Hands {
    fn pass(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_millis()).expect("a short time"), Ordering::SeqCst);
    }
}

fn tokens_of(url: Url, policy: TargetPolicy) -> (AccessTokens, Hands) {
    let (clock, client) = (Hands::default(), WebhookClient::new(policy, ClientOptions::default()).expect("a client"));
    let stored = StoredClient {
        token_url: url,
        client_id: "gate way".to_owned(),
        client_secret: crate::domain::sealed::Sealed::new(String::new()),
        scope: Some("a b".to_owned()),
        audience: Some("https://api.example.com/".to_owned()),
    };
    (AccessTokens::new(client, Ports::new(clock.clone(), System), &stored, "hush:+%"), clock)
}

async fn tokens(script: Script) -> (AccessTokens, Hands, Arc<Seen>) {
    let (url, seen) = target(script).await;
    let (tokens, clock) = tokens_of(url, AllowLoopback);
    (tokens, clock, seen)
}

fn answer(status: &str, headers: &str, body: &str) -> Script {
    let length = body.len();
    Script::Answer(format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}"))
}

fn issuing(expires_in: u32) -> Script {
    answer("200 OK", "", &format!(r#"{{"access_token":"abc","token_type":"Bearer","expires_in":{expires_in}}}"#))
}

async fn get(tokens: &AccessTokens, refused: Option<&AccessToken>) -> Result<AccessToken, TokenFailure> {
    tokens.get(refused, Instant::now() + PATIENT).await
}

async fn failure(script: Script, patience: Duration) -> Attempt {
    let (tokens, _, _) = tokens(script).await;
    let failure = tokens.get(None, Instant::now() + patience).await.expect_err("no token");
    failure.attempt(Duration::ZERO)
}

#[tokio::test]
async fn the_request_is_the_one_of_the_standard() {
    let (tokens, _, seen) = tokens(issuing(60)).await;
    let token = get(&tokens, None).await.expect("a token");
    assert_eq!(token.authorization, "Bearer abc");
    let request = seen.requests().pop().expect("one request");
    let (head, body) = request.split_once("\r\n\r\n").expect("a head and a body");
    assert_eq!(body, "grant_type=client_credentials&scope=a+b&audience=https%3A%2F%2Fapi.example.com%2F");
    let lines: Vec<_> = head.lines().collect();
    let authorization = format!("authorization: Basic {}", BASE64.encode("gate+way:hush%3A%2B%25"));
    let expected = [
        "POST /hook?token=hush HTTP/1.1",
        "content-type: application/x-www-form-urlencoded",
        "accept: application/json",
        &*authorization,
    ];
    for line in expected {
        assert!(lines.contains(&line), "{line} in {head}");
    }
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_it_expires() {
    // 30 s before the end, or a tenth of the lifetime.
    for (expires_in, kept) in [(3600, 3569), (60, 53), (1, 0)] {
        let (tokens, clock, seen) = tokens(issuing(expires_in)).await;
        get(&tokens, None).await.expect("a token");
        clock.pass(Duration::from_secs(kept));
        get(&tokens, None).await.expect("the same token");
        assert_eq!(seen.requests().len(), 1, "{expires_in}");
        clock.pass(Duration::from_secs(2));
        get(&tokens, None).await.expect("another token");
        assert_eq!(seen.requests().len(), 2, "{expires_in}");
    }
}

#[tokio::test]
async fn of_many_at_once_one_asks() {
    for expires_in in [3600, 0] {
        let (tokens, _, seen) = tokens(issuing(expires_in)).await;
        let got = join_all((0..50).map(|_| get(&tokens, None))).await;
        assert!(got.iter().all(Result::is_ok));
        assert_eq!(seen.requests().len(), 1);
        // All of them were refused by the target: one asks again.
        let refused: Vec<_> = got.into_iter().flatten().collect();
        let again = join_all(refused.iter().map(|token| get(&tokens, Some(token)))).await;
        assert!(again.iter().flatten().all(|token| token.number == 2));
        assert_eq!(seen.requests().len(), 2);
    }
}

#[tokio::test]
async fn a_failure_is_shared_and_not_kept() {
    let (tokens, _, seen) = tokens(answer("503 Service Unavailable", "retry-after: 7\r\n", "hush")).await;
    let got = join_all((0..50).map(|_| get(&tokens, None))).await;
    assert!(got.iter().all(Result::is_err));
    assert_eq!(seen.requests().len(), 1);
    let failure = get(&tokens, None).await.expect_err("still down");
    assert_eq!(seen.requests().len(), 2);
    let attempt = failure.attempt(PATIENT);
    assert_eq!(attempt.verdict, Verdict::Failed { retry_after: Some(Duration::from_secs(7)) });
    assert_eq!(attempt.reason, "the token endpoint responded with HTTP status code 503");
    assert_eq!((attempt.status, attempt.excerpt.as_str(), attempt.duration), (None, "", PATIENT));
}

#[tokio::test]
async fn failures_have_stable_words() {
    let body = |size: usize| format!(r#"{{"access_token":"hush","x":"{}"}}"#, "x".repeat(size));
    let short = Duration::from_millis(300);
    for (script, reason) in [
        (
            answer("401 Unauthorized", "", r#"{"error":"hush"}"#),
            "the token endpoint responded with HTTP status code 401",
        ),
        (
            answer("307 Temporary Redirect", "location: http://127.0.0.1:1/\r\n", ""),
            "the token endpoint responded with HTTP status code 307",
        ),
        (answer("200 OK", "", "hush"), "the token endpoint responded without a usable access token"),
        (answer("200 OK", "", &body(70_000)), "the request to the token endpoint failed: response too large"),
        (Script::Hang, "the request to the token endpoint failed: timeout"),
        (
            Script::Drip("HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n"),
            "the request to the token endpoint failed: timeout",
        ),
        (
            Script::Flood("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", 10 << 20),
            "the request to the token endpoint failed: response too large",
        ),
        (Script::Reset, "the request to the token endpoint failed: connection reset"),
    ] {
        let attempt = failure(script, short).await;
        assert_eq!((attempt.reason.as_ref(), attempt.status), (reason, None));
    }
    let (tokens, _, _) = tokens(answer("200 OK", "", &body(60_000))).await;
    get(&tokens, None).await.expect("a long response is read to its end");
}

#[tokio::test]
async fn a_token_endpoint_is_held_to_the_rules_of_every_address() {
    let (url, seen) = target(issuing(60)).await;
    let port = url.port().expect("a port");
    for (host, policy, phrase) in [
        ("http://127.0.0.1", PublicOnly, "forbidden address"),
        ("https://localhost", PublicOnly, "forbidden address"),
        ("https://10.0.0.1", AllowLoopback, "forbidden address"),
        ("https://[::ffff:127.0.0.1]", AllowLoopback, "forbidden address"),
        ("http://example.com", AllowLoopback, "insecure url"),
    ] {
        let url = Url::parse(&format!("{host}:{port}/token")).expect("a URL");
        let (tokens, _) = tokens_of(url, policy);
        let failure = get(&tokens, None).await.expect_err("refused");
        assert_eq!(failure.reason, format!("the request to the token endpoint failed: {phrase}"), "{host}");
    }
    assert_eq!(seen.requests().len(), 0);
}

#[tokio::test]
async fn one_that_waits_for_a_fetch_waits_no_longer_than_its_deadline() {
    let (tokens, _, seen) = tokens(Script::Hang).await;
    let started = Instant::now();
    let short = tokens.get(None, started + Duration::from_millis(200));
    let (_, waited) = tokio::join!(tokens.get(None, started + Duration::from_secs(1)), async {
        let failure = short.await.expect_err("no token");
        assert_eq!(failure.reason, "the request to the token endpoint failed: timeout");
        started.elapsed()
    });
    assert!(waited < Duration::from_millis(900), "{waited:?}");
    assert_eq!(seen.requests().len(), 1);
}
