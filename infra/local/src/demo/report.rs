//! The demo's report: numbers, rates, files, and the price on AWS.

use std::time::Duration;

use super::DemoEvent;
use crate::usage::{Report, difference, price};

/// When each way had everything, from the first publish on.
pub(super) struct Timings {
    pub(super) published: Duration,
    pub(super) delivered: Duration,
    pub(super) exported: Duration,
}

pub(super) fn print(
    events: &[DemoEvent],
    bytes: usize,
    timings: &Timings,
    files: &[(String, String)],
    before: &Report,
    after: &Report,
) {
    let count = events.len();
    println!("\n{count} events, {:.1} KB of payloads", bytes as f64 / 1_024.0);
    println!("  {:<12} {:>8} {:>10} {:>12}", "", "events", "seconds", "events/s");
    let rows = [("accepted", timings.published), ("delivered", timings.delivered), ("exported", timings.exported)];
    for (name, took) in rows {
        let seconds = took.as_secs_f64();
        println!("  {name:<12} {count:>8} {seconds:>10.2} {:>12.0}", count as f64 / seconds.max(1e-9));
    }
    println!("\nfiles");
    for (key, text) in files {
        println!("  {key}  {} lines, {} bytes", text.lines().count(), text.len());
    }
    println!("\non AWS this would have cost (list prices, us-east-1)");
    let rows = price(&difference(before, after));
    let total: f64 = rows.iter().map(|(_, dollars, _)| dollars).sum();
    for (service, dollars, of) in rows {
        println!("  {service:<12} ${dollars:.7}  {of}");
    }
    println!("  {:<12} ${total:.7}  or ${:.2} per million events", "together", total / count as f64 * 1e6);
}
