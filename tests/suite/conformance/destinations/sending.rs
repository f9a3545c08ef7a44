//! Cases about sending: how a response is read, what is never reached, how files come into being.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sluice::domain::attempt::{Attempt, Verdict};
use sluice::outbound::TargetPolicy;

use super::fixture::{
    Arrival, BODY, Fixture, ID, Manner, TIMEOUT, attempt, destinations, local, prepare, register, send,
};

fn tells_no_secret<F: Fixture>(endpoint: &F, attempt: &Attempt) -> Result<()> {
    for (field, secret) in endpoint.secrets() {
        ensure!(!attempt.reason.contains(&secret), "the reason tells {field}: {}", attempt.reason);
    }
    Ok(())
}

pub(super) async fn accepts<F: Fixture>() -> Result<()> {
    let (endpoint, attempt) = attempt::<F>(Manner::Accept).await?;
    ensure!(attempt.is_delivered() && attempt.reason.is_empty(), "{attempt:?}");
    ensure!(attempt.duration > Duration::ZERO);
    let arrived = endpoint.arrived().await?;
    ensure!(arrived == [Arrival { name: ID.to_owned(), content: BODY.to_owned() }], "{arrived:?}");
    Ok(())
}

pub(super) async fn refuses_for_good<F: Fixture>() -> Result<()> {
    let (endpoint, attempt) = attempt::<F>(Manner::Refuse).await?;
    ensure!(attempt.verdict == Verdict::Rejected && !attempt.reason.is_empty(), "{attempt:?}");
    tells_no_secret(&endpoint, &attempt)
}

pub(super) async fn fails_for_now<F: Fixture>() -> Result<()> {
    let (endpoint, attempt) = attempt::<F>(Manner::Fail).await?;
    let retry_after = F::HAS_RETRY_AFTER.then(|| Duration::from_secs(7));
    ensure!(attempt.verdict == Verdict::Failed { retry_after } && !attempt.reason.is_empty(), "{attempt:?}");
    tells_no_secret(&endpoint, &attempt)
}

pub(super) async fn hangs<F: Fixture>() -> Result<()> {
    let (_endpoint, attempt) = attempt::<F>(Manner::Hang).await?;
    ensure!(attempt.verdict == Verdict::Failed { retry_after: None } && attempt.reason == "timeout", "{attempt:?}");
    ensure!(attempt.status.is_none() && attempt.duration >= TIMEOUT / 2, "{attempt:?}");
    ensure!(attempt.duration < TIMEOUT + Duration::from_secs(2), "{attempt:?}");
    Ok(())
}

pub(super) async fn nobody_listens<F: Fixture>() -> Result<()> {
    let endpoint = F::start(Manner::Accept).await?;
    let mut parameters = endpoint.parameters();
    // The port is bound and nobody listens on it, so that no other test gets it.
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    F::move_to(&mut parameters, &socket.local_addr()?.to_string());
    let (destination, _) = local()?.accept(&super::fixture::scope()?, F::KIND, parameters, None).await?;
    let attempt = send(prepare(&local()?, &destination)?.as_ref()).await;
    ensure!(attempt.verdict == Verdict::Failed { retry_after: None }, "{attempt:?}");
    ensure!(attempt.reason == "connection refused" && attempt.status.is_none(), "{attempt:?}");
    Ok(())
}

pub(super) async fn refuses_forbidden_addresses_when_it_sends<F: Fixture>() -> Result<()> {
    let endpoint = F::start(Manner::Accept).await?;
    let destination = register(&endpoint).await?;
    // The policy was tightened since it was registered.
    let target = prepare(&destinations(TargetPolicy::PublicOnly)?, &destination)?;
    let attempt = send(target.as_ref()).await;
    ensure!(attempt.verdict == Verdict::Failed { retry_after: None }, "{attempt:?}");
    ensure!(attempt.reason == "forbidden address", "{attempt:?}");
    ensure!(endpoint.arrived().await?.is_empty());
    Ok(())
}

pub(super) async fn writes_files_or_says_that_it_does_not<F: Fixture>() -> Result<()> {
    let endpoint = F::start(Manner::Accept).await?;
    let target = prepare(&local()?, &register(&endpoint).await?)?;
    let Some(key) = target.file_key("acme/1-data-00.export") else {
        ensure!(target.create_file("any").is_none(), "files without a key");
        return Ok(());
    };
    let begin = || target.create_file(&key).context("a file under its own key");
    // More than fits into one part.
    let lines: Vec<String> = (0..60).map(|n| format!("{n}{}", "x".repeat(100_000))).collect();

    let mut given_up = begin()?;
    for line in &lines {
        given_up.line(line.as_bytes()).await?;
    }
    given_up.abort().await;
    ensure!(endpoint.arrived().await?.is_empty(), "a file that was given up is there");

    for lines in [&lines[..1], &lines[..]] {
        let mut file = begin()?;
        for line in lines {
            file.line(line.as_bytes()).await?;
        }
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        ensure!(file.written() == text.len() as u64);
        let before = endpoint.arrived().await?;
        ensure!(before.iter().all(|arrival| arrival.content != text), "it is there before it is finished");
        file.finish().await?;
        let arrived = endpoint.arrived().await?;
        ensure!(arrived == [Arrival { name: "acme/1-data-00.export".to_owned(), content: text }], "another file");
    }
    Ok(())
}
