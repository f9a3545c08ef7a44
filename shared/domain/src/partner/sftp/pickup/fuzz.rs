//! Any listings and any names.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{AfterPickup, FileNameFacts, Outbound};
use super::*;

fn inbound(pattern: String) -> Inbound {
    Inbound { directory: ".".to_owned(), pattern, every_minutes: 5, after: AfterPickup::Delete, move_to: None }
}

fn names() -> impl Strategy<Value = String> {
    let bad = vec!["..", ".", "a/b", "../x", "a\0", "\u{fffd}"];
    prop_oneof![4 => "[ab.*?]{0,4}", 2 => "\\PC{0,12}", 1 => prop::sample::select(bad).prop_map(str::to_owned)]
}

fn listings() -> impl Strategy<Value = Vec<ListedFile>> {
    let file = (names(), 0..3_u64, 0..3_u32);
    vec(file.prop_map(|(name, size, modified_at)| ListedFile { name, size, modified_at }), 0..8)
}

/// What `*` and `?` mean, by definition.
fn means(pattern: &[char], name: &[char]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, rest) => rest.is_none(),
        (Some(('*', rest)), _) => (0..=name.len()).any(|taken| means(rest, &name[taken..])),
        (Some((c, rest)), Some((n, others))) => (*c == '?' || c == n) && means(rest, others),
        (Some(_), None) => false,
    }
}

proptest! {
    #[test]
    fn patterns_mean_what_they_say(pattern in "[ab*?]{0,8}", name in "[ab]{0,10}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(matches(&pattern, &name), means(&chars(&pattern), &chars(&name)));
    }

    /// Nothing is fetched that has not stood still, and nothing that leads elsewhere.
    #[test]
    fn only_what_stood_still_is_fetched(
        pattern in "[ab.*?]{1,4}",
        looks in vec((listings(), 0..40_u64), 1..6),
        failing in names(),
    ) {
        let (inbound, mut look, mut now) = (inbound(pattern), Look::default(), Millis(1_800_000_000_000));
        let mut before: Vec<Vec<ListedFile>> = Vec::new();
        for (listing, seconds) in looks {
            now = now.plus(Duration::from_secs(seconds));
            let decision = look.update(&inbound, &listing, now);
            for file in &decision.ready {
                prop_assert!(is_plain_name(&file.name) && inbound.wants(&file.name) && file.size > 0);
                let alike = |other: &ListedFile| (other.size, other.modified_at) == (file.size, file.modified_at);
                prop_assert!(before.iter().any(|listing| listing.iter().any(alike)), "{:?} at the first look", file);
            }
            look.failed(&failing, now);
            before.push(listing);
        }
    }

    #[test]
    fn every_name_of_a_file_is_one_part_of_a_path(
        template in prop_oneof![
            Just("{document_type}-{control_number}-{transaction_id}.edi".to_owned()),
            Just("{control_number}".to_owned()),
            "[a-z.]{1,255}".prop_filter("a file name", |name| name != "." && name != ".."),
        ],
        (document_type, control_number, transaction_id) in ("\\PC{0,90}", prop::option::of(names()), "[a-zA-Z0-9_:./-]{0,300}"),
    ) {
        let outbound = Outbound { file_name: template, ..Outbound::default() };
        let facts = FileNameFacts {
            document_type: Some(&document_type),
            control_number: control_number.as_deref(),
            transaction_id: &transaction_id,
        };
        let name = outbound.name_of(&facts);
        prop_assert!(is_plain_name(&name) && is_plain_name(&outbound.temporary_name(&name, b"")), "{:?}", name);
        prop_assert_eq!(&name, &outbound.name_of(&facts));
    }
}
