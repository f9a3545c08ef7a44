//! Figures with their targets.

use sluice_local::usage::{Report, price};

/// Prints figures, and remembers whether one missed its target.
#[derive(Default)]
pub(crate) struct Figures {
    missed: usize,
}

impl Figures {
    /// A figure that is to be no less.
    pub(crate) fn at_least(&mut self, name: &str, value: f64, target: f64, unit: &str) {
        self.print(name, value, &format!(">= {target}"), unit, value >= target);
    }

    /// A figure that is to be no more.
    pub(crate) fn at_most(&mut self, name: &str, value: f64, target: f64, unit: &str) {
        self.print(name, value, &format!("<= {target}"), unit, value <= target);
    }

    fn print(&mut self, name: &str, value: f64, target: &str, unit: &str, met: bool) {
        self.missed += usize::from(!met);
        let decimals = if value >= 100.0 { 0 } else { 2 };
        println!(
            "  {name:<44} {value:>10.decimals$} {unit:<12} target {target:<8} {}",
            if met { "ok" } else { "MISSED" }
        );
    }

    /// Whether every target was met.
    pub(crate) fn met(&self) -> bool {
        self.missed == 0
    }
}

/// The AWS calls of a run, by operation.
pub(crate) fn aws_calls(used: &Report) -> Vec<(String, u64)> {
    let of = |service: &str| used.get(service).into_iter().flatten();
    let named = of("dynamodb").chain(of("sqs")).chain(of("s3")).map(|(name, count)| (name.clone(), count.calls));
    named.filter(|(_, calls)| *calls > 0).collect()
}

/// The price of a run by service, for a million events; gives the sum in dollars.
pub(crate) fn prices(report: &Report, events: u64) -> f64 {
    let million = 1_000_000.0 / events as f64;
    let mut sum = 0.0;
    for (service, dollars, made_of) in price(report) {
        sum += dollars * million;
        println!("  {service:<14} ${:>7.4}  {made_of}", dollars * million);
    }
    sum
}
