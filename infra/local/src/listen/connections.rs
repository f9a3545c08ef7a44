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
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const NET: [u8; 3] = [203, 0, 113];

    fn host(last: u8) -> IpAddr {
        [NET[0], NET[1], NET[2], last].into()
    }

    fn limits() -> Limits {
        Limits { per_peer: 3, ..Limits::of(4) }
    }

    fn here(room: Room) -> Arc<Connection> {
        match room {
            Room::Here(connection) => connection,
            Room::Later => panic!("later"),
            Room::No => panic!("no room"),
        }
    }

    #[test]
    fn a_full_peer_displaces_its_own_longest_waiting_connection() {
        let (all, now) = (Connections::new(limits()), Instant::now());
        let first = here(all.admit(host(1), now));
        let others: Vec<_> = (1..3).map(|n| here(all.admit(host(1), now + n * SECOND))).collect();
        let neighbour = here(all.admit(host(2), now - SECOND));
        let _working = first.begin();
        let _new = here(all.admit(host(1), now + 5 * SECOND));
        assert!(others[0].cut.is_cancelled(), "the longest-waiting one goes");
        assert!(!others[1].cut.is_cancelled() && !first.cut.is_cancelled() && !neighbour.cut.is_cancelled());
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn a_full_listener_displaces_one_of_the_peer_with_most() {
        let (all, now) = (Connections::new(limits()), Instant::now());
        let early = here(all.admit(host(2), now));
        let many: Vec<_> = (1..4).map(|n| here(all.admit(host(1), now + n * SECOND))).collect();
        let _new = here(all.admit(host(3), now + 9 * SECOND));
        assert!(many[0].cut.is_cancelled() && !early.cut.is_cancelled());
    }

    #[test]
    fn requests_that_are_worked_on_are_not_displaced() {
        let (all, now) = (Connections::new(limits()), Instant::now());
        let busy: Vec<_> = [1, 1, 1, 2].map(|n| here(all.admit(host(n), now))).map(|c| (c.begin(), c)).into();
        assert!(matches!(all.admit(host(1), now), Room::No), "its peer has all it may have");
        assert!(matches!(all.admit(host(3), now), Room::Later));
        // A body that is waited for is no work.
        busy[3].1.waits_for_body();
        here(all.admit(host(3), now));
        assert!(busy[3].1.cut.is_cancelled());
        // Neither is an answer that nobody reads.
        busy[0].1.waits_for_reader();
        here(all.admit(host(4), now));
        assert!(busy.iter().filter(|(_, connection)| connection.cut.is_cancelled()).count() == 2);
    }

    #[test]
    fn one_machine_may_have_all_connections() {
        let (all, now) = (Connections::new(limits()), Instant::now());
        let local: Vec<_> = (0..4).map(|_| here(all.admit([127, 0, 0, 1].into(), now))).collect();
        assert!(local.iter().all(|connection| !connection.cut.is_cancelled()));
    }

    #[test]
    fn an_ipv6_host_is_its_network() {
        let [a, b]: [IpAddr; 2] = ["2001:db8::1", "2001:db8::ffff:1"].map(|ip| ip.parse().expect("an address"));
        assert_eq!(peer_of(a), peer_of(b));
        assert_eq!(peer_of("::ffff:192.0.2.1".parse().expect("an address")), IpAddr::from([192, 0, 2, 1]));
        assert!(peer_of("::1".parse().expect("an address")).is_loopback());
    }

    #[test]
    fn each_stage_has_its_time() {
        let (limits, now) = (limits(), Instant::now());
        let over = |state: State, after: Duration| state.is_overdue(&limits, now + after);
        let new = State::new(&limits, now);
        assert!(!over(new, limits.head) && over(new, limits.head + SECOND));
        let idle = State { stage: Stage::Idle { since: now }, ..new };
        assert!(!over(idle, limits.idle) && over(idle, limits.idle + SECOND));
        let mut body = State { stage: Stage::Request { since: now }, ..new };
        assert!(!over(body, 1_000 * SECOND), "a handler takes the time it takes");
        body.reading.waits(now);
        assert!(!over(body, limits.reading) && over(body, limits.reading + SECOND));
        let mut answer = State { stage: Stage::Request { since: now }, ..new };
        answer.writing.waits(now);
        assert!(!over(answer, limits.writing) && over(answer, limits.writing + SECOND));
    }

    #[test]
    fn a_client_that_keeps_its_speed_is_waited_for_and_one_that_drips_is_not() {
        let (most, rate, begun) = (10 * SECOND, 1_000, Instant::now());
        let ends = |bytes: usize, every: Duration| {
            let (mut pace, mut now) = (Pace::new(most), begun);
            (0..1_000).find(|_| {
                pace.waits(now);
                now += every;
                let over = pace.is_over(now);
                pace.moved(bytes, rate, most, now);
                over
            })
        };
        assert_eq!(ends(1_000, SECOND), None);
        assert_eq!(ends(9_000, 9 * SECOND), None);
        assert!(ends(1, SECOND).is_some_and(|rounds| rounds <= 11), "a byte a second");
        assert!(ends(500, SECOND).is_some_and(|rounds| rounds <= 21), "half the speed");
    }
}
