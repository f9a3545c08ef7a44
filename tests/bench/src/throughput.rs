//! `throughput`: what one machine takes in and delivers, next to what it could at most, its price and its memory.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use sluice::domain::chunk;
use sluice::domain::event::Event;
use sluice::domain::time::Millis;
use sluice_local::usage::difference;

use crate::load::{EVENT_BYTES, Run, Shape, closed, paced};
use crate::measure::{cpu_time, peak_mb, percentile, reset_peak};
use crate::report::{Figures, aws_calls, prices};
use crate::rig::Rig;
use crate::{bare, events};

/// Workers of the load whose price is reckoned.
const PRICED_WORKERS: usize = 8;

/// What can be set.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long each load lasts, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Connections of single publishes.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Connections of batches.
    #[arg(long, default_value_t = 16)]
    batch_connections: usize,
    /// Events of one batch.
    #[arg(long, default_value_t = 100)]
    batch: usize,
    /// Where the data folder is made; default the system's folder for temporary files.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Only these loads, of bare, singles, batches, large, paced.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

impl Options {
    fn wants(&self, load: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == load)
    }
}

/// Measures; says whether every target was met.
pub(crate) async fn run(options: &Options) -> Result<bool> {
    let rig = Rig::start(options.data.clone(), None).await?;
    let lasting = Duration::from_secs(options.seconds);
    let mut bench = Bench { options, rig, lasting, figures: Figures::default(), bare: None, peak: peak_mb()? };
    println!(
        "A batch of {} events of 1 KB compresses {:.1} times (zstd, as the log does it).",
        options.batch,
        ratio(options.batch)?
    );
    let measured = bench.all().await;
    bench.rig.stop().await;
    measured?;
    Ok(bench.figures.met())
}

struct Bench<'a> {
    options: &'a Options,
    rig: Rig,
    lasting: Duration,
    figures: Figures,
    /// The last bare loop's rate.
    bare: Option<f64>,
    /// The most memory so far, in MB.
    peak: f64,
}

impl Bench<'_> {
    async fn all(&mut self) -> Result<()> {
        let single = Shape { connections: self.options.connections, events: 1, bytes: EVENT_BYTES };
        let (connections, events) = (self.options.batch_connections, self.options.batch);
        let batches = Shape { connections, events, ..single };
        // The machine is shared: each load has its own bare loop right before it, and ratios are of the two.
        let mut top = 3_000.0;
        if self.options.wants("singles") {
            self.bare_loop().await?;
            let run = self.closed("Single publishes", single).await?;
            top = run.accepted_rate().min(run.delivered_rate());
            self.figures.at_least("accepted", run.accepted_rate(), 6_000.0, "events/s");
            self.figures.at_least("delivered", run.delivered_rate(), 6_000.0, "events/s");
        }
        if self.options.wants("batches") {
            self.bare_loop().await?;
            let run = self.closed(&format!("Batches of {}", batches.events), batches).await?;
            self.figures.at_least("delivered", run.delivered_rate(), 15_000.0, "events/s");
            if let Some(bare) = self.bare {
                self.figures.at_least("delivered, of the bare loop", run.delivered_rate() / bare, 0.5, "");
            }
        }
        if self.options.wants("large") {
            let large = Shape { connections: 64, events: 4, bytes: 250 * 1_024 };
            self.closed("Batches of 1 MB (4 events of 250 KB) over 64 connections", large).await?;
        }
        if self.options.wants("paced") {
            let rate = top / 2.0;
            println!("\nSingle publishes at a set pace of {rate:.0} a second, half of the top rate:");
            let mut run = paced(&self.rig, Shape { connections: 128, ..single }, rate, self.lasting).await?;
            let (median, late) = (percentile(&mut run.latencies, 0.5), percentile(&mut run.latencies, 0.99));
            println!("  publish p50 {:.1} ms, p99 {:.1} ms", median.as_secs_f64() * 1e3, late.as_secs_f64() * 1e3);
            self.figures.at_most("publish p99", late.as_secs_f64() * 1e3, 15.0, "ms");
        }
        println!();
        self.figures.at_most("peak memory of the process, bench included", self.peak.max(peak_mb()?), 250.0, "MB");
        if self.options.wants("batches") {
            self.price(batches).await?;
        }
        Ok(())
    }

    /// What AWS asks for such a load. There the workers are in processes of their own: messages to them carry the events.
    async fn price(&mut self, shape: Shape) -> Result<()> {
        let rig = Rig::start(self.options.data.clone(), Some(PRICED_WORKERS)).await?;
        let before = rig.system.usage();
        let run = closed(&rig, shape, self.lasting / 4).await;
        let used = difference(&before, &rig.system.usage());
        rig.stop().await;
        println!("\nPrice on AWS of a million events delivered in these batches (list prices, us-east-1):");
        let dollars = prices(&used, run?.events);
        self.figures.at_most("price of a million", dollars, 0.40, "$");
        Ok(())
    }

    async fn bare_loop(&mut self) -> Result<()> {
        if !self.options.wants("bare") {
            return Ok(());
        }
        let cpu = cpu_time()?;
        let rate = bare::rate(&self.rig, self.lasting / 2).await?;
        let posts = self.rig.sink.requests() as f64;
        let each = 1e6 * (cpu_time()? - cpu).as_secs_f64() / posts;
        println!("\nBare loop: {rate:.0} signed posts/s to the same receiver, {each:.0} us of processor time a post.");
        self.bare = Some(rate);
        Ok(())
    }

    /// A load as fast as it goes, with what it took.
    async fn closed(&mut self, name: &str, shape: Shape) -> Result<Run> {
        println!("\n{name}, {} connections, {} s:", shape.connections, self.lasting.as_secs());
        self.peak = self.peak.max(peak_mb()?);
        reset_peak();
        let (cpu, before) = (cpu_time()?, self.rig.system.usage());
        let mut run = closed(&self.rig, shape, self.lasting).await?;
        let cpu = (cpu_time()? - cpu).as_secs_f64();
        let calls = aws_calls(&difference(&before, &self.rig.system.usage()));
        let (cores, each) = (cpu / run.delivered.as_secs_f64(), 1e6 * cpu / run.events as f64);
        let (peak, accepted, delivered) = (peak_mb()?, run.accepted_rate(), run.delivered_rate());
        self.peak = self.peak.max(peak);
        let late = percentile(&mut run.latencies, 0.99).as_secs_f64() * 1e3;
        let share = self.bare.map_or(String::new(), |bare| format!(", {:.2} of the bare loop", delivered / bare));
        println!(
            "  {} events; accepted {accepted:.0}/s, delivered {delivered:.0}/s{share}; {} sent twice; publish p99 {late:.0} ms",
            run.events, run.repeated
        );
        println!("  {cores:.2} cores, {each:.0} us of processor time an event; peak memory {peak:.0} MB");
        println!("  AWS calls for 1,000 events: {}", per_thousand(&calls, run.events));
        Ok(run)
    }
}

fn per_thousand(calls: &[(String, u64)], events: u64) -> String {
    let each = |(name, calls): &(String, u64)| format!("{name} {:.1}", *calls as f64 * 1e3 / events as f64);
    calls.iter().map(each).collect::<Vec<_>>().join(", ")
}

/// How many times a batch's chunk is smaller than its events.
fn ratio(count: usize) -> Result<f64> {
    let mut generator = events::Generator::new(42);
    let mut logged = Vec::with_capacity(count);
    for number in 0..count {
        let (name, payload) = generator.event(EVENT_BYTES);
        logged.push(Event {
            id: format!("{number:030}"),
            name: name.to_owned(),
            published_at: Millis(1_767_225_600_000),
            logged_at: Millis(1_767_225_600_000),
            payload: serde_json::value::RawValue::from_string(payload)?,
            partner_id: None,
            document_type: None,
            ordering_key: None,
        });
    }
    let raw: usize = logged.iter().map(|event| event.payload.get().len()).sum();
    Ok(raw as f64 / chunk::encode(&logged)?.len() as f64)
}
