//! The cost of a first page of transactions among very many, whatever it asks for.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice::domain::scope::Scope;
use sluice::domain::time::Millis;
use sluice::domain::transaction::{Direction, Outcome, RouteKind, RouteRef, TransactionStatus};
use sluice::store::transactions::Transactions;

use crate::rig::Rig;

/// Outcomes of one worker call.
const CALL: u64 = 500;
/// The most that the median of a page may take.
const TARGET: Duration = Duration::from_millis(50);

/// What can be set.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many transactions there are.
    #[arg(long, default_value_t = 1_000_000)]
    count: u64,
    /// How often each page is read.
    #[arg(long, default_value_t = 21)]
    rounds: usize,
}

/// Measures; says whether every page was read in time.
pub(crate) async fn run(options: &Options) -> Result<bool> {
    let rig = Rig::start(None, None).await?;
    let (scope, transactions) = (rig.scope()?, rig.system.app.stores.transactions.clone());
    let now = rig.system.app.ports.now();
    let begun = Instant::now();
    let calls = (0..options.count.div_ceil(CALL)).map(|call| write(&transactions, &scope, options.count, call, now));
    stream::iter(calls).buffer_unordered(4).try_collect::<()>().await?;
    println!("{} transactions were recorded in {:.0?}", options.count, begun.elapsed());
    let day_ago = now.minus(Duration::from_secs(86_400));
    let pages = [
        String::new(),
        "status=delivered".to_owned(),
        "status=failed".to_owned(),
        "status=dead".to_owned(),
        "status=rejected".to_owned(),
        "partner_id=p-77".to_owned(),
        "partner_id=p-77&status=dead".to_owned(),
        "partner_id=nobody".to_owned(),
        "document_type=invoice".to_owned(),
        "document_type=rare".to_owned(),
        format!("to={day_ago}"),
        format!("to={day_ago}&partner_id=p-5&document_type=order"),
        "direction=inbound".to_owned(),
    ];
    let mut met = true;
    println!("| `GET /v1/transactions?limit=50&…` | found | median | slowest |\n| --- | --- | --- | --- |");
    for page in pages {
        let (found, times) = measure(&rig, &page, options.rounds).await?;
        let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
        println!("| `{page}` | {found} | {median:.1?} | {slowest:.1?} |");
        met &= median <= TARGET;
    }
    rig.stop().await;
    Ok(met)
}

async fn measure(rig: &Rig, page: &str, rounds: usize) -> Result<(usize, Vec<Duration>)> {
    let (mut found, mut times) = (0, Vec::new());
    for _ in 0..rounds.max(1) {
        let begun = Instant::now();
        let answer = rig.get(&format!("/v1/transactions?limit=50&{page}")).await?;
        times.push(begun.elapsed());
        let list = answer["transactions"].as_array().context("transactions")?;
        let whole = list.len() == 50 || answer.get("next_cursor").is_none();
        ensure!(whole, "{page}: a first page that is cut: {} found", list.len());
        found = list.len();
    }
    times.sort();
    Ok((found, times))
}

/// Records what one worker call could: of a thousand, nine do not succeed at once.
async fn write(transactions: &Transactions, scope: &Scope, count: u64, call: u64, now: Millis) -> Result<()> {
    let outcomes = (call * CALL..((call + 1) * CALL).min(count)).map(|n| outcome(n, count, now)).collect();
    Ok(transactions.record(scope, outcomes).await?)
}

fn outcome(n: u64, count: u64, now: Millis) -> Outcome {
    // Over the last 30 days.
    let age = Duration::from_secs(30 * 86_400).mul_f64((count - n) as f64 / count as f64);
    let logged_at = now.minus(age);
    let status = match n % 1_000 {
        0..=2 => TransactionStatus::Failed,
        3..=5 => TransactionStatus::Dead,
        6..=8 => TransactionStatus::Rejected,
        _ => TransactionStatus::Delivered,
    };
    let document = if n % 100_000 == 17 { "rare" } else { ["invoice", "order", "shipment"][(n % 3) as usize] };
    let delivered = status == TransactionStatus::Delivered;
    Outcome {
        route: RouteRef {
            uid: format!("rt_{:032x}", n % 20),
            kind: RouteKind::Integration,
            id: format!("r-{}", n % 20),
        },
        direction: Direction::Outbound,
        event: format!("evt_{n:032x}"),
        name: "order.created".to_owned(),
        logged_at,
        partner_id: Some(format!("p-{}", n * 7_919 % 200)),
        document_type: Some(document.to_owned()),
        attempt: 1,
        status,
        code: Some(if delivered { 200 } else { 500 }),
        millis: (n % 97) as u32,
        response: "ok".to_owned(),
        error: if delivered { String::new() } else { "internal server error (HTTP status code 500)".to_owned() },
        at: logged_at.plus(Duration::from_millis(40)),
        discarded: false,
    }
}
