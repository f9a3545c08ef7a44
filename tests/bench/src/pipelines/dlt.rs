//! The Python library `dlt` on the same API: its REST source, and its filesystem destination.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::Measure;

/// The same seven fields.
const SCRIPT: &str = r#"
import resource, sys
import dlt
from dlt.sources.rest_api import rest_api_source
url, folder = sys.argv[1:]
source = rest_api_source({
    "client": {"base_url": url, "paginator": {"type": "page_number", "base_page": 1, "page_param": "page",
                                              "total_path": None, "stop_after_empty_page": True}},
    "resources": [{"name": "orders", "endpoint": {"path": "orders.json", "params": {"size": 250},
                                                  "data_selector": "orders"}}],
})
source.orders.add_map(lambda o: {"NumAtCard": str(o["id"]), "CardName": o["company"], "DocTotal": o["total_price"],
    "DocCurrency": o["currency"], "Email": o["email"], "Comments": o["name"], "UpdateDate": o["updated_at"]})
pipeline = dlt.pipeline("bench", destination=dlt.destinations.filesystem(bucket_url="file://" + folder),
                        dataset_name="orders", pipelines_dir=folder + "/state")
pipeline.run(source, loader_file_format="jsonl")
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"#;

pub(super) async fn run(python: &Path, url: &str) -> Result<Measure> {
    let folder = tempfile::tempdir()?;
    let begun = Instant::now();
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT, url, &folder.path().display().to_string()]);
    command.env("RUNTIME__DLTHUB_TELEMETRY", "false").stderr(Stdio::inherit());
    let output = tokio::task::spawn_blocking(move || command.output())
        .await?
        .with_context(|| format!("{}: see --dlt", python.display()))?;
    let elapsed = begun.elapsed();
    ensure!(output.status.success(), "dlt failed");
    let text = String::from_utf8(output.stdout)?;
    let mut numbers = text.lines().last().unwrap_or_default().split(' ').map(str::parse::<f64>);
    let mut next = || numbers.next().and_then(Result::ok).context("what it used");
    Ok(Measure { elapsed, cpu: Duration::from_secs_f64(next()?), peak_mb: next()? })
}
