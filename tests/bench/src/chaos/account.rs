//! The account: what each route, the log and the files have of what was acknowledged.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;
use sluice::domain::time::Millis;
use sluice_local::provision::S3Access;

use super::PATIENCE;
use super::ledger::{Entry, Ledger};
use super::routes::{FILES, Routes};
use super::served::Client;

/// One line.
struct Line {
    name: String,
    expected: usize,
    arrived: usize,
    missing: usize,
    twice: usize,
    /// Came under another id than was acknowledged, or under two.
    other_ids: usize,
    late: Option<usize>,
    /// When the last of it was there, since the end of publishing.
    complete: Option<Duration>,
    /// Whether each event must be there once alone: a target may get an event again.
    once: bool,
}

/// All lines.
pub(super) struct Account(Vec<Line>);

/// How often each number was found, and under which id; the lines of files have none.
pub(super) type Found = HashMap<usize, (usize, Option<String>)>;

impl Account {
    pub(super) async fn draw(
        ledger: &Ledger,
        routes: &Routes,
        client: &Client,
        s3: &S3Access,
        (since, published): (Millis, Instant),
    ) -> Result<Self> {
        let production = ledger.entries().iter().filter(|entry| !entry.sandbox).count();
        let files = files(s3, production).await?;
        let production_log = log(client, "", since).await?;
        let sandbox_log = log(client, "/sandbox", since).await?;
        let entries = ledger.entries();
        let mut lines = Vec::new();
        for hook in &routes.hooks {
            let tally = hook.tally();
            let mut line = line(hook.name(), &entries, &tally.came, |n, entry| hook.expects(n, entry));
            line.other_ids += tally.other_ids;
            line.complete = tally.last_at.map(|at| at.saturating_duration_since(published));
            line.late = hook.is_ordered().then_some(tally.late);
            line.once = false;
            lines.push(line);
        }
        lines.push(line("files", &entries, &files, |_, entry| !entry.sandbox));
        lines.push(line("log", &entries, &production_log, |_, entry| !entry.sandbox));
        lines.push(line("log of the sandbox", &entries, &sandbox_log, |_, entry| entry.sandbox));
        Ok(Self(lines))
    }

    /// Whether nothing is missing, or is otherwise than it was acknowledged.
    pub(super) fn is_good(&self) -> bool {
        self.0.iter().all(|line| {
            let wrong = line.missing + line.other_ids + line.late.unwrap_or(0);
            wrong == 0 && (!line.once || line.twice == 0)
        })
    }
}

fn line(name: &str, entries: &[Entry], found: &Found, expects: impl Fn(usize, &Entry) -> bool) -> Line {
    let expected: Vec<(usize, &Entry)> = entries.iter().enumerate().filter(|(n, entry)| expects(*n, entry)).collect();
    let missing = expected.iter().filter(|(n, _)| !found.contains_key(n)).count();
    let is_other = |(n, entry): &&(usize, &Entry)| found.get(n).is_some_and(|(_, id)| id.is_some() && *id != entry.id);
    Line {
        name: name.to_owned(),
        expected: expected.len(),
        arrived: found.len(),
        missing,
        twice: found.values().filter(|(times, _)| *times > 1).count(),
        other_ids: expected.iter().filter(is_other).count(),
        late: None,
        complete: None,
        once: true,
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| where | expected | arrived | missing | more than once | other id | out of order | complete after |"
        )?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        for line in &self.0 {
            let late = line.late.map_or_else(|| "–".to_owned(), |late| late.to_string());
            let complete =
                line.complete.map_or_else(|| "–".to_owned(), |after| format!("{:.1} s", after.as_secs_f64()));
            let Line { name, expected, arrived, missing, twice, other_ids, .. } = line;
            writeln!(
                f,
                "| {name} | {expected} | {arrived} | {missing} | {twice} | {other_ids} | {late} | {complete} |"
            )?;
        }
        Ok(())
    }
}

fn note(found: &mut Found, event: &Value) -> Result<()> {
    let number = event["payload"]["n"].as_u64().context("no number")?;
    let id = || event["id"].as_str().map(str::to_owned);
    let entry = found.entry(usize::try_from(number)?).or_insert_with(|| (0, id()));
    entry.0 += 1;
    Ok(())
}

/// The lines of the files, once there are so many or no more come.
async fn files(s3: &S3Access, lines: usize) -> Result<Found> {
    let client = s3.client();
    let (mut last, mut moved) = (0, Instant::now());
    loop {
        let (mut found, mut count) = (Found::new(), 0);
        let mut pages = client.list_objects_v2().bucket(&s3.bucket).prefix(FILES).into_paginator().send();
        while let Some(page) = pages.next().await {
            for key in page?.contents().iter().filter_map(|object| object.key()) {
                let object = client.get_object().bucket(&s3.bucket).key(key).send().await?;
                let text = String::from_utf8(object.body.collect().await?.to_vec())?;
                for line in text.lines() {
                    note(&mut found, &serde_json::from_str(line)?)?;
                    count += 1;
                }
            }
        }
        if count != last {
            (last, moved) = (count, Instant::now());
        }
        if found.len() >= lines || moved.elapsed() > PATIENCE {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// What the log has; it has settled.
async fn log(client: &Client, environment: &str, since: Millis) -> Result<Found> {
    let (mut found, mut place) = (Found::new(), format!("from={since}"));
    loop {
        let page = client.get(&format!("{environment}/v1/events?order=asc&limit=500&{place}")).await?;
        let events = page["events"].as_array().context("a list")?;
        for event in events {
            note(&mut found, event)?;
        }
        // An empty page may have searched only a part of the log, which a run is too short for.
        if events.is_empty() {
            return Ok(found);
        }
        place = format!("after={}", page["next_cursor"].as_str().context("a cursor")?);
    }
}
