//! Trying a server step by step.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use sluice::outbound::{Probe, SftpClient, Step, TargetPolicy};
use sluice::ports::Ports;

use super::{BRIEF, Office, PATIENT};
use crate::support::odd_sftp::{Manners, OddSftp};
use crate::support::sshd::{Sshd, keys};

async fn probe(parameters: Value, policy: TargetPolicy) -> Result<Probe> {
    let access = Office::new(Ports::system())?.access(parameters).await?;
    Ok(SftpClient::new(policy, PATIENT).probe(&access, &[".", "out"], 100).await)
}

fn steps(probe: &Probe) -> Vec<(Step, bool)> {
    probe.steps.iter().map(|step| (step.step, step.ok)).collect()
}

#[tokio::test]
async fn every_step_is_told_with_its_time() -> Result<()> {
    let (sshd, keys) = (Sshd::start().await?, keys()?);
    sshd.put("out/", b"")?;
    sshd.put("out/a", b"1")?;
    let good = probe(sshd.parameters()?, TargetPolicy::AllowLoopback).await?;
    let all = [Step::Connect, Step::HostKey, Step::Authenticate, Step::List];
    ensure!(good.is_good() && steps(&good) == all.map(|step| (step, true)), "{good:?}");
    ensure!(good.fingerprint.as_ref() == Some(&keys.hosts[0].fingerprint), "{good:?}");
    ensure!(good.steps[3].message == ". has 0 files, out has 1 files.", "{good:?}");
    ensure!(good.steps.iter().all(|step| !step.duration.is_zero()), "{good:?}");
    // Nothing is changed there.
    ensure!(sshd.names("out")? == ["a"] && sshd.names(".")? == ["out"]);
    Ok(())
}

#[tokio::test]
async fn without_a_pinned_key_it_shows_the_one_it_saw_and_goes_no_further() -> Result<()> {
    let (odd, keys) = (OddSftp::start(Manners::default()).await?, keys()?);
    let mut parameters = odd.parameters()?;
    parameters["host_key_fingerprints"] = json!([]);
    let seen = probe(parameters, TargetPolicy::AllowLoopback).await?;
    ensure!(steps(&seen) == [(Step::Connect, true), (Step::HostKey, false)], "{seen:?}");
    let fingerprint = &keys.hosts[0].fingerprint;
    ensure!(seen.fingerprint.as_ref() == Some(fingerprint) && seen.steps[1].message.contains(fingerprint), "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn the_step_that_fails_is_the_last() -> Result<()> {
    let sshd = Sshd::start().await?;
    let missing = probe(sshd.parameters()?, TargetPolicy::AllowLoopback).await?;
    ensure!(steps(&missing).last() == Some(&(Step::List, false)), "{missing:?}");
    ensure!(missing.steps[3].message == "cannot open the directory: there is no such file or directory", "{missing:?}");
    let mut parameters = sshd.parameters()?;
    parameters["private_key"] = keys()?.hosts[1].private.as_str().into();
    let stranger = probe(parameters, TargetPolicy::AllowLoopback).await?;
    ensure!(steps(&stranger).last() == Some(&(Step::Authenticate, false)) && stranger.steps.len() == 3, "{stranger:?}");
    let forbidden = probe(sshd.parameters()?, TargetPolicy::PublicOnly).await?;
    ensure!(steps(&forbidden) == [(Step::Connect, false)], "{forbidden:?}");
    ensure!(forbidden.steps[0].message == "forbidden address", "{forbidden:?}");
    Ok(())
}

/// Whoever listens need not speak SSH, nor anything at all.
#[tokio::test]
async fn a_server_that_is_none_is_given_up() -> Result<()> {
    use tokio::io::AsyncWriteExt as _;
    for greeting in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b""] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            stream.write_all(greeting).await?;
            std::future::pending::<std::io::Result<()>>().await
        });
        let office = Office::new(Ports::system())?;
        let access =
            office.access(json!({"host": "127.0.0.1", "port": port, "username": "u", "password": "p"})).await?;
        let probe = SftpClient::new(TargetPolicy::AllowLoopback, BRIEF).probe(&access, &["."], 1).await;
        serving.abort();
        ensure!(steps(&probe) == [(Step::Connect, true), (Step::HostKey, false)], "{probe:?}");
    }
    Ok(())
}
