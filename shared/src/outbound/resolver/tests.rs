//! The vetting of answers, and the S3 client that is built on it, over a real socket.

use std::error::Error;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_smithy_runtime_api::client::dns::ResolveDns;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::outbound::{TargetError, s3_http_client};
use TargetPolicy::{AllowAll, AllowLoopback, PublicOnly};

fn ips(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|ip| ip.parse().expect("an address")).collect()
}

#[test]
fn one_forbidden_address_refuses_the_whole_answer() {
    let resolver = SafeResolver::new(PublicOnly);
    let good = ips(&["93.184.216.34", "2606:4700::1111"]);
    assert_eq!(resolver.vet(good.clone()).expect("public"), good);
    for bad in ["10.0.0.1", "::1", "169.254.169.254", "::ffff:8.8.8.8"] {
        let mixed = ips(&["93.184.216.34", bad, "2606:4700::1111"]);
        assert!(matches!(resolver.vet(mixed), Err(ResolveError::Forbidden)), "{bad}");
    }
    assert!(matches!(resolver.vet(vec![]), Err(ResolveError::Empty)));
}

#[tokio::test]
async fn localhost_is_loopback_without_a_lookup() {
    for name in ["localhost", "LocalHost.", "anything.localhost"] {
        let refused = SafeResolver::new(PublicOnly).lookup(name).await;
        assert!(matches!(refused, Err(ResolveError::Forbidden)), "{name}");
        for policy in [AllowLoopback, AllowAll] {
            let found = SafeResolver::new(policy).lookup(name).await.expect("loopback");
            assert!(found.iter().all(IpAddr::is_loopback), "{name}");
        }
    }
}

#[tokio::test]
async fn the_system_lookup_is_vetted_too() {
    // getaddrinfo accepts numbers, in forms the URL parser never lets through to here.
    for name in ["10.0.0.1", "169.254.169.254", "0x7f.1", "2130706433"] {
        let error = SafeResolver::new(PublicOnly).lookup(name).await.expect_err(name);
        assert!(matches!(error, ResolveError::Forbidden), "{name}: {error:?}");
    }
    let found = SafeResolver::new(PublicOnly).lookup("8.8.8.8").await.expect("public");
    assert_eq!(found, ips(&["8.8.8.8"]));
}

#[tokio::test]
async fn an_unknown_name_is_a_lookup_error() {
    let error = SafeResolver::new(AllowAll).lookup("no-such-host.invalid").await;
    assert!(matches!(error, Err(ResolveError::Lookup(_))));
}

#[tokio::test]
async fn the_error_is_found_by_type_through_wrappers() {
    let resolver = SafeResolver::new(PublicOnly);
    let error = ResolveDns::resolve_dns(&resolver, "localhost").await.expect_err("loopback");
    assert!(matches!(ResolveError::find(&error), Some(ResolveError::Forbidden)));
    let wrapped = io::Error::other(io::Error::other(error));
    assert!(matches!(ResolveError::find(&wrapped), Some(ResolveError::Forbidden)));
    assert!(ResolveError::find(&io::Error::other("the host resolves")).is_none());
}

fn s3(endpoint: &str, policy: TargetPolicy) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(endpoint)
        .http_client(s3_http_client(policy))
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

#[tokio::test]
async fn s3_over_plain_http_to_loopback_works_where_allowed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut buffer = [0; 8192];
            let _ = socket.read(&mut buffer).await;
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        }
    });
    // By address, and by a name below `localhost`, which the SDK makes of the bucket itself.
    for endpoint in [format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}")] {
        let sent = s3(&endpoint, AllowLoopback).head_bucket().bucket("bucket").send().await;
        assert!(sent.is_ok(), "{endpoint}: {sent:?}");
    }
}

#[tokio::test]
async fn s3_refuses_forbidden_endpoints_by_type() {
    let by_name = s3("https://localhost:1", PublicOnly).head_bucket().bucket("bucket").send().await;
    let by_address = s3("https://10.0.0.1", AllowLoopback).head_bucket().bucket("bucket").send().await;
    let by_number = s3("https://0x7f.1", PublicOnly).head_bucket().bucket("bucket").send().await;
    for error in [by_name, by_address] {
        let error = error.expect_err("refused");
        let found =
            causes(&error).any(|cause| cause.downcast_ref::<TargetError>() == Some(&TargetError::ForbiddenAddress));
        assert!(found, "{error:?}");
    }
    let error: &dyn Error = &by_number.expect_err("refused");
    assert!(causes(error).any(|cause| cause.is::<TargetError>() || cause.is::<ResolveError>()));
}
