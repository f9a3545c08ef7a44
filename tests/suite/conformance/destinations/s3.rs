//! A bucket: the embedded S3, and where that never fails, an HTTP server that responds as S3 does.

use anyhow::{Result, ensure};
use axum::http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use sluice_local::provision::S3Access;
use sluice_local::receiver::{Answer, Receiver, status};
use std::sync::atomic::{AtomicU32, Ordering};

use super::fixture::{Arrival, BODY, Fixture, Manner, local, prepare, register, send};
use crate::support::{bucket, shared};

pub(super) struct Bucket {
    s3: S3Access,
    prefix: String,
    /// Stands in for the embedded S3.
    actor: Option<Receiver>,
}

impl Bucket {
    /// A bucket behind a server that always gives this answer.
    async fn answering(answer: impl Fn() -> Option<Answer> + Send + Sync + 'static) -> Result<Self> {
        let actor = Receiver::start(move |_| {
            let answer = answer();
            async move {
                match answer {
                    Some(answer) => answer,
                    None => std::future::pending().await,
                }
            }
        });
        let mut bucket = Self::embedded().await;
        let actor = actor.await?;
        bucket.s3.endpoint_url = actor.url("");
        bucket.actor = Some(actor);
        Ok(bucket)
    }

    async fn embedded() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let prefix = format!("kind-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        Self { s3: shared().await.system.credentials.s3.clone(), prefix, actor: None }
    }
}

fn refusal(code: StatusCode, error: &str) -> Answer {
    let body =
        format!("<?xml version=\"1.0\"?><Error><Code>{error}</Code><Message>Because of {error}.</Message></Error>");
    let mut answer = Answer::new(body.into());
    *answer.status_mut() = code;
    answer
}

impl Fixture for Bucket {
    const KIND: &'static str = "s3";
    const ADDRESS: &'static str = "endpoint_url";
    const OPTIONAL: &'static str = "endpoint_url";
    const HAS_RETRY_AFTER: bool = true;

    async fn start(manner: Manner) -> Result<Self> {
        match manner {
            Manner::Accept => Ok(Self::embedded().await),
            Manner::Refuse => Self::answering(|| Some(refusal(StatusCode::BAD_REQUEST, "EntityTooLarge"))).await,
            Manner::Fail => {
                let slow_down = || {
                    let mut answer = refusal(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
                    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("7"));
                    Some(answer)
                };
                Self::answering(slow_down).await
            }
            Manner::Hang => Self::answering(|| None).await,
        }
    }

    fn parameters(&self) -> Value {
        json!({
            "aws_access_key_id": self.s3.access_key_id, "aws_secret_access_key": self.s3.secret_access_key,
            "aws_region": self.s3.region, "bucket": self.s3.bucket, "key_prefix": self.prefix,
            "endpoint_url": format!("{}/", self.s3.endpoint_url),
        })
    }

    fn secrets(&self) -> Vec<(&'static str, String)> {
        vec![
            ("/aws_access_key_id", self.s3.access_key_id.clone()),
            ("/aws_secret_access_key", self.s3.secret_access_key.clone()),
        ]
    }

    fn address(host: &str) -> String {
        format!("https://{host}/")
    }

    async fn arrived(&self) -> Result<Vec<Arrival>> {
        let (prefix, mut arrivals) = (format!("{}/", self.prefix), Vec::new());
        for file in bucket::files(&self.s3, &prefix).await? {
            arrivals.push(Arrival { name: file.key[prefix.len()..].to_owned(), content: file.text });
        }
        Ok(arrivals)
    }
}

/// What S3's own refusals are called in a route's log.
#[tokio::test]
async fn reasons_are_those_of_s3() -> Result<()> {
    type Case = (fn() -> Answer, &'static str);
    let cases: [Case; 4] = [
        (|| refusal(StatusCode::FORBIDDEN, "AccessDenied"), "Because of AccessDenied (S3 error code AccessDenied)"),
        (|| status(StatusCode::BAD_GATEWAY), "bad gateway (HTTP status code 502)"),
        (|| status(StatusCode::OK), "the endpoint did not respond like S3"),
        (|| refusal(StatusCode::NOT_FOUND, "NoSuchBucket"), "Because of NoSuchBucket (S3 error code NoSuchBucket)"),
    ];
    for (answer, reason) in cases {
        let bucket = Bucket::answering(move || Some(answer())).await?;
        let target = prepare(&local()?, &register(&bucket).await?)?;
        let attempt = send(target.as_ref()).await;
        ensure!(!attempt.is_delivered() && attempt.reason == reason, "{attempt:?}");
        let Some(mut file) = target.create_file("key") else { anyhow::bail!("a bucket takes files") };
        file.line(BODY.as_bytes()).await?;
        let error = file.finish().await.err().map(|error| error.to_string()).unwrap_or_default();
        ensure!(error == format!("Writing to bucket {} failed. Reason: {reason}.", bucket.s3.bucket), "{error}");
    }
    Ok(())
}
