//! Which files are fetched, and when.

use super::super::AfterPickup;
use super::*;

const BEGUN: Millis = Millis(1_800_000_000_000);

fn inbound(pattern: &str) -> Inbound {
    let (directory, pattern) = (".".to_owned(), pattern.to_owned());
    Inbound { directory, pattern, every_minutes: 5, after: AfterPickup::Delete, move_to: None }
}

fn file(name: &str, size: u64, modified_at: u32) -> ListedFile {
    ListedFile { name: name.to_owned(), size, modified_at }
}

fn at(seconds: u64) -> Millis {
    BEGUN.plus(Duration::from_secs(seconds))
}

#[test]
fn patterns_have_stars_and_question_marks() {
    for (pattern, good, bad) in [
        ("*", vec!["a", "a.b", "ü*?"], vec![".hidden"]),
        ("*.edi", vec!["a.edi", "x.edi.edi"], vec!["edi", "a.edi.part", ".edi", "a.EDI"]),
        ("INV?_*.xml", vec!["INV1_.xml", "INVü_2.xml"], vec!["INV_.xml", "INV12_.xml"]),
        ("a*b*c", vec!["abc", "a1b2bc"], vec!["ab", "abcd"]),
        (".*", vec![".hidden"], vec!["a", ".", ".."]),
        ("plain", vec!["plain"], vec!["plai", "plainn", ""]),
    ] {
        for name in good {
            assert!(inbound(pattern).wants(name), "{pattern} {name}");
        }
        for name in bad {
            assert!(!inbound(pattern).wants(name), "{pattern} {name}");
        }
    }
    // Stars without end cost no time without end.
    assert!(!inbound(&"*a".repeat(64)).wants(&"a".repeat(63)));
}

#[test]
fn a_name_that_is_no_single_part_of_a_path_is_never_fetched() {
    for bad in ["", ".", "..", "a/b", "/etc/passwd", "..\\a", "a\0", "a\nb", "a\u{fffd}b", &"x".repeat(256)] {
        assert!(!is_plain_name(bad) && !inbound("*").wants(bad) && !inbound(".*").wants(bad), "{bad:?}");
    }
}

#[test]
fn a_file_is_fetched_once_it_has_stood_still() {
    let (mut look, inbound) = (Look::default(), inbound("*"));
    assert_eq!(look.update(&inbound, &[file("a", 5, 1)], at(0)).unsettled, 1);
    // Too soon, though nothing changed.
    assert_eq!(look.update(&inbound, &[file("a", 5, 1)], at(9)).unsettled, 1);
    // It grew: the time begins again.
    assert_eq!(look.update(&inbound, &[file("a", 6, 2)], at(60)).unsettled, 1);
    // Written in place, it has another time.
    assert_eq!(look.update(&inbound, &[file("a", 6, 3)], at(120)).unsettled, 1);
    assert_eq!(look.update(&inbound, &[file("a", 6, 3)], at(130)).ready, [file("a", 6, 3)]);
}

#[test]
fn a_file_that_was_renamed_is_fetched_at_once() {
    let (mut look, inbound) = (Look::default(), inbound("*.edi"));
    assert_eq!(look.update(&inbound, &[file("a.part", 5, 1)], at(0)), Decision::default());
    assert_eq!(look.update(&inbound, &[file("a.edi", 5, 1)], at(60)).ready, [file("a.edi", 5, 1)]);
    // A copy is not a rename: the other name is still there.
    let mut look = Look::default();
    look.update(&inbound, &[file("a.part", 5, 1)], at(0));
    let both = [file("a.part", 5, 1), file("a.edi", 5, 1)];
    assert_eq!(look.update(&inbound, &both, at(60)).unsettled, 1);
}

#[test]
fn an_empty_file_waits_for_its_content() {
    let (mut look, inbound) = (Look::default(), inbound("*"));
    look.update(&inbound, &[file("a", 0, 1)], at(0));
    assert_eq!(look.update(&inbound, &[file("a", 0, 1)], at(600)).unsettled, 1);
}

#[test]
fn a_file_that_fails_is_left_alone_for_longer_and_longer() {
    let (mut look, inbound, listing) = (Look::default(), inbound("*"), [file("a", 1, 1)]);
    look.update(&inbound, &listing, at(0));
    assert_eq!(look.update(&inbound, &listing, at(10)).ready.len(), 1);
    look.failed("a", at(10));
    assert_eq!(look.update(&inbound, &listing, at(69)).failing, 1);
    assert_eq!(look.update(&inbound, &listing, at(70)).ready.len(), 1);
    look.failed("a", at(70));
    assert_eq!(look.update(&inbound, &listing, at(189)).failing, 1);
    assert_eq!(look.update(&inbound, &listing, at(190)).ready.len(), 1);
    for _ in 0..100 {
        look.failed("a", at(190));
    }
    assert_eq!(look.update(&inbound, &listing, at(190 + 86_400)).ready.len(), 1);
    // Another content is another file.
    look.failed("a", at(190 + 86_400));
    look.update(&inbound, &[file("a", 2, 2)], at(200_000));
    assert_eq!(look.update(&inbound, &[file("a", 2, 2)], at(200_010)).ready.len(), 1);
}

#[test]
fn what_is_remembered_tells_no_name() {
    let mut look = Look::default();
    look.update(&inbound("*"), &[file("invoice-of-ann.edi", 5, 1)], at(0));
    let text = serde_json::to_string(&look).expect("JSON");
    assert!(!text.contains("ann"), "{text}");
    assert_eq!(serde_json::from_str::<Look>(&text).expect("a look"), look);
    look.forget("invoice-of-ann.edi");
    assert_eq!(look, Look::default());
}

#[test]
fn it_is_looked_again_soon_where_files_may_grow() {
    assert_eq!(inbound("*").next_look(BEGUN, false), at(300));
    assert_eq!(inbound("*").next_look(BEGUN, true), at(60));
}
