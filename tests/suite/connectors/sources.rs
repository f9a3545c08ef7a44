//! What every source does.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use sluice::connectors::{Ask, ConnectorError, Source};
use sluice::domain::value::Value;
use sluice::outbound::TargetPolicy;

use super::fixture::{Manner, Origin, PAGE, RECORDS, SECRET, TIMEOUT, connectors, scope, source, source_as, stored};

/// Reads on from a position to the end; gives every record and the positions between the pages.
pub(crate) async fn read_from(source: &dyn Source, position: Option<String>) -> Result<(Vec<Value>, Vec<String>)> {
    let (mut records, mut positions, mut next) = (Vec::new(), Vec::new(), position);
    for _ in 0..1_000 {
        let ask = Ask { position: next.as_deref(), page_size: PAGE, ..Ask::default() };
        let page = source.read(&ask).await?;
        records.extend(page.records);
        match page.next {
            None => return Ok((records, positions)),
            Some(position) => positions.push(position.clone()),
        }
        next = positions.last().cloned();
    }
    bail!("it never ends")
}

/// The numbers of records, each once.
fn numbers<F: Origin>(records: &[Value]) -> Result<BTreeSet<usize>> {
    let numbers: Option<Vec<usize>> = records.iter().map(F::number).collect();
    let numbers = numbers.context("a record without a number")?;
    let each: BTreeSet<usize> = numbers.iter().copied().collect();
    ensure!(each.len() == numbers.len(), "some records came twice: {numbers:?}");
    Ok(each)
}

async fn first_error<F: Origin>(fixture: &F, policy: TargetPolicy) -> Result<ConnectorError> {
    let source = source_as(fixture, policy, F::ENTITY, F::extraction()).await?;
    let error = source.read(&Ask { page_size: PAGE, ..Ask::default() }).await.err().context("it works")?;
    ensure!(!format!("{error} {error:?}").contains(SECRET), "it tells a secret: {error:?}");
    let report = connectors(fixture.world(), policy).await?.test(&scope()?, &stored(fixture).await?).await;
    ensure!(!report.message.contains(SECRET), "{report:?}");
    Ok(error)
}

pub(super) async fn reads_every_record_once<F: Origin>() -> Result<()> {
    let fixture = F::start(Manner::Serve).await?;
    let (records, positions) = read_from(source(&fixture).await?.as_ref(), None).await?;
    ensure!(numbers::<F>(&records)? == (0..RECORDS).collect(), "{} records", records.len());
    ensure!(positions.len() >= 2, "one page is no test");
    ensure!(positions.iter().all(|position| !position.contains(SECRET)), "a position tells a secret");
    Ok(())
}

pub(super) async fn goes_on_from_a_position<F: Origin>() -> Result<()> {
    let fixture = F::start(Manner::Serve).await?;
    let (all, positions) = read_from(source(&fixture).await?.as_ref(), None).await?;
    for position in positions {
        // A process that knows nothing of the first.
        let (rest, _) = read_from(source(&fixture).await?.as_ref(), Some(position.clone())).await?;
        let (rest, all) = (numbers::<F>(&rest)?, numbers::<F>(&all)?);
        ensure!(!rest.is_empty() && rest.len() < all.len(), "{} after {position}", rest.len());
        let again: Vec<usize> = (RECORDS - rest.len()..RECORDS).collect();
        ensure!(rest.into_iter().collect::<Vec<_>>() == again, "not the rest after {position}");
    }
    Ok(())
}

pub(super) async fn gives_only_what_is_asked_for<F: Origin>() -> Result<()> {
    let fixture = F::start(Manner::Serve).await?;
    let (all, _) = read_from(source(&fixture).await?.as_ref(), None).await?;
    let wanted: Vec<String> = [3, 40].into_iter().filter_map(|place| F::id(all.get(place)?)).collect();
    let source = source(&fixture).await?;
    let (mut found, mut next) = (Vec::new(), None::<String>);
    loop {
        let ask = Ask { position: next.as_deref(), source_ids: &wanted, page_size: PAGE, ..Ask::default() };
        let page = source.read(&ask).await?;
        found.extend(page.records.iter().filter_map(F::id));
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    ensure!(wanted.len() == 2 && found == wanted, "{found:?} instead of {wanted:?}");
    Ok(())
}

pub(super) async fn refuses_a_position_that_is_none<F: Origin>() -> Result<()> {
    let fixture = F::start(Manner::Serve).await?;
    let ask = Ask { position: Some("no position"), page_size: PAGE, ..Ask::default() };
    let read = source(&fixture).await?.read(&ask).await;
    ensure!(matches!(read, Err(ConnectorError::Permanent(_))), "{read:?}");
    Ok(())
}

pub(super) async fn can_be_tested<F: Origin>() -> Result<()> {
    let fixture = F::start(Manner::Serve).await?;
    let connectors = connectors(fixture.world(), TargetPolicy::AllowLoopback).await?;
    let report = connectors.test(&scope()?, &stored(&fixture).await?).await;
    ensure!(report.ok && !report.message.is_empty(), "{report:?}");
    Ok(())
}

pub(super) async fn is_throttled<F: Origin>() -> Result<()> {
    let fixture = F::start(Manner::Throttle).await?;
    let source = source(&fixture).await?;
    let ask = Ask { page_size: PAGE, ..Ask::default() };
    let error = source.read(&ask).await.err().context("it works")?;
    let ConnectorError::Transient { retry_after, throttled: true, reason } = error else { bail!("{error:?}") };
    ensure!(retry_after == Some(Duration::from_secs(7)) && !reason.contains(SECRET), "{retry_after:?}: {reason}");
    let page = source.read(&ask).await?;
    ensure!(!page.records.is_empty(), "it does not go on");
    Ok(())
}

pub(super) async fn fails_for_now<F: Origin>() -> Result<()> {
    let error = first_error(&F::start(Manner::Fail).await?, TargetPolicy::AllowLoopback).await?;
    ensure!(matches!(error, ConnectorError::Transient { throttled: false, .. }), "{error:?}");
    Ok(())
}

pub(super) async fn fails_for_good<F: Origin>() -> Result<()> {
    let error = first_error(&F::start(Manner::Refuse).await?, TargetPolicy::AllowLoopback).await?;
    ensure!(matches!(error, ConnectorError::Permanent(_)), "{error:?}");
    Ok(())
}

pub(super) async fn hangs<F: Origin>() -> Result<()> {
    let fixture = F::start(Manner::Hang).await?;
    let source = source(&fixture).await?;
    let begun = Instant::now();
    let error = source.read(&Ask { page_size: PAGE, ..Ask::default() }).await.err().context("it works")?;
    ensure!(matches!(&error, ConnectorError::Transient { reason, .. } if reason.ends_with("timeout")), "{error:?}");
    ensure!((TIMEOUT / 2..TIMEOUT + Duration::from_secs(3)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    Ok(())
}

pub(super) async fn refuses_forbidden_addresses<F: Origin>() -> Result<()> {
    let fixture = F::start(Manner::Serve).await?;
    // The policy was tightened since the profile was stored.
    let error = first_error(&fixture, TargetPolicy::PublicOnly).await?;
    ensure!(matches!(&error, ConnectorError::Permanent(why) if why.contains("forbidden address")), "{error:?}");
    ensure!(fixture.requests() == 0, "{} requests", fixture.requests());
    Ok(())
}
