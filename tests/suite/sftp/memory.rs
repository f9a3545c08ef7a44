//! Memory: a document of 30 MB, sent and fetched, takes little more than itself.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use sluice::outbound::{SftpClient, TargetPolicy};
use sluice::ports::Ports;

use super::{NAME, Office, PATIENT, body, facts, server};
use crate::support::sshd::Sshd;

const SIZE: usize = 30_000_000;
/// Tells the child where the server is.
const PARAMETERS: &str = "SLUICE_TEST_SFTP";

/// The most memory that this process has had, in bytes.
fn peak() -> Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<usize>()? * 1_024)
}

/// The other tests of this process have memory of their own, so a process of its own is measured.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_megabytes_take_little_more_than_themselves() -> Result<()> {
    let sshd = Sshd::start().await?;
    let mut child = Command::new(std::env::current_exe()?);
    child.args(["--exact", "sftp::memory::in_a_process_of_its_own", "--ignored", "--nocapture"]);
    child.env(PARAMETERS, sshd.parameters()?.to_string());
    let output = tokio::task::spawn_blocking(move || child.output()).await??;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{text} {} {}", String::from_utf8_lossy(&output.stderr), sshd.log());
    ensure!(std::fs::read(sshd.home().join(NAME))? == body(SIZE));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the test above"]
async fn in_a_process_of_its_own() -> Result<()> {
    let parameters: serde_json::Value = serde_json::from_str(&std::env::var(PARAMETERS)?)?;
    let body = body(SIZE);
    let server = server(parameters.clone(), PATIENT).await?;
    // The digest and the tools are in memory.
    ensure!(server.put(&sluice::domain::partner::FileNameFacts::default(), b"1").await.is_delivered());
    let before = peak()?;
    let attempt = server.put(&facts(), &body).await;
    ensure!(attempt.is_delivered(), "{attempt:?}");
    let sent = peak()? - before;
    ensure!(sent < SIZE / 2, "sending took {sent} bytes more");
    let access = Office::new(Ports::system())?.access(parameters).await?;
    let mut connection = SftpClient::new(TargetPolicy::AllowLoopback, PATIENT)
        .connect(&access)
        .await
        .map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
    let listing = connection.list(".", 10, |_| true).await.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
    let file = listing.files.iter().find(|file| file.name == NAME).context("the file")?;
    let fetched = connection.fetch(".", file).await.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
    ensure!(fetched.context("it is there")?.body == body);
    let fetched = peak()? - before;
    ensure!(fetched < SIZE + SIZE / 2, "fetching took {fetched} bytes more");
    Ok(())
}
