//! `isolation`: what a healthy webhook loses by a dead one beside it that has 100,000 events behind it.
//!
//! The machine is shared, so nothing is measured only once: a round is alone, beside, beside, alone, one right after
//! the other, and gives one ratio; what slows the machine in the course of a round slows both alike.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use sluice::domain::route::RouteStatus;
use sluice_local::usage::difference;

use crate::dead::{Dead, Kind};
use crate::load::{EVENT_BYTES, Run, Shape, closed, counted, timed};
use crate::measure::percentile;
use crate::report::{Figures, aws_calls};
use crate::rig::Rig;

/// The id of the dead webhook.
const DEAD: &str = "dead";
/// How long it may take to be suspended, or to be probed once more.
const PATIENCE: Duration = Duration::from_secs(180);

/// What can be set.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Events published to the dead target before anything is measured beside it.
    #[arg(long, default_value_t = 100_000)]
    events: u64,
    /// Rounds for each kind of dead target.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each load lasts, in seconds: four of a round are as fast as it goes, two at a set pace.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Connections of batches.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Events of one batch.
    #[arg(long, default_value_t = 100)]
    batch: usize,
    /// Single events a second of the loads at a set pace.
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    /// Where the data folder is made; default the system's folder for temporary files.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Workers that share nothing but the servers, each with one call at a time; default one, which shares everything.
    #[arg(long)]
    workers: Option<usize>,
    /// Only these kinds of dead target.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Kind::Refusing, Kind::Hanging])]
    only: Vec<Kind>,
}

/// Measures; says whether every target was met.
pub(crate) async fn run(options: &Options) -> Result<bool> {
    let mut worst = f64::INFINITY;
    for kind in &options.only {
        // Each over a folder of its own: a log that grows and grows is no part of this.
        let rig = Rig::start(options.data.clone(), options.workers).await?;
        let mut bench = Bench { options, rig, kind: *kind, alone: Side::default(), beside: Side::default() };
        let measured = bench.all().await;
        bench.rig.stop().await;
        worst = worst.min(measured?);
    }
    println!();
    let mut figures = Figures::default();
    figures.at_least("healthy beside dead, of alone (worst median)", worst, 0.9, "");
    Ok(figures.met())
}

/// What was measured with or without the dead target.
#[derive(Default)]
struct Side {
    rates: Vec<f64>,
    /// From when a single event was due until it was delivered.
    delays: Vec<Duration>,
    /// AWS calls for 1,000 events.
    calls: Vec<f64>,
}

impl Side {
    fn print(&mut self, name: &str) {
        let (rate, calls) = (median(&mut self.rates), median(&mut self.calls));
        let [middle, late] = [0.5, 0.99].map(|share| 1e3 * percentile(&mut self.delays, share).as_secs_f64());
        println!(
            "  {name:<7} {rate:>6.0} events/s, {calls:.1} AWS calls for 1,000; single events p50 {middle:.1} ms, p99 {late:.1} ms"
        );
    }
}

/// The rounds beside one kind of dead target.
struct Bench<'a> {
    options: &'a Options,
    rig: Rig,
    kind: Kind,
    alone: Side,
    beside: Side,
}

impl Bench<'_> {
    /// Every round; gives the median of their ratios.
    async fn all(&mut self) -> Result<f64> {
        println!("\nBeside a target that {}, {} rounds:", self.kind, self.options.rounds);
        // What is loaded and compiled once is no part of the first round.
        self.fast().await?;
        let mut ratios = Vec::new();
        for _ in 0..self.options.rounds {
            ratios.push(self.round().await?);
        }
        let ratio = median(&mut ratios);
        self.alone.print("alone");
        self.beside.print("beside");
        let (least, most) = (ratios.first().unwrap_or(&ratio), ratios.last().unwrap_or(&ratio));
        println!("  of its rate alone the healthy one keeps {ratio:.3} (median; {least:.3} to {most:.3})");
        if self.kind == Kind::Hanging {
            self.recovery().await?;
        }
        Ok(ratio)
    }

    /// Alone, beside, beside, alone.
    async fn round(&mut self) -> Result<f64> {
        let mut alone = self.beside_nobody().await?;
        let delays = self.paced().await?;
        self.alone.delays.extend(delays);
        let (_dead, filled) = self.bury().await?;
        let dying = filled.delivered_rate() / alone;
        let (first, delays, second) = (self.beside_dead().await?, self.paced().await?, self.beside_dead().await?);
        self.beside.delays.extend(delays);
        let (route, attempts) = self.rig.route(DEAD).await?;
        let expected = if self.kind == Kind::Slow { RouteStatus::Running } else { RouteStatus::Suspended };
        ensure!(route.status() == expected, "the dead target is {:?}", route.status());
        self.rig.remove(DEAD).await?;
        alone += self.beside_nobody().await?;
        let ratio = (first + second) / alone;
        println!(
            "  {ratio:.3}; {dying:.3} while it died; {attempts} attempts at it, with {} events behind it at first",
            filled.events
        );
        Ok(ratio)
    }

    /// A load as fast as it goes, without a dead target; gives what was delivered in a second.
    async fn beside_nobody(&mut self) -> Result<f64> {
        let (rate, calls) = self.fast().await?;
        self.alone.rates.push(rate);
        self.alone.calls.push(calls);
        Ok(rate)
    }

    /// The same with one.
    async fn beside_dead(&mut self) -> Result<f64> {
        let (rate, calls) = self.fast().await?;
        self.beside.rates.push(rate);
        self.beside.calls.push(calls);
        Ok(rate)
    }

    /// A load as fast as it goes: what was delivered in a second, and the AWS calls for 1,000 events.
    async fn fast(&self) -> Result<(f64, f64)> {
        let before = self.rig.system.usage();
        let run = closed(&self.rig, self.batches(), self.lasting()).await?;
        let calls: u64 = aws_calls(&difference(&before, &self.rig.system.usage())).iter().map(|(_, calls)| calls).sum();
        Ok((run.delivered_rate(), 1e3 * calls as f64 / run.events as f64))
    }

    async fn paced(&self) -> Result<Vec<Duration>> {
        timed(&self.rig, self.options.rate, self.lasting()).await
    }

    /// A dead target that events are published to until enough are behind it and it is suspended.
    async fn bury(&self) -> Result<(Dead, Run)> {
        let dead = Dead::start(self.kind).await?;
        self.rig.register(DEAD, &dead.callback()?).await?;
        let run = counted(&self.rig, self.batches(), self.options.events.div_ceil(self.options.batch as u64)).await?;
        // One that is slow is never suspended.
        if self.kind != Kind::Slow {
            self.becomes(RouteStatus::Suspended).await?;
        }
        Ok((dead, run))
    }

    /// What the healthy one loses while a dead one is back and catches up.
    async fn recovery(&mut self) -> Result<()> {
        let (dead, _) = self.bury().await?;
        dead.revive();
        self.becomes(RouteStatus::Running).await?;
        let caught_up = dead.answered();
        let run = closed(&self.rig, self.batches(), self.lasting()).await?;
        let catching_up = (dead.answered() - caught_up) as f64 / run.delivered.as_secs_f64();
        let rate = run.delivered_rate();
        println!(
            "  when it is back: {rate:.0} events/s, {:.3} of alone, while it gets {catching_up:.0} a second itself",
            rate / median(&mut self.alone.rates)
        );
        self.rig.remove(DEAD).await
    }

    async fn becomes(&self, status: RouteStatus) -> Result<()> {
        let begun = Instant::now();
        while self.rig.route(DEAD).await?.0.status() != status {
            if begun.elapsed() > PATIENCE {
                bail!("the dead target does not become {status:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn batches(&self) -> Shape {
        Shape { connections: self.options.connections, events: self.options.batch, bytes: EVENT_BYTES }
    }

    fn lasting(&self) -> Duration {
        Duration::from_secs(self.options.seconds)
    }
}

/// The middle one, or the mean of the two in the middle. Leaves them sorted.
fn median(figures: &mut [f64]) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures {
        [] => 0.0,
        odd if odd.len() % 2 == 1 => odd[middle],
        even => f64::midpoint(even[middle - 1], even[middle]),
    }
}
