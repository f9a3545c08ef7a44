//! Publishing under load: as fast as the answers come, or at a set pace.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures::future::try_join_all;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::events::Generator;
use crate::rig::Rig;

/// Bytes of an event.
pub(crate) const EVENT_BYTES: usize = 1_024;

/// The most bytes of bodies made before.
const BODIES_BYTES: usize = 16 * 1_024 * 1_024;

/// What every publish of a load is.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) connections: usize,
    /// Events of one publish; one is published alone.
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

impl Shape {
    /// One connection's bodies, made before, for their making is no part of the load: all connections' in 16 MB.
    fn bodies(self, seed: u64) -> Vec<Bytes> {
        let mut generator = Generator::new(seed);
        let count = (BODIES_BYTES / (self.connections * self.events * self.bytes)).clamp(1, 512);
        let body = |_| match self.events {
            1 => generator.single(self.bytes),
            events => generator.batch(events, self.bytes),
        };
        (0..count).map(body).collect()
    }
}

/// What a load came to, with what was noted of each publish.
pub(crate) struct Run<Note = Duration> {
    pub(crate) events: u64,
    /// Until the last publish was accepted.
    pub(crate) accepted: Duration,
    /// Until the last event was delivered.
    pub(crate) delivered: Duration,
    /// Requests beyond one an event.
    pub(crate) repeated: u64,
    /// From when each publish was due to its answer, unless something else was noted.
    pub(crate) latencies: Vec<Note>,
}

impl<Note> Run<Note> {
    pub(crate) fn accepted_rate(&self) -> f64 {
        self.events as f64 / self.accepted.as_secs_f64()
    }

    pub(crate) fn delivered_rate(&self) -> f64 {
        self.events as f64 / self.delivered.as_secs_f64()
    }
}

/// Publishes for so long, each connection as fast as it is answered; returns once all is delivered.
pub(crate) async fn closed(rig: &Rig, shape: Shape, lasting: Duration) -> Result<Run> {
    drive(rig, shape, move |_, begun| (begun.elapsed() < lasting).then(Instant::now), |due, _| due.elapsed()).await
}

/// Publishes so many times, each connection as fast as it is answered; returns once all is delivered.
pub(crate) async fn counted(rig: &Rig, shape: Shape, times: u64) -> Result<Run> {
    drive(rig, shape, move |number, _| (number < times).then(Instant::now), |due, _| due.elapsed()).await
}

/// Publishes so many a second, whether answers come or not: a late answer delays no other's due time.
pub(crate) async fn paced(rig: &Rig, shape: Shape, rate: f64, lasting: Duration) -> Result<Run> {
    drive(rig, shape, pace(rate, lasting), |due, _| due.elapsed()).await
}

/// Publishes single events at such a pace; gives how long each took from when it was due until it was delivered.
pub(crate) async fn timed(rig: &Rig, rate: f64, lasting: Duration) -> Result<Vec<Duration>> {
    let shape = Shape { connections: 32, events: 1, bytes: EVENT_BYTES };
    let published = drive(rig, shape, pace(rate, lasting), |due, answer| (due, answer)).await?.latencies;
    let taken = |(due, answer): (Instant, Bytes)| {
        let answer: Value = serde_json::from_slice(&answer).context("the answer to a publish")?;
        let id = answer["events"][0]["id"].as_str().context("an answer without an id")?;
        Ok(rig.sink.arrival(id).context("an event arrived under another id")?.duration_since(due))
    };
    published.into_iter().map(taken).collect()
}

fn pace(rate: f64, lasting: Duration) -> impl Fn(u64, Instant) -> Option<Instant> + Clone + Send + 'static {
    move |number, begun| {
        let due = Duration::from_secs_f64(number as f64 / rate);
        (due < lasting).then(|| begun + due)
    }
}

/// Publishes by turns: `due` says when the turn of a number is, or that the load is over; `note` what to keep of it.
async fn drive<Note: Send + 'static>(
    rig: &Rig,
    shape: Shape,
    due: impl Fn(u64, Instant) -> Option<Instant> + Clone + Send + 'static,
    note: impl Fn(Instant, Bytes) -> Note + Copy + Send + 'static,
) -> Result<Run<Note>> {
    rig.sink.clear();
    let connections = try_join_all((0..shape.connections).map(|_| rig.connect())).await?;
    let bodies = (1..=shape.connections as u64).map(|seed| shape.bodies(seed)).collect::<Vec<_>>();
    let (turns, begun) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let mut publishers = JoinSet::new();
    for (mut connection, bodies) in connections.into_iter().zip(bodies) {
        let (turns, due) = (Arc::clone(&turns), due.clone());
        publishers.spawn(async move {
            let mut latencies = Vec::new();
            while let Some(at) = due(turns.fetch_add(1, Ordering::Relaxed), begun) {
                let body = bodies[latencies.len() % bodies.len()].clone();
                tokio::time::sleep_until(at.into()).await;
                let answer = connection.publish(body).await?;
                latencies.push(note(at, answer));
            }
            Ok::<_, anyhow::Error>(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(done) = publishers.join_next().await {
        latencies.extend(done??);
    }
    let accepted = begun.elapsed();
    let events = (latencies.len() * shape.events) as u64;
    rig.sink.wait_for(events).await?;
    let delivered = begun.elapsed();
    Ok(Run { events, accepted, delivered, repeated: rig.sink.requests() - events, latencies })
}
