//! Orders from a paginated API through a mapping of seven fields: to files, and to an API in batches.

mod dlt;
pub(crate) mod orders;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sluice::domain::time::Millis;

use crate::measure::{cpu_time, peak_mb, reset_peak};
use crate::rig::Rig;
use orders::{Orders, PAGE};

/// The most memory that a run may take.
const MOST_MB: f64 = 300.0;

/// What can be set.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many orders there are.
    #[arg(long, default_value_t = 100_000)]
    count: u64,
    /// The Python of a virtual environment with `dlt[filesystem]`, to be measured on the same API.
    #[arg(long)]
    dlt: Option<PathBuf>,
}

/// What a run took.
struct Measure {
    elapsed: Duration,
    cpu: Duration,
    peak_mb: f64,
}

impl Measure {
    fn print(&self, name: &str, count: u64) {
        let count = count as f64;
        println!(
            "| {name} | {:.0} | {:.2} | {:.0} |",
            count / self.elapsed.as_secs_f64(),
            self.cpu.as_secs_f64() * 100_000.0 / count,
            self.peak_mb
        );
    }
}

/// Measures; says whether memory stayed bounded, and whether it is three times as fast as dlt at a third of its work.
pub(crate) async fn run(options: &Options) -> Result<bool> {
    let api = Orders::start(options.count).await?;
    let rig = Rig::start(None, None).await?;
    let s3 = &rig.system.credentials.s3;
    let files = json!({
        "system": "flatFile", "bucket": s3.bucket, "prefix": "orders/", "region": s3.region,
        "endpointUrl": s3.endpoint_url, "accessKeyId": s3.access_key_id, "secretAccessKey": s3.secret_access_key,
        "format": {"type": "jsonLines"},
    });
    let http = json!({"system": "genericApi", "baseUrl": api.url, "auth": {"type": "none"}});
    println!("| {} orders, pages of {PAGE} | records/s | CPU s per 100,000 | peak MB |", options.count);
    println!("| --- | --- | --- | --- |");
    let to_files = json!({"system": "flatFile", "recordsPerFile": 100_000});
    let to_files = sync(&rig, &api, options.count, files, to_files).await?;
    to_files.print("to JSON lines in S3", options.count);
    let to_api = json!({"system": "genericApi", "mode": "batch", "path": "/batch", "size": 100});
    let to_api = sync(&rig, &api, options.count, http, to_api).await?;
    to_api.print("to an HTTP API, batches of 100", options.count);
    let mut met = to_files.peak_mb <= MOST_MB && to_api.peak_mb <= MOST_MB;
    if let Some(python) = &options.dlt {
        let dlt = dlt::run(python, &api.url).await?;
        dlt.print("dlt, to JSON lines in a folder", options.count);
        let faster = dlt.elapsed.as_secs_f64() / to_files.elapsed.as_secs_f64();
        let less = dlt.cpu.as_secs_f64() / to_files.cpu.as_secs_f64();
        println!("\n{faster:.1} times as fast as dlt, with {less:.1} times less processor time");
        met &= faster >= 3.0 && less >= 3.0;
    }
    rig.stop().await;
    Ok(met)
}

fn mapping() -> Value {
    let field = |target: &str, source: &str| json!({"target": target, "source": format!("$.{source}")});
    json!({
        "name": "orders", "entityType": "order",
        "extraction": {
            "request": {"path": "/orders.json"}, "records": "$.orders[*]", "sourceId": "$.id",
            "pagination": {"type": "page", "parameter": "page", "sizeParameter": "size", "size": PAGE},
            "cursor": {"column": "$.updated_at"},
        },
        "normalization": {"fields": [
            {"target": "id", "source": "$.id", "type": "string", "required": true},
            {"target": "company", "source": "$.company", "type": "string"},
            {"target": "total", "source": "$.total_price", "type": "decimal", "required": true},
            {"target": "currency", "source": "$.currency", "type": "string", "default": "USD"},
            {"target": "email", "source": "$.email", "type": "string"},
            {"target": "name", "source": "$.name", "type": "string"},
            {"target": "updated", "source": "$.updated_at", "type": "datetime"},
        ]},
        "transformation": {"key": ["NumAtCard"], "fields": [
            field("NumAtCard", "id"), field("CardName", "company"), field("DocTotal", "total"),
            field("DocCurrency", "currency"), field("Email", "email"), field("Comments", "name"),
            field("UpdateDate", "updated"),
        ]},
    })
}

/// Has all orders brought to a target.
async fn sync(rig: &Rig, api: &Orders, count: u64, target: Value, load: Value) -> Result<Measure> {
    let source =
        json!({"name": "source", "connection": {"system": "genericApi", "baseUrl": api.url, "auth": {"type": "none"}}});
    let source = rig.make("/v1/connection-profiles", &source).await?;
    let target = rig.make("/v1/connection-profiles", &json!({"name": "target", "connection": target})).await?;
    let mapping = rig.make("/v1/mapping-configurations", &mapping()).await?;
    let instance = json!({
        "name": "bench", "sourceProfileId": source, "targetProfileId": target, "active": true, "batchSize": 5_000,
        "mappings": [{"mappingConfigurationId": mapping, "load": load}],
    });
    let instance = rig.make("/v1/instances", &instance).await?;
    reset_peak();
    let cpu = cpu_time()?;
    let started = rig.post("/v1/sync-events", &json!({"instanceId": instance, "entityType": "order"})).await?;
    let path = format!("/v1/sync-events/{}", started["correlationId"].as_str().context("a run")?);
    let run = loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let run = rig.get(&path).await?;
        if run["endedAt"].is_string() {
            break run;
        }
    };
    let time = |name: &str| -> Result<Millis> { Ok(run[name].as_str().context("a time")?.parse()?) };
    let elapsed = time("endedAt")?.since(time("startedAt")?);
    ensure!(run["status"] == "succeeded" && run["counts"]["success"] == count, "{run}");
    Ok(Measure { elapsed, cpu: cpu_time()?.saturating_sub(cpu), peak_mb: peak_mb()? })
}
