//! Messages, there and back.

use super::*;
use crate::queue;

fn to() -> Recipient {
    let scope = r#"{"tenant":"acme","environment":"production"}"#;
    Recipient::new(&serde_json::from_str(scope).expect("a scope"), "rt_1")
}

fn sent(message: &DeliverMessage) -> DeliverMessage {
    let text = message.outgoing(Duration::ZERO).expect("JSON").body;
    queue::read(&text).expect("a message")
}

#[test]
fn every_kind_of_task_is_read_as_it_was_sent() {
    let steps =
        [Step::Fresh, Step::Stretch { number: 7 }, Step::Retry { attempt: 3 }, Step::Probe { number: 0, attempt: 2 }];
    for (step, replay) in steps.into_iter().zip([false, true, false, true]) {
        let delivery = Delivery { step, replay, reserved_at: replay.then_some(Millis(5)) };
        let events = Events::Logged { id: "evt_1".to_owned() };
        let task = Task::Deliver { delivery: delivery.clone(), events };
        let read = sent(&DeliverMessage { to: to(), not_before: None, task });
        let Task::Deliver { delivery: read, events: Events::Logged { id } } = read.task else {
            panic!("another task: {:?}", read.task)
        };
        assert_eq!((read, id.as_str()), (delivery, "evt_1"));
    }
    let wake = sent(&DeliverMessage { to: to(), not_before: Some(Millis(9)), task: Task::Wake });
    assert!(matches!(wake, DeliverMessage { not_before: Some(Millis(9)), task: Task::Wake, .. }), "{wake:?}");
}

#[test]
fn a_delay_beyond_the_queues_is_written_into_the_message() {
    let message = |delay| {
        let due = Due::after(Millis(1_000), Duration::from_secs(delay));
        let sent = DeliverMessage::wake(to(), due).expect("JSON");
        (sent.delay.as_secs(), queue::read::<DeliverMessage>(&sent.body).expect("a message").not_before)
    };
    assert_eq!(message(900), (900, None));
    assert_eq!(message(901), (900, Some(Millis(902_000))));
}

#[test]
fn a_retry_keeps_that_it_is_a_replay_and_loses_its_reservation() {
    let first = Delivery { step: Step::Stretch { number: 1 }, replay: true, reserved_at: Some(Millis(1)) };
    let again = Delivery { step: Step::Retry { attempt: 2 }, replay: true, reserved_at: None };
    assert_eq!(first.retry(2), again);
    assert_eq!((first.attempt(), again.attempt()), (1, 2));
}
