//! The bare loop: signs and posts the same bodies to the same receiver, nothing else. No gateway can be faster.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use sluice::outbound::{ClientOptions, HeaderTemplate, Parcel, TargetPolicy, WebhookClient, sign};
use sluice::ports::{Clock as _, System};
use tokio::task::JoinSet;

use crate::events::Generator;
use crate::load::EVENT_BYTES;
use crate::rig::Rig;

/// Requests under way at once: more make it no faster here.
const PARALLEL: u64 = 32;
/// Different bodies of one loop, made before: their making is no part of the limit.
const BODIES: usize = 512;

/// Posts a second.
pub(crate) async fn rate(rig: &Rig, lasting: Duration) -> Result<f64> {
    rig.sink.clear();
    let policy: TargetPolicy = "loopback".parse().context("the policy")?;
    let client = WebhookClient::new(policy, ClientOptions::default())?;
    let url = Arc::new(rig.sink.url().parse().context("the receiver's address")?);
    let headers = Arc::new(HeaderTemplate::new(Some("bench"), &[])?);
    let begun = Instant::now();
    let mut loops = JoinSet::new();
    for number in 0..PARALLEL {
        let (client, url, headers, keys) = (client.clone(), Arc::clone(&url), Arc::clone(&headers), [rig.key.clone()]);
        let mut generator = Generator::new(1_000 + number);
        let bodies: Vec<Bytes> = (0..BODIES).map(|_| envelope(&mut generator)).collect();
        loops.spawn(async move {
            let mut posted = 0_u64;
            while begun.elapsed() < lasting {
                let body = bodies[usize::try_from(posted)? % BODIES].clone();
                let (id, sent_at) = (format!("evt_bare_{number}_{posted}"), System.now());
                let signature = sign(&keys, &id, sent_at.as_secs(), &body);
                let parcel = Parcel { id: &id, content_type: "application/json", body, sent_at, replay: false };
                let headers = headers.message(&parcel, Some(signature))?;
                let attempt = client.post(&url, headers, parcel.body, Duration::from_secs(15)).await;
                ensure!(attempt.is_delivered(), "the bare loop was answered {:?}", attempt.status);
                posted += 1;
            }
            Ok(posted)
        });
    }
    let mut posted = 0;
    while let Some(done) = loops.join_next().await {
        posted += done??;
    }
    Ok(posted as f64 / begun.elapsed().as_secs_f64())
}

/// What the gateway would send.
fn envelope(generator: &mut Generator) -> Bytes {
    let (name, payload) = generator.event(EVENT_BYTES);
    format!(r#"{{"tenant":"local","name":"{name}","published_at":"2026-01-01T00:00:00.000Z","payload":{payload}}}"#)
        .into()
}
