//! The connections of a listener: which are open, and whose client keeps us waiting.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Limits;

/// Whether there is room for one more connection.
pub(super) enum Room {
    /// There is.
    Here(Arc<Connection>),
    /// Once another ends.
    Later,
    /// Its peer has all that one may have.
    No,
}

/// Those of one listener.
pub(super) struct Connections {
    limits: Limits,
    open: Arc<Open>,
}

#[derive(Default)]
struct Open {
    table: Mutex<Table>,
    ended: Notify,
}

#[derive(Default)]
struct Table {
    last: u64,
    connections: HashMap<u64, Arc<Connection>>,
    /// How many each peer has.
    peers: HashMap<IpAddr, usize>,
}

/// One connection.
pub(super) struct Connection {
    number: u64,
    peer: IpAddr,
    limits: Limits,
    state: Mutex<State>,
    cut: CancellationToken,
    open: Arc<Open>,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug)]
struct State {
    stage: Stage,
    reading: Pace,
    writing: Pace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Its last request was answered.
    Idle { since: Instant },
    /// Part of a request's head has come; `since` it could come.
    Head { since: Instant, begun: Instant },
    /// A request has come, its body aside.
    Request { since: Instant },
}

/// A request under way; it ends when it is dropped with the body of its answer.
pub(super) struct Exchange(Arc<Connection>);

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.state().stage = Stage::Idle { since: Instant::now() };
    }
}

/// How long we may still wait for bytes to move: waiting uses it up, bytes earn it.
#[derive(Clone, Copy, Debug)]
struct Pace {
    left: Duration,
    waits_since: Option<Instant>,
}

impl Pace {
    fn new(left: Duration) -> Self {
        Self { left, waits_since: None }
    }

    fn waits(&mut self, now: Instant) {
        self.waits_since.get_or_insert(now);
    }

    fn moved(&mut self, bytes: usize, per_second: usize, most: Duration, now: Instant) {
        let waited = self.waits_since.take().map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let earned = Duration::from_secs_f64(bytes as f64 / per_second.max(1) as f64);
        self.left = (self.left.saturating_sub(waited) + earned).min(most);
    }

    fn is_over(&self, now: Instant) -> bool {
        self.waits_since.is_some_and(|since| now.saturating_duration_since(since) > self.left)
    }
}

impl State {
    fn new(limits: &Limits, now: Instant) -> Self {
        let stage = Stage::Head { since: now, begun: now };
        Self { stage, reading: Pace::new(limits.reading), writing: Pace::new(limits.writing) }
    }

    /// Whether its client has kept us waiting for too long.
    fn is_overdue(&self, limits: &Limits, now: Instant) -> bool {
        let late = match self.stage {
            Stage::Idle { since } => now.saturating_duration_since(since) > limits.idle,
            Stage::Head { begun, .. } => now.saturating_duration_since(begun) > limits.head,
            Stage::Request { .. } => self.reading.is_over(now),
        };
        late || self.writing.is_over(now)
    }

    /// Since when its client has kept us waiting; `None` if we are at work for it.
    fn waits_since(&self) -> Option<Instant> {
        match self.stage {
            Stage::Idle { since } | Stage::Head { since, .. } => Some(since),
            Stage::Request { since } => self.reading.waits_since.map(|_| since).or(self.writing.waits_since),
        }
    }
}

/// One peer: an IPv6 host has a whole network of 64 bits.
fn peer_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => {
            let [a, b, c, d, ..] = ip.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        ip => ip,
    }
}

impl Connections {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, open: Arc::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.open.lock().connections.len()
    }

    /// Room for a connection of that peer: where there is none, another is cut for it.
    pub(super) fn admit(&self, peer: IpAddr, now: Instant) -> Room {
        let peer = peer_of(peer);
        let mut open = self.open.lock();
        let of_peer = open.peers.get(&peer).copied().unwrap_or_default();
        if of_peer >= self.limits.per_peer && !peer.is_loopback() {
            let Some(longest) = open.longest_waiting(Some(peer)) else { return Room::No };
            open.cut(longest);
        } else if open.connections.len() >= self.limits.connections && !open.cut_longest_waiting() {
            return Room::Later;
        }
        open.last += 1;
        let connection = Arc::new(Connection {
            number: open.last,
            peer,
            limits: self.limits,
            state: Mutex::new(State::new(&self.limits, now)),
            cut: CancellationToken::new(),
            open: Arc::clone(&self.open),
        });
        open.connections.insert(connection.number, Arc::clone(&connection));
        *open.peers.entry(peer).or_default() += 1;
        Room::Here(connection)
    }

    /// Cuts every connection whose client has kept us waiting for too long.
    pub(super) fn cut_overdue(&self, now: Instant) {
        let mut open = self.open.lock();
        let overdue = open.connections.values().filter(|connection| connection.state().is_overdue(&self.limits, now));
        for number in overdue.map(|connection| connection.number).collect::<Vec<_>>() {
            open.cut(number);
        }
    }

    /// Cuts the one whose client has kept us waiting longest.
    pub(super) fn cut_longest_waiting(&self) {
        self.open.lock().cut_longest_waiting();
    }

    /// Returns when a connection has ended.
    pub(super) async fn ended(&self) {
        self.open.ended.notified().await;
    }
}

impl Table {
    /// The connection, of that peer or of all, whose client has kept us waiting longest.
    fn longest_waiting(&self, peer: Option<IpAddr>) -> Option<u64> {
        let asked = self.connections.values().filter(|connection| peer.is_none_or(|peer| connection.peer == peer));
        let waiting = asked.filter_map(|connection| Some((connection.state().waits_since()?, connection.number)));
        waiting.min().map(|(_, number)| number)
    }

    /// Cuts the longest-waiting connection of the peer that has most, or of any; `false` if nobody keeps us waiting.
    fn cut_longest_waiting(&mut self) -> bool {
        let most = self.peers.iter().max_by_key(|(_, count)| **count).map(|(peer, _)| *peer);
        let longest = self.longest_waiting(most).or_else(|| self.longest_waiting(None));
        longest.inspect(|number| self.cut(*number)).is_some()
    }

    /// Takes a connection out, and has its task end. Its place is free at once.
    fn cut(&mut self, number: u64) {
        if let Some(connection) = self.remove(number) {
            connection.cut.cancel();
        }
    }

    fn remove(&mut self, number: u64) -> Option<Arc<Connection>> {
        let connection = self.connections.remove(&number)?;
        match self.peers.get_mut(&connection.peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(self.peers.remove(&connection.peer)),
        }
        Some(connection)
    }
}

impl Open {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns once it is to end.
    pub(super) async fn is_cut(&self) {
        self.cut.cancelled().await;
    }

    /// It has ended.
    pub(super) fn end(&self) {
        self.open.lock().remove(self.number);
        self.open.ended.notify_one();
    }

    /// The head of a request has come.
    pub(super) fn begin(self: &Arc<Self>) -> Exchange {
        let mut state = self.state();
        let since = match state.stage {
            Stage::Idle { since } | Stage::Head { since, .. } | Stage::Request { since } => since,
        };
        *state = State { stage: Stage::Request { since }, reading: Pace::new(self.limits.reading), ..*state };
        drop(state);
        Exchange(Arc::clone(self))
    }

    /// Bytes have come from the client.
    pub(super) fn received(&self) {
        let mut state = self.state();
        if let Stage::Idle { since } = state.stage {
            state.stage = Stage::Head { since, begun: Instant::now() };
        }
    }

    /// A body is waited for.
    pub(super) fn waits_for_body(&self) {
        self.state().reading.waits(Instant::now());
    }

    /// Bytes of a body have come, or it is not waited for any more.
    pub(super) fn body_came(&self, bytes: usize) {
        let Limits { reading, bytes_per_second, .. } = self.limits;
        self.state().reading.moved(bytes, bytes_per_second, reading, Instant::now());
    }

    /// The client is to take bytes.
    pub(super) fn waits_for_reader(&self) {
        self.state().writing.waits(Instant::now());
    }

    /// It took some.
    pub(super) fn reader_took(&self, bytes: usize) {
        let Limits { writing, bytes_per_second, .. } = self.limits;
        self.state().writing.moved(bytes, bytes_per_second, writing, Instant::now());
    }
}

#[cfg(test)]
mod tests;
