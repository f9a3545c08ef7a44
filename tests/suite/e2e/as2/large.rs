//! Documents of 30 MiB both ways, over HTTP.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sluice_as2::receipt::Disposition;

use crate::support::as2::{Protection, answer, hand_in, message, post, reaches_within, receipt, set_up};
use crate::support::process::Serve;
use crate::support::{Api, Inbox};

const SIZE: usize = 30 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// A number of `/proc/{process}/status`, in bytes.
fn status(process: u32, field: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).context("the field")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? * 1_024.0)
}

/// The most memory of a process beyond what it has now, while `work` is done; in sizes of the document.
async fn peak(process: u32, work: impl Future<Output = Result<()>>) -> Result<f64> {
    fs::write(format!("/proc/{process}/clear_refs"), "5").context("the peak can be reset")?;
    let before = status(process, "VmRSS:")?;
    work.await?;
    Ok((status(process, "VmHWM:")? - before) / SIZE as f64)
}

#[tokio::test]
async fn thirty_mebibytes_go_both_ways_in_a_few_times_their_size() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let serve = Serve::start(folder.path(), &[]).await?;
    let credentials = &serve.credentials;
    let open = Api::open(&credentials.base_url)?;
    let api = open.with(&format!("ApiKey {}", credentials.api_key));
    let partner = Inbox::answering(|post, _| answer(receipt(post, &Disposition::Processed))).await?;
    set_up(&api, &partner.url(), json!({})).await?;
    let document: Vec<u8> = (0_u32..).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).take(SIZE).collect();
    let sent = async {
        let id = hand_in(&api, &document, "?document_type=images").await?;
        reaches_within(&api, &id, "delivered", PATIENCE).await?;
        let read = api.get(&format!("/v1/transactions/{id}/document")).await?;
        ensure!(read.body == document, "{}: {:.200}", read.status, read.text());
        Ok(())
    };
    let outbound = peak(serve.id(), sent).await?;
    let came = message("<large@p>", &document, Protection::default());
    let path = format!("/as2/{}", credentials.tenant);
    let inbound = peak(serve.id(), async {
        let reply = post(&open, &path, &came.headers, &came.body).await?;
        ensure!(reply.status == 200 && reply.text().contains("processed"), "{}", reply.text());
        Ok(())
    });
    let inbound = inbound.await?;
    println!("peaks in sizes of the document: {outbound:.1} to send it, {inbound:.1} to take it");
    ensure!(outbound < 8.0 && inbound < 8.0, "{outbound} and {inbound} times its size");
    Ok(())
}
