use proptest::prelude::*;

use super::*;
use crate::export::Position;
use crate::face::integration::{Integration, IntegrationType};
use crate::ids::ChunkId;

pub(crate) fn draft() -> Draft {
    Draft {
        face: Face::Integration(Integration { integration_type: IntegrationType::Permanent }),
        id: "one".into(),
        filter: FilterConditions::default(),
        destination: Destination { kind: "webhook".into(), parameters: serde_json::json!({}) },
        way: Way::Live,
        retry: RetryKind::Stream,
        starts_at: None,
        ends_at: None,
    }
}

/// A route that is live from `live_from`.
pub(crate) fn route(live_from: i64) -> Route {
    Route::new(draft(), "rt_1".into(), Millis(live_from), Millis(live_from), Millis::ZERO)
}

proptest! {
    /// Whatever is started, stopped and suspended when, with a history first or without: each event has exactly one way, live or replay, and the
    /// same one however long its chunk waits in the queue.
    #[test]
    fn every_event_has_exactly_one_way(history: bool, steps in prop::collection::vec((1_i64..50, 0..4), 0..30)) {
        let mut route = route(0);
        if history {
            route.state.live_until = Some(route.state.live_from);
        }
        let mut live = Vec::new();
        for (wait, step) in steps {
            let now = live.len() as i64;
            live.extend((now..now + wait).map(|t| route.takes_live(Millis(t))));
            let now = now + wait;
            // Each takes effect a little later than it is asked for, as in the real thing.
            match step {
                0 => route.start(Millis(now), Millis(now + 2)),
                1 => route.stop(Millis(now), Millis(now + 2)),
                2 => route.go_live(Millis(now + 2)),
                _ => route.suspend(Millis(now), Millis(now + 2)),
            };
        }
        let now = live.len() as i64;
        live.extend((now..now + 10).map(|t| route.takes_live(Millis(t))));
        let end = live.len() as i64;
        route.stop(Millis(end), Millis(end));
        route.start(Millis(end), Millis(end));
        for (t, at_once) in (0..).map(Millis).zip(live) {
            let replayed = route.state.backlog.iter().filter(|span| span.from.at() <= t && t < span.to).count();
            prop_assert_eq!(usize::from(at_once) + replayed, 1, "dispatched at once: {:?}", t);
            prop_assert_eq!(usize::from(route.takes_live(t)) + replayed, 1, "dispatched at the end: {:?}", t);
        }
    }

    /// Whatever chunks hold, and however many events a stretch takes: each comes once, in the order of the log.
    #[test]
    fn stretches_pass_each_event_once(chunks in prop::collection::vec(1_usize..5, 0..10), size in 1_usize..7) {
        let place = |(t, events): (i64, &usize)| {
            let chunk = ChunkId::new(Millis(t), [0; 5]);
            (0..*events).map(move |index| Position { chunk, index }).collect::<Vec<_>>()
        };
        let log: Vec<Position> = (1..).zip(&chunks).flat_map(place).collect();
        let mut route = route(0);
        route.state.backlog.extend(Span::between(Millis(1), Millis(20)));
        let mut came = Vec::new();
        while let Some(span) = route.state.backlog.first().cloned() {
            let waiting: Vec<Position> = log.iter().filter(|at| **at >= span.start()).copied().collect();
            let next = waiting.get(size).copied().unwrap_or(Position::at(span.to));
            prop_assert!(route.pass(&span, next, true));
            prop_assert!(!route.pass(&span, next, true), "by one worker");
            came.extend(waiting.into_iter().take(size));
        }
        prop_assert_eq!(came, log);
        prop_assert_eq!(route.state.stretches, chunks.iter().sum::<usize>().div_ceil(size).max(1) as u64);
    }
}
