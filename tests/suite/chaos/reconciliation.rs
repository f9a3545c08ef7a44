//! The small form of `sluice-bench chaos`: ten routes, publishers that repeat under their keys, `kill -9`, and the account.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::support::process::{bench, binary};

#[tokio::test]
async fn everything_that_was_acknowledged_is_accounted_for_after_kill_9() -> Result<()> {
    let mut command = Command::new(bench().await);
    command.args(["chaos", "--seed", "7", "--events", "600", "--kills", "2", "--program"]).arg(binary().await);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(said.contains("600 events") && said.contains("2 times kill -9"), "{said}");
    // The head of the table, ten routes, and the log of each environment.
    ensure!(said.lines().filter(|line| line.starts_with("| ")).count() == 2 + 10 + 2, "{said}");
    Ok(())
}
