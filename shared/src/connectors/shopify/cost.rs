//! What queries cost, and when there is room for the next one: a shop's bucket of points fills at a steady rate.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::connectors::path::text_of;
use crate::domain::value::Value;

/// The longest that a query waits for room by itself; beyond it the engine waits.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// `extensions.cost` of a response.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cost {
    /// What the query costs at most.
    requested: f64,
    available: f64,
    /// Points a second.
    restore_rate: f64,
}

impl Cost {
    pub(super) fn of(response: &Value) -> Option<Self> {
        let cost = response.get("extensions")?.get("cost")?;
        let status = cost.get("throttleStatus")?;
        let number = |value: Option<&Value>| text_of(value?)?.parse().ok().filter(|number: &f64| number.is_finite());
        Some(Self {
            requested: number(cost.get("requestedQueryCost"))?,
            available: number(status.get("currentlyAvailable"))?,
            restore_rate: number(status.get("restoreRate"))?,
        })
    }

    /// How long until there is room for the same query again.
    pub(super) fn wait(self) -> Duration {
        let missing = (self.requested - self.available).max(0.0);
        let seconds = if self.restore_rate > 0.0 { missing / self.restore_rate } else { 1.0 };
        Duration::try_from_secs_f64(seconds).unwrap_or(MAX_PAUSE)
    }
}

/// Spaces queries so that they are not throttled.
#[derive(Default)]
pub(super) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// Notes what a response says.
    pub(super) fn note(&self, cost: Option<Cost>) {
        let next = cost.map(Cost::wait).filter(|wait| !wait.is_zero()).map(|wait| Instant::now() + wait.min(MAX_PAUSE));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// Waits until there is room for a query like the last one.
    pub(super) async fn wait(&self) {
        let next = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = next {
            tokio::time::sleep_until(next).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_follows_from_the_rate() {
        let wait = |requested: u32, available: u32, rate: u32| {
            let status =
                format!(r#"{{"maximumAvailable":1000,"currentlyAvailable":{available},"restoreRate":{rate}.0}}"#);
            let cost = format!(r#"{{"requestedQueryCost":{requested},"throttleStatus":{status}}}"#);
            let text = format!(r#"{{"extensions":{{"cost":{cost}}}}}"#);
            Cost::of(&Value::parse(text.as_bytes()).expect("JSON")).map(Cost::wait)
        };
        assert_eq!(wait(70, 66, 50), Some(Duration::from_millis(80)));
        assert_eq!(wait(70, 500, 50), Some(Duration::ZERO));
        assert_eq!(wait(70, 0, 0), Some(Duration::from_secs(1)));
        assert_eq!(Cost::of(&Value::Null), None);
    }
}
