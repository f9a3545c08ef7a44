use proptest::prelude::*;

use super::*;
use crate::export::Position;
use crate::face::integration::{Integration, IntegrationType};
use crate::ids::ChunkId;

pub(crate) fn draft() -> Draft {
    Draft {
        face: Face::Integration(Integration { integration_type: IntegrationType::Permanent }),
        id: "one".into(),
        partner_id: None,
        filter: FilterConditions::default(),
        destination: Destination { kind: "webhook".into(), parameters: serde_json::json!({}) },
        way: Way::Live,
        retry: RetryKind::Stream,
        deliver_within_seconds: None,
        starts_at: None,
        ends_at: None,
    }
}

/// A route that is live from `live_from`.
pub(crate) fn route(live_from: i64) -> Route {
    Route::new(draft(), "rt_1".into(), Millis(live_from), Millis(live_from), Millis::ZERO)
}

const DAY: i64 = 86_400_000;

/// A route made at time 100 of its draft, live from 100; the log begins at time 10.
fn made(draft: Draft) -> Route {
    Route::new(draft, "rt_1".into(), Millis(100), Millis(100), Millis(10))
}

/// The log times that replay has still to send.
fn backlog(route: &Route) -> Vec<(i64, i64)> {
    route.state.backlog().iter().map(|span| (span.from.at().0, span.to.0)).collect()
}

#[test]
fn a_window_takes_in_its_start_and_not_its_end() {
    let route = made(Draft { starts_at: Some(Millis(150)), ends_at: Some(Millis(200)), ..draft() });
    let live = [149, 150, 199, 200].map(|at| route.takes_live(Millis(at)));
    assert_eq!((live, backlog(&route)), ([false, true, true, false], vec![]));
    assert_eq!(route.state.live_from(), Millis(150));
}

#[test]
fn history_comes_first_as_far_as_the_log_reaches() {
    let history = |starts_at: i64, ends_at: Option<i64>, way| {
        let route = made(Draft { starts_at: Some(Millis(starts_at)), ends_at: ends_at.map(Millis), way, ..draft() });
        (backlog(&route), route.state.not_live_since())
    };
    assert_eq!(history(50, None, Way::Live), (vec![(50, 100)], Some(Millis(100))));
    assert_eq!(history(1, None, Way::Live), (vec![(10, 100)], Some(Millis(100))));
    let mut route = made(Draft { starts_at: Some(Millis(50)), ..draft() });
    assert!(!route.takes_live(Millis(150)) && route.go_live(Millis(200)) && !route.go_live(Millis(200)));
    assert_eq!(backlog(&route), [(50, 100), (100, 200)]);
    let span = route.state.backlog()[0].clone();
    assert!(route.pass(&span, Position::at(span.to), true) && route.state.stretches() == 1);
    assert_eq!(history(50, Some(80), Way::Live), (vec![(50, 80)], Some(Millis(100))));
    assert_eq!(history(100, None, Way::Live), (vec![], None));
    // These read the log by a cursor of their own.
    for way in [Way::Ordered, Way::Export] {
        assert_eq!(history(50, None, way), (vec![], None), "{way:?}");
    }
    // Files begin with their cursor, whatever is asked for.
    let export = made(Draft { starts_at: Some(Millis(150)), way: Way::Export, ..draft() });
    assert_eq!(export.state.live_from(), Millis(100));
}

#[test]
fn a_status_is_left_once() {
    let mut route = route(0);
    assert!(route.is_running() && !route.start(Millis(1), Millis(1)) && !route.go_live(Millis(1)));
    assert!(route.suspend(Millis(2), Millis(3)) && !route.suspend(Millis(4), Millis(5)));
    assert_eq!((route.status(), route.state.suspended_at()), (RouteStatus::Suspended, Some(Millis(2))));
    assert!(!route.is_running() && !route.go_live(Millis(6)));
    assert!(
        route.stop(Millis(7), Millis(8)) && !route.stop(Millis(9), Millis(10)) && !route.finish(Millis(9), Millis(9))
    );
    // The gap began when it was suspended.
    assert_eq!((route.state.not_live_since(), route.state.suspended_at()), (Some(Millis(3)), None));
    assert_eq!((route.updated_at, route.state.is_finished()), (Millis(7), false));
    assert!(route.start(Millis(11), Millis(12)));
    assert_eq!((backlog(&route), route.updated_at), (vec![(3, 12)], Millis(11)));
}

#[test]
fn a_route_whose_window_is_over_says_so_until_it_is_started() {
    let mut route = route(0);
    assert!(route.finish(Millis(5), Millis(6)));
    assert!(route.state.is_finished() && route.status() == RouteStatus::Stopped);
    assert!(route.start(Millis(7), Millis(8)) && !route.state.is_finished());
}

#[test]
fn a_stop_of_more_than_thirty_days_is_not_caught_up() {
    for (days, late, want) in [(30, 0, vec![(0, 30 * DAY)]), (30, 1, vec![])] {
        let (mut route, back) = (route(0), days * DAY + late);
        assert!(route.stop(Millis(0), Millis(0)) && route.start(Millis(back), Millis(back)));
        assert_eq!(backlog(&route), want, "{late} ms late");
        assert!(!route.takes_live(Millis(back - 1)) && route.takes_live(Millis(back)));
    }
}

#[test]
fn the_newest_fifty_gaps_are_remembered() {
    let mut route = route(0);
    for n in 0..60 {
        assert!(route.stop(Millis(10 * n), Millis(10 * n)) && route.start(Millis(10 * n + 5), Millis(10 * n + 5)));
    }
    let live = [99, 100, 104, 105].map(|at| route.takes_live(Millis(at)));
    assert_eq!((live, route.state.gaps.len()), ([true, false, false, true], 50));
    assert!(route.takes_live(Millis(90)), "a gap too many ago");
}

#[test]
fn a_gap_ends_with_the_window() {
    let mut route = route(0);
    route.window.ends_at = Some(Millis(20));
    assert!(route.stop(Millis(10), Millis(10)) && route.start(Millis(30), Millis(30)));
    assert_eq!(backlog(&route), [(10, 20)]);
}

#[test]
fn an_empty_range_is_not_replayed() {
    let mut route = route(0);
    assert!(!route.replay(Millis(5), Millis(5)) && !route.replay(Millis(6), Millis(5)) && backlog(&route).is_empty());
    assert!(route.replay(Millis(5), Millis(6)) && route.state.backlog()[0].replay);
    assert!(Span::between(Millis(5), Millis(6)).is_some_and(|span| !span.replay));
    assert_eq!(route.state.stretches(), 0);
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

    /// A write may take seconds, and dispatchers see a route as it was written last: events may come twice then, but each
    /// has a way.
    #[test]
    fn no_event_is_lost_by_a_slow_write(steps in prop::collection::vec((1_i64..50, 0..3, prop::collection::vec(0_i64..60, 1..4)), 0..20)) {
        let mut route = route(0);
        // When each state was written.
        let mut written = vec![(0, route.clone())];
        let mut now = 0;
        for (wait, step, writes) in steps {
            now += wait;
            let mut writes = writes.into_iter();
            let mut write = |now: &mut i64, route: &Route| {
                *now += writes.next().unwrap_or(0);
                written.push((*now, route.clone()));
            };
            let changed = match step {
                0 => route.start(Millis(now), Millis(now + 2)),
                1 => route.stop(Millis(now), Millis(now + 2)),
                _ => route.suspend(Millis(now), Millis(now + 2)),
            };
            if !changed {
                continue;
            }
            write(&mut now, &route);
            // It is looked at after each write whether its edge had passed.
            while route.state.live_until.is_none() && now > route.state.live_from.0 {
                let edge = route.state.live_from;
                prop_assert!(route.move_edge(edge, Millis(now + 2)));
                write(&mut now, &route);
            }
        }
        let end = now + 10;
        let ways = |t: i64| {
            let seen = written.iter().rev().find(|(at, _)| *at <= t).map(|(_, route)| route.takes_live(Millis(t)));
            let replayed = route.state.backlog.iter().any(|span| span.from.at().0 <= t && t < span.to.0);
            let waits = route.state.live_until.is_some_and(|until| t >= until.0);
            seen == Some(true) || replayed || waits
        };
        for t in 0..end {
            prop_assert!(ways(t), "{t} has no way: {:?}", route.state);
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
