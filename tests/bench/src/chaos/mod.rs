//! `kill -9` at any moment, and then the reckoning: every event that was acknowledged is accounted for, on each of ten
//! routes, in the log and in the files.

mod account;
mod ledger;
mod publishers;
mod routes;
mod served;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;
use sluice::ports::Ports;
use tokio::sync::watch;

use account::Account;
use ledger::Ledger;
use routes::Routes;
use served::{Client, Served};

/// How many events there are to one `kill -9`, if nothing else is asked for.
const EVENTS_PER_KILL: usize = 15_000;
/// How long nothing may happen before what is missing counts as missing.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long nothing may come before all has come that comes more than once.
const QUIET: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(50);

/// What to do.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Events to publish
    #[arg(long, default_value_t = 20_000)]
    events: usize,
    /// What is published, and when the process is killed, follow from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often the process is killed; by default twice, and once more for every 15,000 events
    #[arg(long)]
    kills: Option<usize>,
    /// The program `sluice`; by default the one beside this program
    #[arg(long)]
    program: Option<PathBuf>,
    /// A folder below which the data goes; by default that for temporary files
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Runs it, and prints the account; `false` if something that was acknowledged is missing, twice or out of order.
pub(crate) async fn run(options: &Options) -> Result<bool> {
    let folder = match &options.data {
        Some(parent) => tempfile::tempdir_in(parent)?,
        None => tempfile::tempdir()?,
    };
    let program = match &options.program {
        Some(program) => program.clone(),
        None => std::env::current_exe()?.with_file_name("sluice"),
    };
    ensure!(program.is_file(), "{} is not there: build the workspace's binaries first", program.display());
    let kills = options.kills.unwrap_or(2 + options.events / EVENTS_PER_KILL);
    let begun = Instant::now();

    let ledger = Arc::new(Ledger::new(options.events));
    let mut served = Served::start(&program, folder.path()).await?;
    let since = Ports::system().now();
    let (current, client) = watch::channel(served.client()?);
    let routes = Routes::register(&ledger, &served).await?;
    let mut rng = Rng::with_seed(options.seed);
    let publishers = publishers::start(&ledger, &client, options.seed);
    let switching = tokio::spawn(routes::switch(Arc::clone(&ledger), client.clone()));

    let mut moments: Vec<usize> = (0..kills).map(|_| rng.usize(0..options.events)).collect();
    moments.sort_unstable();
    for moment in moments {
        while ledger.acknowledged() < moment && !publishers.is_finished() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_millis(rng.u64(0..300))).await;
        served.kill()?;
        served = Served::start(&program, folder.path()).await?;
        current.send_replace(served.client()?);
    }
    publishers.await.context("a publisher")??;
    switching.await.context("the switch")??;
    let published = Instant::now();
    routes.revive();
    println!(
        "{} events in {} requests, {} of which were repeated; {kills} times kill -9; acknowledged after {:.1} s",
        ledger.acknowledged(),
        ledger.requests.load(Ordering::Relaxed),
        ledger.repeated.load(Ordering::Relaxed),
        published.duration_since(begun).as_secs_f64(),
    );

    arrived(&routes).await;
    let client = client.borrow().clone();
    let account = Account::draw(&ledger, &routes, &client, &served.credentials.s3, (since, published)).await?;
    println!("all of it is accounted for after {:.1} s\n\n{account}", begun.elapsed().as_secs_f64());
    served.stop().await?;
    Ok(account.is_good())
}

/// Waits until every event has come to every route, and nothing more comes; or until nothing comes for long.
async fn arrived(routes: &Routes) {
    let (mut last, mut moved) = (routes.requests(), Instant::now());
    loop {
        tokio::time::sleep(LOOK).await;
        let now = routes.requests();
        if now != last {
            (last, moved) = (now, Instant::now());
            continue;
        }
        if moved.elapsed() < QUIET {
            continue;
        }
        let patience = if routes.is_complete() { QUIET } else { PATIENCE };
        if moved.elapsed() > patience {
            return;
        }
    }
}

/// Repeats what an API that is killed at times is asked for, until it answers.
async fn insist(client: &watch::Receiver<Client>, path: &str) -> Result<()> {
    loop {
        let current = client.borrow().clone();
        match current.post(path, None, "").await {
            Ok((200, _)) => return Ok(()),
            Ok((status, text)) => ensure!(status == 503, "{path}: {status} {text}"),
            Err(_) => {}
        }
        tokio::time::sleep(LOOK).await;
    }
}
