//! Who is displaced, who is cut off, and when.

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
