//! The S3 client over the vetting resolver, over a real socket.

use std::error::Error;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::outbound::ResolveError;
use crate::outbound::TargetPolicy::{self, AllowLoopback, PublicOnly};
use crate::outbound::resolver::causes;

fn s3(endpoint: &str, policy: TargetPolicy) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(endpoint)
        .http_client(s3_http_client(policy.into()))
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
