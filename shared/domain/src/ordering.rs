//! Routes that keep the order of each key: one cursor over the log, and a lane for each key that is behind it.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::export::Position;
use super::ids::ChunkId;
use super::time::Millis;

/// An event and where it stands in the log.
pub type Placed = (Position, Event);

/// How far an ordered route has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The first chunk that was not taken up.
    pub cursor: ChunkId,
    /// The keys of which something before the cursor has still to arrive.
    pub lanes: BTreeMap<String, Lane>,
    /// While the target is suspended: how many probes have failed, and when the next is due.
    #[serde(default)]
    pub probes: u32,
    /// See `probes`.
    #[serde(default)]
    pub probe_at: Millis,
}

/// The waiting part of the log for one key, all of it before the cursor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// Its first event that has not arrived.
    pub from: Position,
    /// After its last event that was taken up.
    pub to: Position,
    /// Which attempt of the first event is next, from 1.
    pub attempt: u32,
    /// When that attempt is due.
    pub not_before: Millis,
}

/// Events of one lane, to be sent one after the other.
#[derive(Clone, Debug)]
pub struct Job {
    /// The lane's name.
    pub lane: String,
    /// The events, in order.
    pub events: Vec<Placed>,
    /// Where the lane begins once they have arrived.
    pub upto: Position,
    /// Which attempt of the first event this is.
    pub attempt: u32,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All its events are done with.
    Through {
        /// Where the lane goes on.
        upto: Position,
    },
    /// It goes on with the event at this place.
    Held {
        /// The event.
        at: Position,
        /// Which attempt of it is next.
        attempt: u32,
        /// The time.
        not_before: Millis,
    },
}

/// The name of an event's lane. An event without a key has a lane of its own.
#[must_use]
pub fn lane_of(event: &Event) -> String {
    match &event.ordering_key {
        Some(key) => format!("k{key}"),
        None => format!("e{}", event.id),
    }
}

impl Progress {
    /// Nothing taken up yet; the first chunk is that of `start`.
    #[must_use]
    pub fn from(start: Millis) -> Self {
        Self { cursor: ChunkId::floor(start), lanes: BTreeMap::new(), probes: 0, probe_at: Millis(0) }
    }

    /// Takes up the next events of the log, in order, and moves the cursor to `next`. Gives the jobs of the keys that
    /// were not behind; the others' events wait in their lanes.
    pub fn take_up(&mut self, events: Vec<Placed>, next: ChunkId) -> Vec<Job> {
        let mut fresh: Vec<Job> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (at, event) in events {
            let (name, upto) = (lane_of(&event), at.next());
            if let Some(lane) = self.lanes.get_mut(&name) {
                lane.to = upto;
            } else {
                self.lanes.insert(name.clone(), Lane { from: at, to: upto, attempt: 1, not_before: Millis(0) });
                places.insert(name.clone(), fresh.len());
                fresh.push(Job { lane: name.clone(), events: Vec::new(), upto, attempt: 1 });
            }
            if let Some(place) = places.get(&name) {
                fresh[*place].events.push((at, event));
                fresh[*place].upto = upto;
            }
        }
        self.cursor = next;
        fresh
    }

    /// The lanes that are due and not being worked on, the one that is furthest behind first.
    #[must_use]
    pub fn due(&self, now: Millis, active: &HashSet<String>) -> Vec<String> {
        let due = self.lanes.iter().filter(|(name, lane)| lane.not_before <= now && !active.contains(*name));
        let mut due: Vec<(&String, &Lane)> = due.collect();
        due.sort_by_key(|(_, lane)| lane.from);
        due.into_iter().map(|(name, _)| name.clone()).collect()
    }

    /// The lane whose first event is the oldest.
    #[must_use]
    pub fn oldest(&self) -> Option<String> {
        self.lanes.iter().min_by_key(|(_, lane)| lane.from).map(|(name, _)| name.clone())
    }

    /// When the next lane is due.
    #[must_use]
    pub fn due_at(&self) -> Option<Millis> {
        self.lanes.values().map(|lane| lane.not_before).min()
    }

    /// Writes down how a job of a lane ended.
    pub fn ended(&mut self, name: &str, end: End) {
        let Some(lane) = self.lanes.get_mut(name) else { return };
        match end {
            End::Through { upto } => (lane.from, lane.attempt, lane.not_before) = (upto, 1, Millis(0)),
            End::Held { at, attempt, not_before } => {
                (lane.from, lane.attempt, lane.not_before) = (at, attempt, not_before);
            }
        }
        if lane.from >= lane.to {
            self.lanes.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::chunk::tests::event;
    use super::*;

    /// A lane's waiting events, as the engine reads them from the log.
    fn job_of(log: &[Placed], progress: &Progress, name: &str, most: usize) -> Job {
        let lane = &progress.lanes[name];
        let inside = |(at, event): &&Placed| *at >= lane.from && *at < lane.to && lane_of(event) == name;
        let events: Vec<Placed> = log.iter().filter(inside).take(most).cloned().collect();
        let upto = if events.len() < most { lane.to } else { events[most - 1].0.next() };
        Job { lane: name.into(), events, upto, attempt: lane.attempt }
    }

    /// Events one second apart, with these keys.
    fn log_of(keys: &[Option<&str>]) -> Vec<Placed> {
        let place = |n: usize| Position { chunk: ChunkId::floor(Millis(n as i64)), index: 0 };
        let of_key = |(n, key): (usize, &Option<&str>)| {
            let ordering_key = key.map(str::to_owned);
            (place(n), Event { ordering_key, ..event(&n.to_string(), "{}") })
        };
        keys.iter().enumerate().map(of_key).collect()
    }

    #[test]
    fn only_events_of_one_key_wait_for_each_other() {
        let mut progress = Progress::from(Millis(0));
        let jobs = progress.take_up(log_of(&[Some("a"), None, Some("b"), None, Some("a")]), ChunkId::floor(Millis(5)));
        let ids = |job: &Job| job.events.iter().map(|(_, event)| event.id.clone()).collect::<Vec<_>>();
        assert_eq!(jobs.iter().map(ids).collect::<Vec<_>>(), [vec!["0", "4"], vec!["1"], vec!["2"], vec!["3"]]);
        // An event without a key, and a key that reads like its id, are two.
        let [keyless, keyed] = [&log_of(&[None])[0].1, &log_of(&[Some("0")])[0].1].map(lane_of);
        assert_ne!(keyless, keyed);
    }

    #[test]
    fn the_oldest_lane_is_the_one_that_is_furthest_behind() {
        let mut progress = Progress::from(Millis(0));
        assert_eq!(progress.oldest(), None);
        let jobs = progress.take_up(log_of(&[Some("z"), Some("a")]), ChunkId::floor(Millis(2)));
        assert_eq!(progress.oldest(), Some(jobs[0].lane.clone()));
        progress.ended(&jobs[0].lane, End::Through { upto: jobs[0].upto });
        assert_eq!((progress.oldest(), progress.due_at()), (Some(jobs[1].lane.clone()), Some(Millis(0))));
        let at = jobs[1].events[0].0;
        progress.ended(&jobs[1].lane, End::Held { at, attempt: 2, not_before: Millis(9) });
        assert_eq!(progress.due_at(), Some(Millis(9)));
    }

    proptest! {
        /// Whatever fails, is broken off or crashes when: the first time that each event of a key arrives comes after
        /// that of the one before it, and in the end all have arrived, each once where nothing crashed.
        #[test]
        fn every_key_arrives_in_order(
            keys in prop::collection::vec(prop::option::of(0_u8..4), 1..60),
            steps in prop::collection::vec((0_u8..10, 0_usize..4, 1_usize..9), 0..120),
        ) {
            let log: Vec<Placed> = keys.iter().enumerate().map(|(n, key)| {
                let mut one = event(&n.to_string(), "{}");
                one.ordering_key = key.map(|key| key.to_string());
                (Position { chunk: ChunkId::floor(Millis(n as i64 / 3)), index: n % 3 }, one)
            }).collect();
            let mut progress = Progress::from(Millis(0));
            let (mut saved, mut jobs): (Progress, Vec<Job>) = (progress.clone(), Vec::new());
            let (mut arrived, mut crashed): (Vec<String>, bool) = (Vec::new(), false);
            let calm = (0..400).map(|_| (0_u8, 9_usize, 3_usize)).flat_map(|step| [step, (3, 9, 3), (6, 9, 3)]);
            for (what, fails_at, chunks) in steps.into_iter().chain(calm) {
                match what {
                    0..=2 => {
                        let next = ChunkId::floor(Millis(progress.cursor.at().0 + chunks as i64));
                        let batch = log.iter().filter(|(at, _)| at.chunk >= progress.cursor && at.chunk < next);
                        jobs.extend(progress.take_up(batch.cloned().collect(), next));
                    }
                    3..=4 => {
                        let active = jobs.iter().map(|job| job.lane.clone()).collect();
                        let due = progress.due(Millis(i64::MAX), &active);
                        jobs.extend(due.iter().map(|name| job_of(&log, &progress, name, chunks)));
                    }
                    5..=7 => while let Some(job) = jobs.pop() {
                        let done = job.events.iter().take(fails_at).map(|(_, event)| event.id.clone());
                        arrived.extend(done);
                        let end = match job.events.get(fails_at) {
                            Some((at, _)) => End::Held { at: *at, attempt: 2, not_before: Millis(1) },
                            None => End::Through { upto: job.upto },
                        };
                        progress.ended(&job.lane, end);
                    },
                    8 => saved = progress.clone(),
                    _ => {
                        crashed = true;
                        (progress, jobs) = (saved.clone(), Vec::new());
                    }
                }
            }
            prop_assert!(progress.lanes.is_empty());
            let first = |id: &str| arrived.iter().position(|one| one == id);
            for (n, (_, one)) in log.iter().enumerate() {
                let place = first(&one.id);
                prop_assert!(place.is_some(), "{} never arrived", one.id);
                let before = log[..n].iter().rev().find(|(_, other)| lane_of(other) == lane_of(one));
                prop_assert!(before.is_none_or(|(_, other)| first(&other.id) < place), "{} came too soon", one.id);
            }
            prop_assert!(crashed || arrived.len() == log.len(), "something came twice without a crash");
        }
    }
}
