//! The tick over very many exports: all are asked for in its minute, and one that has no time left goes on later.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use sluice::deadline::Deadline;
use sluice::domain::export::{Cursor, Position};
use sluice::domain::scope::{Environment, Scope};
use sluice::domain::time::Millis;
use sluice::engine::messages::Recipient;
use sluice::queue::Queue;
use sluice_workers::{Worker, tick};

use crate::support::ByHand;

/// What a tick may take: a minute, and a little for what is not its work.
const TICK: Duration = Duration::from_secs(50);
/// How many routes a tick asks for at once.
const AT_ONCE: usize = 500;

/// Makes so many cursors of routes whose export is due.
async fn due(hand: &ByHand, count: usize) -> Result<()> {
    let scope = Scope { tenant: "many".parse()?, environment: Environment::Production };
    let cursor = |n: usize| Cursor {
        scope: scope.clone(),
        route: format!("rt_{n:032}"),
        route_id: format!("r-{n}"),
        from: Position::at(Millis(1)),
        closed_at: Millis(1),
        ends_at: None,
        plan: None,
        probe: None,
        revision: 1,
    };
    let exports = &hand.app.stores.exports;
    let made = stream::iter((0..count).map(cursor)).map(async |cursor| exports.create(&cursor).await);
    Ok(made.buffer_unordered(32).try_collect().await?)
}

/// The numbers of the routes that were asked for, each once.
async fn asked_for(hand: &ByHand, count: usize) -> Result<BTreeSet<usize>> {
    let mut numbers = BTreeSet::new();
    for taken in 0..count.div_ceil(10) {
        let event = hand.take(Worker::Export, 10, 0).await?;
        ensure!(!event.records.is_empty(), "{taken} tens of {count}");
        for record in &event.records {
            let to: Recipient = serde_json::from_str(record.body.as_deref().context("a body")?)?;
            let number = to.route.strip_prefix("rt_").context("a route")?.parse()?;
            ensure!(numbers.insert(number), "{number} was asked for twice");
        }
        hand.delete(Worker::Export, &event.records).await?;
    }
    ensure!(hand.waiting(Queue::Export).await? == 0, "more than {count} were asked for");
    Ok(numbers)
}

/// Lost without it: with thousands of exports the tick takes longer than its minute, and the last ones are never due.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_exports_are_asked_for_within_a_minute() -> Result<()> {
    let hand = ByHand::start(&[]).await?;
    due(&hand, 5_000).await?;
    let begun = Instant::now();
    tokio::time::timeout(TICK, tick(&hand.app, Deadline::after(TICK))).await??;
    println!("5,000 exports were asked for within {:?}", begun.elapsed());
    ensure!(hand.waiting(Queue::Export).await? == 5_000, "{} were asked for", hand.waiting(Queue::Export).await?);
    ensure!(hand.app.stores.exports.stopped_at().await?.is_none(), "it did not come to its end");
    hand.stop().await;
    Ok(())
}

/// Lost without it: a tick that is broken off begins with the same routes every minute, and the others wait for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_without_time_stops_and_the_next_begins_there() -> Result<()> {
    let hand = ByHand::start(&[]).await?;
    due(&hand, 3 * AT_ONCE).await?;
    // Time to begin with some, none for more: what is sent takes longer than the rest of it.
    let short = Duration::from_secs(25);
    let slow = |operation: &str, _: &str| {
        if operation == "SendMessageBatch" { Duration::from_secs(1) } else { Duration::ZERO }
    };
    for (from, to) in [(0, 1), (1, 2)] {
        hand.delays.set(slow);
        tick(&hand.app, Deadline::after(short)).await?;
        hand.delays.clear();
        let wanted: BTreeSet<usize> = (from * AT_ONCE..to * AT_ONCE).collect();
        ensure!(asked_for(&hand, AT_ONCE).await? == wanted, "others than {from} to {to} times 500");
        // One that has no time at all does not forget the place.
        tick(&hand.app, Deadline::after(Duration::from_secs(1))).await?;
        ensure!(hand.waiting(Queue::Export).await? == 0, "it had no time for these");
        ensure!(hand.app.stores.exports.stopped_at().await?.is_some(), "where it stopped is forgotten");
    }
    tick(&hand.app, Deadline::after(TICK)).await?;
    ensure!(asked_for(&hand, 3 * AT_ONCE).await?.len() == 3 * AT_ONCE, "not all were asked for");
    ensure!(hand.app.stores.exports.stopped_at().await?.is_none(), "it came to its end");
    hand.stop().await;
    Ok(())
}
