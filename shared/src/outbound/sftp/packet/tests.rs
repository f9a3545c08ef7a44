//! Packets as the draft has them, and any others.

use super::*;

fn hex(text: &str) -> Bytes {
    hex::decode(text.replace(' ', "")).expect("hexadecimal").into()
}

#[test]
fn requests_are_written_as_the_draft_has_them() {
    let cases = [
        (Request::Open { path: "a", flags: WRITE | CREATE }, "00000012 03 00000007 00000001 61 0000000a 00000000"),
        (Request::Close { handle: &[0xff] }, "0000000a 04 00000007 00000001 ff"),
        (
            Request::Write { handle: &[0], offset: 258, data: b"x" },
            "00000017 06 00000007 00000001 00 0000000000000102 00000001 78",
        ),
        (Request::Rename { from: "a", to: "b" }, "0000000f 12 00000007 00000001 61 00000001 62"),
        (
            Request::Sync { handle: &[1] },
            "0000001f c8 00000007 00000011 6673796e63406f70656e7373682e636f6d 00000001 01",
        ),
    ];
    for (request, packet) in cases {
        assert_eq!(request.packet(7), hex(packet), "{request:?}");
    }
}

#[test]
fn answers_are_read() {
    let status = |packet| reply(hex(packet)).expect("an answer");
    // With a message and a language, and as old servers send it.
    assert_eq!(status("65 00000007 00000004 00000001 78 00000000"), (7, Reply::Status(4)));
    assert_eq!(status("65 00000007 0000000b"), (7, Reply::Status(11)));
    // A handle need not be text.
    assert_eq!(status("66 00000001 00000002 ff80"), (1, Reply::Handle(hex("ff80"))));
    assert_eq!(status("c9 00000001"), (1, Reply::Other));
    let listing =
        "68 00000001 00000001 00000002 c3bc 00000003 2d7277 0000000d 0000000000000005 000081a4 00000001 00000002";
    let (_, Reply::Names(entries)) = status(listing) else { panic!("no names") };
    assert_eq!(entries[0].name, "ü");
    let expected = Attributes { size: Some(5), mode: Some(0o100_644), modified_at: Some(2) };
    assert!(entries[0].attributes == expected && entries[0].is_file(), "{entries:?}");
}

#[test]
fn a_link_is_no_file_and_without_a_mode_the_line_counts() {
    let entry = |mode: Option<u32>, line: &'static str| Entry {
        name: Bytes::new(),
        line: Bytes::from_static(line.as_bytes()),
        attributes: Attributes { mode, ..Attributes::default() },
    };
    assert!(entry(Some(0o100_600), "").is_file() && entry(None, "-rw-r--r--").is_file());
    for (mode, line) in [(Some(0o120_777), "-rw"), (Some(0o040_755), "-rw"), (None, "lrwx"), (None, ""), (None, "d")] {
        assert!(!entry(mode, line).is_file(), "{mode:?} {line}");
    }
    // Some servers send the permissions alone.
    assert!(entry(Some(0o644), "-rw-r--r--").is_file() && !entry(Some(0o755), "drwx").is_file());
}

#[test]
fn a_server_says_what_it_can_do() {
    let known = features(hex("02 00000003 00000018 706f7369782d72656e616d65406f70656e7373682e636f6d 00000001 31 \
         00000011 6673796e63406f70656e7373682e636f6d 00000001 32"));
    assert_eq!(known, Ok(Features { version: 3, rename_over: true, sync: false }));
    assert_eq!(features(hex("02 00000003")), Ok(Features { version: 3, ..Features::default() }));
    assert_eq!(features(hex("65 00000003")), Err(Malformed));
}

mod fuzz {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Packets of every kind, whole and cut, with lengths that are right and that are not.
    fn packets() -> impl Strategy<Value = Vec<u8>> {
        let field = prop_oneof![
            (0..4_u32).prop_map(|n| n.to_be_bytes().to_vec()),
            any::<u32>().prop_map(|n| n.to_be_bytes().to_vec()),
            vec(any::<u8>(), 0..6).prop_map(|text| {
                let mut field = u32::try_from(text.len()).expect("short").to_be_bytes().to_vec();
                field.extend(text);
                field
            }),
        ];
        let code = prop_oneof![8 => 101..=105_u8, 1 => Just(2), 1 => any::<u8>()];
        (code, vec(field, 0..24)).prop_map(|(code, fields)| {
            let mut packet = vec![code];
            packet.extend(fields.concat());
            packet
        })
    }

    proptest! {
        #[test]
        fn whatever_a_server_sends_is_read_or_refused(packet in packets()) {
            let bytes = packet.len();
            if let Ok((_, Reply::Names(entries))) = reply(packet.clone().into()) {
                prop_assert!(entries.len() * 12 <= bytes, "more entries than bytes");
            }
            let _ = features(packet.into());
        }
    }
}
