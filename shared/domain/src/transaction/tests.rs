//! Ids, filters, and what a header lists.

use proptest::prelude::*;

use super::*;

pub(crate) fn outcome(event: &str) -> Outcome {
    Outcome {
        route: RouteRef { uid: format!("rt_{}", "0a".repeat(16)), kind: RouteKind::Subscription, id: "s".into() },
        direction: Direction::Outbound,
        event: event.into(),
        name: "order.created".into(),
        logged_at: Millis(1_000),
        partner_id: Some("p-1".into()),
        document_type: Some("invoice".into()),
        attempt: 1,
        status: TransactionStatus::Delivered,
        code: Some(200),
        millis: 5,
        response: String::new(),
        error: String::new(),
        at: Millis(1_005),
        discarded: false,
    }
}

#[test]
fn a_filter_asks_for_all_of_its_facts() {
    let one = outcome("evt_1");
    let all = TransactionFilter {
        statuses: vec![TransactionStatus::Delivered],
        route: Some(one.route.uid.clone()),
        partner_id: Some("p-1".into()),
        document_type: Some("invoice".into()),
        direction: Some(Direction::Outbound),
        deliveries: true,
        from: Some(Millis(1_000)),
        to: Some(Millis(1_001)),
    };
    assert!(all.matches(&one) && TransactionFilter::default().matches(&one) && all.takes_plain());
    let other = || Some("other".to_owned());
    let wrong = [
        TransactionFilter { statuses: vec![TransactionStatus::Dead], ..all.clone() },
        TransactionFilter { route: other(), ..all.clone() },
        TransactionFilter { partner_id: other(), ..all.clone() },
        TransactionFilter { document_type: other(), ..all.clone() },
        TransactionFilter { direction: Some(Direction::Inbound), ..all.clone() },
        TransactionFilter { from: Some(Millis(1_001)), ..all.clone() },
        TransactionFilter { to: Some(Millis(1_000)), ..all.clone() },
    ];
    wrong.iter().for_each(|filter| assert!(!filter.matches(&one), "{filter:?}"));
    assert!(!wrong[0].takes_plain());
    let keys = header_keys(std::slice::from_ref(&one));
    assert_eq!(keys.len(), 3);
    assert!(all.keys().iter().all(|key| keys.contains(key)));
    assert!(wrong[1..5].iter().all(|filter| filter.keys().iter().any(|key| !keys.contains(key))));
    let record = Outcome { route: RouteRef { kind: RouteKind::Pipeline, ..one.route.clone() }, ..one.clone() };
    assert!(!all.matches(&record) && TransactionFilter { deliveries: false, ..all.clone() }.matches(&record));
    let nothing = Outcome { partner_id: None, ..one };
    assert!(!all.matches(&nothing));
}

#[test]
fn an_index_has_every_value_that_is_asked_for() {
    let asked = |filter: TransactionFilter| filter.index().map(|(fact, values)| (fact.index(), values.len()));
    let dead = TransactionFilter { statuses: vec![TransactionStatus::Dead], ..TransactionFilter::default() };
    assert_eq!(asked(TransactionFilter::default()), None);
    assert_eq!(asked(dead.clone()), Some(("by_status", 2)));
    assert_eq!(asked(TransactionFilter { deliveries: true, ..dead.clone() }), Some(("by_status", 1)));
    assert_eq!(
        asked(TransactionFilter { direction: Some(Direction::Inbound), ..dead.clone() }),
        Some(("by_inbound", 1))
    );
    assert_eq!(asked(TransactionFilter { direction: Some(Direction::Outbound), ..dead }), Some(("by_status", 2)));
}

#[test]
fn an_instance_stands_in_the_place_of_a_route() {
    let record = Outcome { route: RouteRef::of_instance("inst_1"), ..outcome("order-1") };
    let id = record.id();
    assert_eq!(id.to_string().parse::<TransactionId>().ok(), Some(id));
    assert_ne!(RouteRef::of_instance("inst_2").uid, record.route.uid);
}

#[test]
fn a_status_is_written_by_its_name() {
    for status in TransactionStatus::ALL {
        assert_eq!(serde_json::to_value(status).expect("JSON"), status.as_str());
    }
}

#[test]
fn only_a_success_at_once_is_plain() {
    let one = outcome("evt_1");
    assert!(one.is_plain());
    assert!(!Outcome { attempt: 2, ..one.clone() }.is_plain());
    assert!(!Outcome { status: TransactionStatus::Failed, ..one.clone() }.is_plain());
    assert!(!Outcome { route: RouteRef::of_documents("p-1"), ..one }.is_plain());
}

mod fuzz {
    use super::*;

    proptest! {
        #[test]
        fn ids_round_trip(event in "[A-Za-z0-9_:-]{1,100}", logged_at in 0_i64..1 << 47) {
            let id = Outcome { logged_at: Millis(logged_at), ..outcome(&event) }.id();
            prop_assert_eq!(id.to_string().parse::<TransactionId>().ok(), Some(id));
        }

        #[test]
        fn any_text_is_refused_or_read(text in "(txn_)?[0-9a-f]{0,50}_?\\PC{0,20}") {
            if let Ok(id) = text.parse::<TransactionId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
