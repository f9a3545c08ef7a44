//! The demo: the main job, whole, over a fresh folder, with every delivery checked.

mod check;
mod client;
mod report;

use std::convert::identity;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::value::RawValue;

use sluice::ports::Ports;

use crate::StartError;
use crate::provision::S3Access;
use crate::receiver::{Received, Receiver, status};
use crate::system::{Options, System, local_settings};
use check::Checks;
use client::Client;

/// Why the demo ended otherwise than well.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// It could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Something was missing or wrong.
    #[error("{0}")]
    Failed(String),
}

impl DemoError {
    fn failed(doing: impl std::fmt::Display) -> impl FnOnce(Box<dyn std::error::Error>) -> Self {
        move |error| Self::Failed(format!("{doing}: {error}"))
    }
}

/// An event of the file.
#[derive(Debug, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DemoEvent {
    pub(crate) name: String,
    pub(crate) payload: Box<RawValue>,
}

/// How long nothing may arrive before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(30);
/// So that a file is closed while one watches.
const SETTINGS: [(&str, &str); 2] =
    [("SLUICE_EXPORT_INTERVAL_SECONDS", "3"), ("SLUICE_LOG_GRACE_MILLISECONDS", "1000")];

/// Runs the demo.
///
/// # Errors
/// [`DemoError`].
pub async fn run(file: Option<&Path>) -> Result<(), DemoError> {
    let events = read(file)?;
    let data = tempfile::tempdir().map_err(|e| StartError::new("a fresh data folder", e))?;
    let settings = local_settings(&SETTINGS)?;
    let listen = ([127, 0, 0, 1], 0).into();
    let system = System::start(Options {
        listen,
        data: data.path().to_owned(),
        settings,
        destinations: identity,
        ports: Ports::system(),
        chaos: None,
        workers: None,
    })
    .await?;
    println!(
        "Sluice runs in this process, over a fresh folder: DynamoDB, SQS and S3 are embedded, the API is at {}.",
        system.credentials.base_url
    );
    let result = exercise(&system, events).await;
    system.stop().await;
    result
}

fn read(file: Option<&Path>) -> Result<Vec<DemoEvent>, DemoError> {
    let text = match file {
        None => include_str!("events.ndjson").to_owned(),
        Some(path) => std::fs::read_to_string(path).map_err(|e| StartError::new(path.display(), e))?,
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let parse = |(number, line)| {
        serde_json::from_str(line).map_err(|e| DemoError::Failed(format!("line {} is not an event: {e}", number + 1)))
    };
    let events: Vec<DemoEvent> = lines.map(parse).collect::<Result<_, _>>()?;
    if events.is_empty() { Err(DemoError::Failed("the file has no events".to_owned())) } else { Ok(events) }
}

/// Registers, publishes, waits, checks, reports.
async fn exercise(system: &System, events: Vec<DemoEvent>) -> Result<(), DemoError> {
    let secret = client::signing_secret(system);
    let checks = Arc::new(Mutex::new(Checks::new(&secret)?));
    let taking = Arc::clone(&checks);
    let receiver = Receiver::start(move |received: Received| {
        taking.lock().unwrap_or_else(PoisonError::into_inner).webhook(&received);
        async { status(StatusCode::NO_CONTENT) }
    });
    let receiver = receiver.await.map_err(|e| StartError::new("the demo's receiver", e))?;
    let client = Client::sign_in(&system.credentials).await?;
    client.register(&receiver.url("/hook"), &secret, &system.credentials.s3).await?;
    let before = system.usage();

    let bars = Bars::new(events.len());
    let begun = Instant::now();
    let bytes = client.publish(&events, |published| bars.published.set_position(published)).await?;
    let published = begun.elapsed();
    let delivered = wait(&bars.delivered, events.len(), begun, async || {
        Ok(checks.lock().unwrap_or_else(PoisonError::into_inner).deliveries())
    })
    .await?;
    let files = Mutex::new(Vec::new());
    let exported = wait(&bars.exported, events.len(), begun, async || {
        let found = export_files(&system.credentials.s3).await?;
        let lines = found.iter().map(|(_, text)| text.lines().count()).sum();
        *files.lock().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(lines)
    })
    .await?;
    bars.finish();

    let files = files.into_inner().unwrap_or_else(PoisonError::into_inner);
    let faults =
        checks.lock().unwrap_or_else(PoisonError::into_inner).faults(&system.credentials.tenant, &events, &files);
    let timings = report::Timings { published, delivered, exported };
    report::print(&events, bytes, &timings, &files, &before, &system.usage());
    if faults.is_empty() {
        println!("\nEvery event arrived once, signed, and stands once in a closed file.");
        return Ok(());
    }
    Err(DemoError::Failed(faults.join("; ")))
}

/// Waits until `count` reaches `all`; gives up where it stands still for too long.
async fn wait(
    bar: &ProgressBar,
    all: usize,
    begun: Instant,
    count: impl AsyncFn() -> Result<usize, DemoError>,
) -> Result<Duration, DemoError> {
    let (mut last, mut moved) = (0, Instant::now());
    loop {
        let now = count().await?;
        bar.set_position(now as u64);
        if now >= all {
            return Ok(begun.elapsed());
        }
        if now > last {
            (last, moved) = (now, Instant::now());
        } else if moved.elapsed() > PATIENCE {
            return Err(DemoError::Failed(format!("{}: only {now} of {all} arrived", bar.message())));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The closed files of the bucket: key and content.
async fn export_files(s3: &S3Access) -> Result<Vec<(String, String)>, DemoError> {
    let client = s3.client();
    let fail = |e: &dyn std::error::Error| {
        DemoError::Failed(format!("reading the bucket: {}", aws_sdk_s3::error::DisplayErrorContext(e)))
    };
    let listed = client.list_objects_v2().bucket(&s3.bucket).send().await.map_err(|e| fail(&e))?;
    let mut files = Vec::new();
    for key in listed.contents().iter().filter_map(|object| object.key()).filter(|key| key.ends_with(".export")) {
        let object = client.get_object().bucket(&s3.bucket).key(key).send().await.map_err(|e| fail(&e))?;
        let bytes = object.body.collect().await.map_err(|e| fail(&e))?.into_bytes();
        files.push((key.to_owned(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    Ok(files)
}

struct Bars {
    published: ProgressBar,
    delivered: ProgressBar,
    exported: ProgressBar,
}

impl Bars {
    fn new(events: usize) -> Self {
        let all = MultiProgress::new();
        let style = ProgressStyle::with_template("{msg:10} [{bar:40}] {pos}/{len}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = |name: &'static str| {
            let bar = all.add(ProgressBar::new(events as u64).with_style(style.clone()).with_message(name));
            bar.tick();
            bar
        };
        Self { published: bar("published"), delivered: bar("delivered"), exported: bar("exported") }
    }

    fn finish(&self) {
        for bar in [&self.published, &self.delivered, &self.exported] {
            bar.finish();
        }
    }
}
