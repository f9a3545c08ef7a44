//! What every target does.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use sluice::connectors::{Batch, ConnectorError, Record, Target, Written};
use sluice::outbound::TargetPolicy;

use super::fixture::{Destination, Manner, SECRET, TIMEOUT, target, value};

const COUNT: usize = 12;

/// Records with a text.
pub(crate) fn records<F: Destination>(text: &str) -> Vec<Record> {
    let record = |number: usize| Record {
        source_id: format!("s{number}"),
        key: Some(format!("A-{number}")),
        body: value(&F::body(number, &format!("{text} {number}"))),
    };
    (0..COUNT).map(record).collect()
}

pub(crate) fn texts(text: &str) -> Vec<String> {
    (0..COUNT).map(|number| format!("{text} {number}")).collect()
}

/// Writes records as the first batch of the run.
pub(crate) async fn write(target: &dyn Target, records: &[Record]) -> Result<Vec<Written>, ConnectorError> {
    target.write(&Batch { number: 1, records }).await
}

fn all_are(written: &[Written], allowed: &[Written]) -> Result<()> {
    ensure!(written.len() == COUNT, "{} results", written.len());
    ensure!(written.iter().all(|written| allowed.contains(written)), "{written:?}");
    Ok(())
}

async fn first_error<F: Destination>(fixture: &F, policy: TargetPolicy) -> Result<ConnectorError> {
    let written = write(target(fixture, policy).await?.as_ref(), &records::<F>("x")).await;
    let error = written.err().context("it works")?;
    ensure!(!format!("{error} {error:?}").contains(SECRET), "it tells a secret: {error:?}");
    Ok(error)
}

pub(super) async fn writes<F: Destination>() -> Result<()> {
    let fixture = F::start(Manner::Serve).await?;
    let target = target(&fixture, TargetPolicy::AllowLoopback).await?;
    all_are(&write(target.as_ref(), &records::<F>("one")).await?, &[Written::Done])?;
    ensure!(fixture.texts().await? == texts("one"), "{:?}", fixture.texts().await?);
    ensure!(target.batch_size() >= 1);
    ensure!(write(target.as_ref(), &[]).await?.is_empty());
    Ok(())
}

pub(super) async fn repeats_harmlessly<F: Destination>() -> Result<()> {
    let fixture = F::start(Manner::Serve).await?;
    for _ in 0..2 {
        // Each by another process.
        let target = target(&fixture, TargetPolicy::AllowLoopback).await?;
        all_are(&write(target.as_ref(), &records::<F>("one")).await?, &[Written::Done, Written::Unchanged])?;
        ensure!(fixture.texts().await? == texts("one"), "{:?}", fixture.texts().await?);
    }
    Ok(())
}

pub(super) async fn is_throttled<F: Destination>() -> Result<()> {
    let fixture = F::start(Manner::Throttle).await?;
    let target = target(&fixture, TargetPolicy::AllowLoopback).await?;
    match write(target.as_ref(), &records::<F>("one")).await {
        Err(ConnectorError::Transient { retry_after, throttled: true, reason }) => {
            ensure!(retry_after == Some(Duration::from_secs(7)) && !reason.contains(SECRET), "{reason}");
        }
        // Requests that were under way already may have been accepted.
        Ok(written) => {
            let is_throttled = |written: &Written| matches!(written, Written::Throttled { retry_after: Some(_), .. });
            ensure!(written.iter().any(is_throttled), "{written:?}");
        }
        Err(error) => bail!("{error:?}"),
    }
    all_are(&write(target.as_ref(), &records::<F>("one")).await?, &[Written::Done, Written::Unchanged])?;
    ensure!(fixture.texts().await? == texts("one"), "{:?}", fixture.texts().await?);
    Ok(())
}

pub(super) async fn fails_for_now<F: Destination>() -> Result<()> {
    let fixture = F::start(Manner::Fail).await?;
    let target = target(&fixture, TargetPolicy::AllowLoopback).await?;
    match write(target.as_ref(), &records::<F>("x")).await {
        Err(ConnectorError::Transient { throttled: false, reason, .. }) => {
            ensure!(!reason.contains(SECRET), "{reason}");
        }
        Ok(written) => {
            ensure!(written.len() == COUNT && !format!("{written:?}").contains(SECRET), "{written:?}");
            ensure!(written.iter().all(|written| matches!(written, Written::Failed(_))), "{written:?}");
        }
        Err(error) => bail!("{error:?}"),
    }
    Ok(())
}

pub(super) async fn refuses_the_credentials<F: Destination>() -> Result<()> {
    let error = first_error(&F::start(Manner::Refuse).await?, TargetPolicy::AllowLoopback).await?;
    ensure!(matches!(error, ConnectorError::Permanent(_)), "{error:?}");
    Ok(())
}

pub(super) async fn hangs<F: Destination>() -> Result<()> {
    let begun = Instant::now();
    let error = first_error(&F::start(Manner::Hang).await?, TargetPolicy::AllowLoopback).await?;
    ensure!(matches!(&error, ConnectorError::Transient { reason, .. } if reason.ends_with("timeout")), "{error:?}");
    // Not once for each record.
    ensure!(begun.elapsed() < TIMEOUT + Duration::from_secs(3), "{:?}", begun.elapsed());
    Ok(())
}

pub(super) async fn refuses_forbidden_addresses<F: Destination>() -> Result<()> {
    let fixture = F::start(Manner::Serve).await?;
    let error = first_error(&fixture, TargetPolicy::PublicOnly).await?;
    ensure!(matches!(&error, ConnectorError::Permanent(why) if why.contains("forbidden address")), "{error:?}");
    ensure!(fixture.requests() == 0, "{} requests", fixture.requests());
    Ok(())
}
