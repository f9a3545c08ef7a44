//! Filters as users write them.

use proptest::prelude::*;
use sluice::domain::event::Event;
use sluice::domain::filter::FilterConditions;
use sluice::domain::time::Millis;

use super::json;

const WORDS: &[&str] = &["entity_filter", "event_filter", "payload_filter", "*", "a", "a.b", "a.*", "**", "a*b*", "."];

proptest! {
    #[test]
    fn what_is_read_is_refused_with_a_place_or_matches(written in json(WORDS), name in "[a.*]{1,12}") {
        let Ok(filter) = serde_json::from_value::<FilterConditions>(written) else { return Ok(()) };
        let problems = filter.problems();
        prop_assert!(problems.iter().all(|(at, words)| at.starts_with('/') && !words.is_empty()), "{problems:?}");
        if problems.is_empty() {
            let event = format!(
                r#"{{"id":"one","name":"{name}","published_at":"{at}","logged_at":"{at}","payload":{{}}}}"#,
                at = Millis(0)
            );
            let event: Event = serde_json::from_str(&event)?;
            let _ = filter.compile().matches(&event);
        }
    }
}
