//! The client against real sockets on loopback: good targets, hostile ones, and none at all.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;
use crate::domain::time::Millis;
use crate::outbound::TargetPolicy::{self, AllowAll, AllowLoopback, PublicOnly};
use crate::outbound::webhook::response::EXCERPT_LIMIT;
use crate::outbound::webhook::target::{Script, Seen, read_request, target};
use crate::outbound::{HeaderTemplate, Parcel, SigningKey, sign};
use crate::ports::Ports;

const SECOND: Duration = Duration::from_secs(1);
const PATIENT: Duration = Duration::from_secs(15);
const FAILED: Verdict = Verdict::Failed { retry_after: None };

fn client(policy: TargetPolicy) -> WebhookClient {
    WebhookClient::new(policy, ClientOptions::default()).expect("a client")
}

async fn post(url: &Url, timeout: Duration) -> Attempt {
    let body = Bytes::from_static(b"{\"a\":1}");
    client(AllowLoopback).post(url, HeaderMap::new(), body, timeout).await
}

async fn attempt(script: Script, timeout: Duration) -> (Attempt, Arc<Seen>) {
    let (url, seen) = target(script).await;
    (post(&url, timeout).await, seen)
}

fn answer(status: &str, headers: &str, body: &str) -> Script {
    let length = body.len();
    Script::Answer(format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}"))
}

#[tokio::test]
async fn every_status_has_its_verdict() {
    for (status, verdict, reason) in [
        ("200 OK", Verdict::Delivered, ""),
        ("202 Accepted", Verdict::Delivered, ""),
        ("299 Odd", Verdict::Delivered, ""),
        ("400 Bad Request", Verdict::Rejected, "bad request (HTTP status code 400)"),
        ("410 Gone", Verdict::Gone, "gone (HTTP status code 410)"),
        ("401 Unauthorized", FAILED, "unauthorized (HTTP status code 401)"),
        ("404 Not Found", FAILED, "not found (HTTP status code 404)"),
        ("429 Too Many Requests", FAILED, "too many requests (HTTP status code 429)"),
        ("500 Internal Server Error", FAILED, "internal server error (HTTP status code 500)"),
        ("503 Whatever it says", FAILED, "service unavailable (HTTP status code 503)"),
        ("599 Odd", FAILED, "HTTP status code 599"),
        ("301 Moved", FAILED, "redirect refused (HTTP status code 301)"),
        ("304 Not Modified", FAILED, "redirect refused (HTTP status code 304)"),
    ] {
        let body = if status.starts_with("304") { "" } else { "fine" };
        let (got, _) = attempt(answer(status, "", body), PATIENT).await;
        assert_eq!((got.verdict, got.reason.as_ref()), (verdict, reason), "{status}");
        assert_eq!(got.status, status[..3].parse().ok(), "{status}");
        assert_eq!(got.excerpt, body, "{status}");
        assert!(got.duration < PATIENT && got.duration > Duration::ZERO);
    }
}

#[tokio::test]
async fn no_content_needs_no_body() {
    let script = Script::Answer("HTTP/1.1 204 No Content\r\n\r\n".to_owned());
    let (got, _) = attempt(script, PATIENT).await;
    assert_eq!((got.verdict, got.excerpt.as_str()), (Verdict::Delivered, ""));
}

#[tokio::test]
async fn the_request_is_a_signed_post_under_our_name() {
    let (url, seen) = target(answer("200 OK", "", "")).await;
    let body = br#"{"tenant":"acme"}"#;
    let key = SigningKey::generate(&Ports::system());
    let signature = sign(&[key], "msg_1", 1_614_265_330, body);
    let (content_type, sent_at) = ("application/json", Millis(1_614_265_330_000));
    let parcel = Parcel { id: "msg_1", content_type, body: Bytes::from_static(body), sent_at, replay: false };
    let template = HeaderTemplate::new(Some("k3y"), &[]).expect("a template");
    let headers = template.message(&parcel, Some(signature.clone())).expect("headers");
    let got = client(AllowLoopback).post(&url, headers, parcel.body, PATIENT).await;
    assert!(got.is_delivered());
    let request = seen.requests().pop().expect("one request");
    let (head, sent) = request.split_once("\r\n\r\n").expect("a head and a body");
    assert_eq!(sent.as_bytes(), body);
    let lines: Vec<_> = head.lines().collect();
    let agent = format!("user-agent: Sluice/{}", env!("CARGO_PKG_VERSION"));
    for line in [
        "POST /hook?token=hush HTTP/1.1",
        "authorization: Bearer k3y",
        "webhook-id: msg_1",
        "webhook-timestamp: 1614265330",
        &format!("webhook-signature: {signature}"),
        "content-type: application/json",
        "content-length: 17",
        &agent,
    ] {
        assert!(lines.contains(&line), "{line} in {head}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, untouched) = target(answer("200 OK", "", "")).await;
    let script = answer("307 Temporary Redirect", &format!("location: {elsewhere}\r\n"), "");
    let (got, _) = attempt(script, PATIENT).await;
    assert_eq!((got.status, got.reason.as_ref()), (Some(307), "redirect refused (HTTP status code 307)"));
    assert_eq!(untouched.accepts.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn connections_are_used_again() {
    let (url, seen) = target(answer("200 OK", "", "thanks")).await;
    let client = client(AllowLoopback);
    for _ in 0..20 {
        client.post(&url, HeaderMap::new(), Bytes::from_static(b"{}"), PATIENT).await;
    }
    assert_eq!(seen.requests().len(), 20);
    assert_eq!(seen.accepts.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_the_target_closed_while_idle_costs_no_attempt() {
    let script = Script::Answer("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".into());
    let (url, seen) = target(script).await;
    let client = client(AllowLoopback);
    for _ in 0..3 {
        let got = client.post(&url, HeaderMap::new(), Bytes::new(), PATIENT).await;
        assert!(got.is_delivered());
    }
    assert_eq!(seen.accepts.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_silent_target_times_out() {
    let (got, _) = attempt(Script::Hang, Duration::from_millis(200)).await;
    assert_eq!((got.status, got.verdict, got.reason.as_ref()), (None, FAILED, "timeout"));
    assert!(got.duration >= Duration::from_millis(200) && got.duration < SECOND);
}

#[tokio::test]
async fn headers_that_drip_time_out() {
    let (got, _) = attempt(Script::Drip("HTTP/1.1 200 OK\r\nx-slow: "), Duration::from_millis(300)).await;
    assert_eq!((got.status, got.reason.as_ref()), (None, "timeout"));
    assert!(got.duration < SECOND);
}

#[tokio::test]
async fn a_body_that_drips_is_cut_and_the_status_counts() {
    let ok = Script::Drip("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nhello ");
    let (got, _) = attempt(ok.clone(), Duration::from_millis(300)).await;
    assert_eq!((got.verdict, got.reason.as_ref()), (Verdict::Delivered, ""));
    assert!(got.excerpt.starts_with("hello x"), "{}", got.excerpt);
    assert!(got.duration < SECOND);

    let (got, seen) = attempt(ok, PATIENT).await;
    assert!(got.is_delivered());
    assert!(got.duration < 3 * SECOND, "the cap on reading holds: {:?}", got.duration);
    let written = seen.written.load(Ordering::SeqCst);
    tokio::time::sleep(SECOND / 2).await;
    let later = seen.written.load(Ordering::SeqCst);
    assert!(later <= written + 3, "the connection is dropped, not drained");

    let gone = Script::Drip("HTTP/1.1 410 Gone\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n");
    let (got, _) = attempt(gone, Duration::from_millis(300)).await;
    assert_eq!((got.verdict, got.excerpt.as_str()), (Verdict::Gone, "hello"));
}

#[tokio::test]
async fn a_huge_body_is_cut_at_the_limit() {
    const TOTAL: usize = 10 * 1024 * 1024;
    for head in ["HTTP/1.1 200 OK\r\ncontent-length: 10485760\r\n\r\n", "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"]
    {
        let (got, seen) = attempt(Script::Flood(head, TOTAL), PATIENT).await;
        assert!(got.is_delivered());
        assert_eq!(got.excerpt.len(), EXCERPT_LIMIT);
        assert!(got.duration < SECOND);
        tokio::time::sleep(SECOND / 4).await;
        let written = seen.written.load(Ordering::SeqCst);
        assert!(written < TOTAL, "the rest was never read, {written} bytes were sent");
    }
}

#[tokio::test]
async fn endless_headers_are_refused() {
    let (got, seen) = attempt(Script::Flood("HTTP/1.1 200 OK\r\nx-a: ", 50 << 20), PATIENT).await;
    assert_eq!((got.status, got.reason.as_ref()), (None, "invalid answer"));
    assert!(seen.written.load(Ordering::SeqCst) < 20 << 20);
    let many = answer("200 OK", &"x-a: b\r\n".repeat(5000), "");
    let (got, _) = attempt(many, PATIENT).await;
    assert_eq!((got.verdict, got.reason.as_ref()), (FAILED, "invalid answer"));
}

#[tokio::test]
async fn broken_connections_have_stable_words() {
    let (got, _) = attempt(Script::Reset, PATIENT).await;
    assert_eq!((got.verdict, got.reason.as_ref()), (FAILED, "connection reset"));
    let (got, _) = attempt(Script::Close, PATIENT).await;
    assert_eq!((got.verdict, got.reason.as_ref()), (FAILED, "connection closed"));
    let (got, _) = attempt(Script::Answer("SSH-2.0-OpenSSH_9.9\r\n".into()), PATIENT).await;
    assert_eq!((got.verdict, got.reason.as_ref()), (FAILED, "invalid answer"));

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let url = Url::parse(&format!("http://127.0.0.1:{port}/")).expect("a URL");
    let got = post(&url, PATIENT).await;
    assert_eq!((got.verdict, got.reason.as_ref()), (FAILED, "connection refused"));
}

#[tokio::test]
async fn a_target_that_does_not_speak_tls_is_a_tls_failure() {
    // A ClientHello never looks like a whole request, so this target answers before reading.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let _ = read_request(&mut socket).await;
    });
    let url = Url::parse(&format!("https://127.0.0.1:{port}/")).expect("a URL");
    let got = post(&url, PATIENT).await;
    assert_eq!((got.verdict, got.reason.as_ref()), (FAILED, "tls failure"));
}

#[tokio::test]
async fn the_policy_holds_at_the_time_of_the_attempt() {
    let (url, seen) = target(answer("200 OK", "", "")).await;
    let port = url.port().expect("a port");
    for (host, policy, error) in [
        ("http://127.0.0.1", PublicOnly, "forbidden address"),
        ("https://127.0.0.1", PublicOnly, "forbidden address"),
        ("https://[::ffff:127.0.0.1]", AllowLoopback, "forbidden address"),
        ("https://10.0.0.1", AllowLoopback, "forbidden address"),
        ("http://[fd00:ec2::254]", AllowLoopback, "forbidden address"),
        ("https://localhost", PublicOnly, "forbidden address"),
        ("http://example.com", AllowLoopback, "insecure url"),
        ("ftp://example.com", AllowAll, "invalid url"),
    ] {
        let url = Url::parse(&format!("{host}:{port}/")).expect("a URL");
        let got = client(policy).post(&url, HeaderMap::new(), Bytes::new(), SECOND).await;
        assert_eq!((got.verdict, got.reason.as_ref()), (FAILED, error), "{host} {policy}");
    }
    assert_eq!(seen.accepts.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_that_resolves_to_a_forbidden_address_is_refused_by_the_resolver() {
    // Straight to reqwest, so that only the resolver stands in the way.
    let (url, seen) = target(answer("200 OK", "", "")).await;
    let port = url.port().expect("a port");
    let request = client(PublicOnly).client.post(format!("http://localhost:{port}/")).send();
    let error = request.await.expect_err("refused");
    assert_eq!(of_request(&error), "forbidden address");
    assert_eq!(seen.accepts.load(Ordering::SeqCst), 0);

    let url = Url::parse(&format!("http://localhost:{port}/")).expect("a URL");
    assert_eq!(post(&url, PATIENT).await.verdict, Verdict::Delivered);
}

#[tokio::test]
async fn an_unknown_name_is_a_dns_failure() {
    let url = Url::parse("https://no-such-host.invalid/hook?token=hush").expect("a URL");
    let got = post(&url, PATIENT).await;
    assert_eq!((got.verdict, got.reason.as_ref()), (FAILED, "dns failure"));
}

#[tokio::test]
async fn retry_after_is_read_where_it_means_something() {
    let after = async |status: &str, value: &str| {
        attempt(answer(status, &format!("retry-after: {value}\r\n"), ""), PATIENT).await.0.verdict
    };
    let failed = |seconds| Verdict::Failed { retry_after: Some(Duration::from_secs(seconds)) };
    assert_eq!(after("503 Service Unavailable", "120").await, failed(120));
    assert_eq!(after("429 Too Many Requests", "999999999").await, failed(86_400));
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(60));
    match after("503 Service Unavailable", &date).await {
        Verdict::Failed { retry_after: Some(wait) } => {
            assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60), "{wait:?}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(after("503 Service Unavailable", "soon").await, FAILED);
    assert_eq!(after("200 OK", "120").await, Verdict::Delivered);
}

/// Accepts connections and answers on each; gives how many are open.
async fn counting_target(open: Arc<AtomicUsize>) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = Url::parse(&format!("http://{}/", listener.local_addr().expect("an address"))).expect("a URL");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let open = Arc::clone(&open);
            tokio::spawn(async move {
                open.fetch_add(1, Ordering::SeqCst);
                while read_request(&mut stream).await.is_some() {
                    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("written");
                }
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    url
}

#[tokio::test]
async fn connections_that_are_kept_are_few_however_many_hosts_there_are() {
    let options = ClientOptions { max_kept: 8, ..ClientOptions::default() };
    let (client, open) = (WebhookClient::new(AllowLoopback, options).expect("a client"), Arc::default());
    for _ in 0..40 {
        let url = counting_target(Arc::clone(&open)).await;
        let many = (0..3).map(|_| client.post(&url, HeaderMap::new(), Bytes::new(), PATIENT));
        for attempt in futures::future::join_all(many).await {
            assert_eq!(attempt.verdict, Verdict::Delivered);
        }
    }
    let few = async {
        while open.load(Ordering::SeqCst) > 8 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENT, few).await.expect("few are open");
}

#[tokio::test]
async fn a_port_of_ours_is_not_called_whatever_was_registered_before() {
    let (url, seen) = target(answer("200 OK", "", "fine")).await;
    let port = url.port().expect("a port");
    for own in [Reach::without_ports(AllowAll.into(), port, None), Reach::without_ports(AllowAll.into(), 1, Some(port))]
    {
        let client = WebhookClient::new(own, ClientOptions::default()).expect("a client");
        let attempt = client.post(&url, HeaderMap::new(), Bytes::new(), PATIENT).await;
        assert_eq!((attempt.verdict, attempt.status), (FAILED, None), "{}", attempt.reason);
    }
    assert_eq!(seen.accepts.load(Ordering::SeqCst), 0);
    assert_eq!(post(&url, PATIENT).await.verdict, Verdict::Delivered);
}
