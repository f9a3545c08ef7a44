//! Tests of behaviour that takes days on AWS, on a manual clock: retention, clearing, chains of redrive.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::fault::Outcome;
use crate::messages::{NewMessage, Received};
use crate::tables::{self, Cache, Counts, Tables};

const DAY: i64 = 86_400_000;
const START: i64 = 1_800_000_000_000;

struct Bench {
    connection: Connection,
    cache: Cache,
    now: i64,
}

impl Bench {
    fn new() -> Self {
        let connection = tables::open(std::path::Path::new(":memory:")).expect("a database");
        let cache = Cache::load(&connection).expect("no queues yet");
        Self { connection, cache, now: START }
    }

    fn run<T>(&mut self, work: impl FnOnce(&mut Tables<'_>) -> Outcome<T>) -> T {
        let mut tables = Tables::new(&self.connection, &mut self.cache);
        tables.now = self.now;
        work(&mut tables).expect("the work is done")
    }

    fn create(&mut self, name: &str, attributes: &[(&str, &str)]) {
        let attributes: HashMap<String, String> =
            attributes.iter().map(|&(name, value)| (name.into(), value.into())).collect();
        self.run(|tables| tables.create(name, &attributes));
    }

    fn send(&mut self, name: &str, body: &str) {
        let message = NewMessage {
            message_id: format!("id of {body}"),
            md5: String::new(),
            body: body.to_owned(),
            attributes: None,
            size: i64::try_from(body.len()).expect("short"),
            delay: None,
            group: None,
        };
        let sent = self.run(|tables| tables.send(name, vec![message]));
        assert_eq!(sent, [Ok(())]);
    }

    fn receive(&mut self, name: &str) -> Vec<Received> {
        self.run(|tables| tables.receive(name, 10, Some(0)))
    }

    fn bodies(&mut self, name: &str) -> Vec<String> {
        self.receive(name).into_iter().map(|message| message.body).collect()
    }

    fn rows(&self, table: &str) -> i64 {
        let count = format!("SELECT count(*) FROM {table}");
        self.connection.query_row(&count, [], |row| row.get(0)).expect("a count")
    }
}

fn redrive(target: &str, receives: u32) -> String {
    format!(r#"{{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:{target}","maxReceiveCount":{receives}}}"#)
}

#[test]
fn messages_past_their_time_are_gone() {
    let mut bench = Bench::new();
    bench.create("short", &[("MessageRetentionPeriod", "60")]);
    bench.create("usual", &[]);
    for name in ["short", "usual"] {
        bench.send(name, "old");
    }
    bench.now += 59_999;
    bench.send("short", "young");
    assert_eq!(bench.bodies("short"), ["old", "young"]);
    bench.now += 1;
    assert_eq!(bench.bodies("short"), ["young"]);
    let counts = bench.run(|tables| tables.counts("short"));
    assert_eq!(counts, Counts { visible: 1, in_flight: 0, delayed: 0 });

    // A queue without requests is cleared too.
    bench.now += 4 * DAY;
    assert_eq!(bench.rows("bodies"), 2);
    assert!(!bench.run(|tables| Ok(tables.sweep(10)?)));
    assert_eq!((bench.rows("messages"), bench.rows("bodies")), (0, 0));
}

#[test]
fn a_purge_leaves_nothing_behind() {
    let mut bench = Bench::new();
    bench.create("queue", &[]);
    bench.create("other", &[]);
    for n in 0..5 {
        bench.send("queue", &n.to_string());
    }
    bench.send("other", "stays");
    bench.run(|tables| tables.purge("queue"));
    bench.send("queue", "new");
    assert_eq!(bench.rows("bodies"), 7, "the purge itself moves no message");
    let mut slices = 0;
    while bench.run(|tables| Ok(tables.sweep(2)?)) {
        slices += 1;
    }
    assert_eq!((slices, bench.rows("messages"), bench.rows("bodies")), (3, 2, 2));
    assert_eq!((bench.bodies("queue"), bench.bodies("other")), (vec!["new".into()], vec!["stays".into()]));
}

#[test]
fn a_chain_of_redrives_gives_each_queue_its_tries() {
    let mut bench = Bench::new();
    bench.create("third", &[]);
    bench.create("second", &[("RedrivePolicy", &redrive("third", 1))]);
    bench.create("first", &[("RedrivePolicy", &redrive("second", 2))]);
    bench.send("first", "poison");
    let sent_at = bench.now;
    let mut seen = Vec::new();
    for name in ["first", "first", "first", "second", "second", "third"] {
        bench.now += 1000;
        for message in bench.receive(name) {
            assert_eq!((message.sent_at, message.message_id.as_str()), (sent_at, "id of poison"));
            seen.push((name, message.receives, message.source));
        }
    }
    let source = |name: &str| Some(name.to_owned());
    let wanted =
        [("first", 1, None), ("first", 2, None), ("second", 3, source("first")), ("third", 4, source("second"))];
    assert_eq!(seen, wanted);
}

#[test]
fn one_answer_has_a_bounded_size() {
    let mut bench = Bench::new();
    bench.create("queue", &[]);
    let body = "a".repeat(1_048_576);
    for _ in 0..6 {
        bench.send("queue", &body);
    }
    let counts = |bench: &mut Bench| bench.run(|tables| tables.receive("queue", 10, Some(30))).len();
    assert_eq!([counts(&mut bench), counts(&mut bench), counts(&mut bench)], [4, 2, 0]);
}

/// Lost without it: who updates cannot open the data folder of before any more, with all that waits in it.
#[test]
fn a_database_of_before_groups_is_opened() {
    let file = std::env::temp_dir().join(format!("sluice-sqs-{}.sqlite", uuid::Uuid::now_v7()));
    let connection = tables::open(&file).expect("a database");
    let mut bench = Bench { cache: Cache::load(&connection).expect("no queues yet"), connection, now: START };
    bench.create("queue", &[]);
    bench.send("queue", "of before");
    let earlier = "DROP INDEX messages_group; ALTER TABLE messages DROP COLUMN grp;";
    bench.connection.execute_batch(earlier).expect("a database of before");
    drop(bench);
    for _ in 0..2 {
        let connection = tables::open(&file).expect("the database of before");
        let cache = Cache::load(&connection).expect("its queues");
        let mut bench = Bench { connection, cache, now: START };
        assert_eq!(bench.bodies("queue"), ["of before"]);
    }
    for suffix in ["", "-wal", "-shm"] {
        // Whichever there is.
        drop(std::fs::remove_file(format!("{}{suffix}", file.display())));
    }
}
