//! Transactions against a model: whatever was recorded, each page of each filter has what is asked for, once.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sluice::domain::scope::Scope;
use sluice::domain::time::Millis;
use sluice::domain::transaction::{Direction, Outcome, RouteKind, RouteRef, TransactionFilter, TransactionStatus};
use sluice::ports::Ports;
use sluice::store::transactions::Transactions;

use super::{Store, scope};

const STATUSES: [TransactionStatus; 4] =
    [TransactionStatus::Delivered, TransactionStatus::Failed, TransactionStatus::Rejected, TransactionStatus::Dead];

/// An attempt whose facts follow from its number: two in three succeed at once.
fn outcome(n: i64, size: usize) -> Outcome {
    let status = if n % 3 == 0 { STATUSES[(n / 3 % 4) as usize] } else { TransactionStatus::Delivered };
    let attempt = if n % 3 == 0 { 2 } else { 1 };
    let uid = format!("rt_{:032x}", n % 5);
    Outcome {
        route: RouteRef {
            uid: uid.clone(),
            kind: [RouteKind::Subscription, RouteKind::Pipeline][(n % 2) as usize],
            id: uid,
        },
        direction: if n % 11 == 0 { Direction::Inbound } else { Direction::Outbound },
        event: format!("evt_{n}"),
        name: "a.b".to_owned(),
        // Over four days, out of order.
        logged_at: Millis(1_800_000_000_000 + n * 7_919 % 345_600 * 1_000),
        partner_id: (n % 4 > 0).then(|| format!("p-{}", n % 4)),
        document_type: (n % 7 > 0).then(|| format!("d-{}", n % 7)),
        attempt,
        status,
        code: Some(200),
        millis: 1,
        response: "x".repeat(size),
        error: String::new(),
        at: Millis(1_800_000_000_000 + n),
        discarded: false,
    }
}

/// Every page of a filter.
async fn pages(
    transactions: &Transactions,
    scope: &Scope,
    filter: &TransactionFilter,
    limit: usize,
) -> Result<Vec<Outcome>> {
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..10_000 {
        let (page, next) = transactions.page(scope, filter, after.as_ref(), limit).await?;
        ensure!(page.len() <= limit, "{} on a page of {limit}", page.len());
        found.extend(page);
        let Some(next) = next else { return Ok(found) };
        after = Some(next);
    }
    anyhow::bail!("the pages do not end: {filter:?}")
}

fn ids(outcomes: &[Outcome]) -> BTreeSet<String> {
    outcomes.iter().map(|outcome| outcome.id().to_string()).collect()
}

#[tokio::test]
async fn every_page_of_every_filter_has_what_is_asked_for_once() -> Result<()> {
    let (store, scope) = (Store::start().await?, scope()?);
    let transactions = Transactions::new(store.db.clone(), Duration::from_secs(31 * 86_400));
    // Bodies in their headers and bodies of their own.
    let all: Vec<Outcome> = (0..700).map(|n| outcome(n, if n < 350 { 0 } else { 64 })).collect();
    for call in all.chunks(53) {
        transactions.record(&scope, call.to_vec()).await?;
    }
    let day = |day: i64| Some(Millis(1_800_000_000_000 + day * 86_400_000));
    let filters = [
        TransactionFilter::default(),
        TransactionFilter { statuses: vec![TransactionStatus::Delivered], ..TransactionFilter::default() },
        TransactionFilter { statuses: STATUSES[2..].to_vec(), ..TransactionFilter::default() },
        TransactionFilter { partner_id: Some("p-2".to_owned()), ..TransactionFilter::default() },
        TransactionFilter { direction: Some(Direction::Inbound), ..TransactionFilter::default() },
        TransactionFilter { direction: Some(Direction::Outbound), from: day(2), ..TransactionFilter::default() },
        TransactionFilter { statuses: STATUSES[2..].to_vec(), deliveries: true, ..TransactionFilter::default() },
        TransactionFilter { deliveries: true, to: day(2), ..TransactionFilter::default() },
        TransactionFilter { partner_id: Some("nobody".to_owned()), ..TransactionFilter::default() },
        TransactionFilter {
            partner_id: Some("p-1".to_owned()),
            statuses: vec![TransactionStatus::Dead],
            ..TransactionFilter::default()
        },
        TransactionFilter { document_type: Some("d-3".to_owned()), from: day(1), ..TransactionFilter::default() },
        TransactionFilter { from: day(1), to: day(2), ..TransactionFilter::default() },
        TransactionFilter { to: day(3), route: Some(format!("rt_{:032x}", 2)), ..TransactionFilter::default() },
    ];
    for (filter, limit) in filters.iter().flat_map(|filter| [(filter, 7), (filter, 500)]) {
        let found = pages(&transactions, &scope, filter, limit).await?;
        let wanted: Vec<Outcome> = all.iter().filter(|outcome| filter.matches(outcome)).cloned().collect();
        let (found_ids, wanted_ids) = (ids(&found), ids(&wanted));
        ensure!(found_ids == wanted_ids, "{filter:?}: {} of {}", found_ids.len(), wanted_ids.len());
        ensure!(found.len() == wanted.len(), "{filter:?}: {} were found twice", found.len() - wanted.len());
    }
    // Each by its id; one that is sent again is still found once, and then by its new state.
    for outcome in all.iter().step_by(41) {
        let found = transactions.find(&scope, &outcome.id()).await?.context("it is there")?;
        ensure!((&found.last.event, found.attempts.len()) == (&outcome.event, 1), "{found:?}");
        transactions.reopen(&scope, &found.last, found.header.as_deref()).await?;
    }
    let queued = TransactionFilter { statuses: vec![TransactionStatus::Queued], ..TransactionFilter::default() };
    ensure!(pages(&transactions, &scope, &queued, 5).await?.len() == all.len().div_ceil(41));
    ensure!(pages(&transactions, &scope, &TransactionFilter::default(), 50).await?.len() == all.len());
    store.servers.stop().await;
    Ok(())
}

#[tokio::test]
async fn what_comes_late_does_not_undo_what_came_after_it() -> Result<()> {
    let (store, scope) = (Store::start().await?, scope()?);
    let transactions = Transactions::new(store.db.clone(), Duration::from_secs(86_400));
    let now = Ports::system().now();
    let attempt = |attempt, status, after| Outcome { attempt, status, at: now.plus(after), ..outcome(3, 4_096) };
    let first = attempt(1, TransactionStatus::Failed, Duration::ZERO);
    let second = attempt(2, TransactionStatus::Delivered, Duration::from_secs(1));
    transactions.record(&scope, vec![second.clone()]).await?;
    transactions.record(&scope, vec![first.clone()]).await?;
    // A worker may record the same twice.
    transactions.record(&scope, vec![first.clone(), second.clone()]).await?;
    let found = transactions.find(&scope, &first.id()).await?.context("it is there")?;
    ensure!(found.last.status == TransactionStatus::Delivered, "{:?}", found.last);
    ensure!(found.attempts == [first, second], "{:?}", found.attempts);
    store.servers.stop().await;
    Ok(())
}
