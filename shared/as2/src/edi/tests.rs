//! Tests of X12 and EDIFACT.

#![expect(clippy::disallowed_methods, reason = "measures what reading costs")]

use std::time::Instant;

use proptest::prelude::*;

use super::*;

const ISA: &str =
    "ISA*00*          *00*          *ZZ*SENDER         *01*123456789      *261127*1011*U*00401*000000905*0*P*:~";

fn one(document: &str) -> Interchange {
    let mut interchanges = read(document.as_bytes()).unwrap_or_else(|error| panic!("{document}: {error}"));
    assert_eq!(interchanges.len(), 1, "{document}");
    interchanges.remove(0)
}

fn party(qualifier: &str, id: &str) -> Party {
    Party { qualifier: qualifier.to_owned(), id: id.to_owned() }
}

#[test]
fn x12_envelopes_are_read() {
    let rest = "GS*PO*APP*THEM*20261127*1011*77*X*004010~ST*850*0001~BEG*00*SA*1~SE*3*0001~GE*1*77~IEA*1*000000905~";
    for (from, to) in [("~", "~"), ("~", "~\r\n"), ("~", "\n"), ("*", "|"), ("~", "\x1C")] {
        let interchange = one(&format!("\r\n{ISA}{rest}").replace(from, to));
        assert_eq!(interchange.standard, Standard::X12);
        assert_eq!((interchange.sender, interchange.receiver), (party("ZZ", "SENDER"), party("01", "123456789")));
        assert_eq!(interchange.control_number, "000000905");
        let group = &interchange.groups[0];
        assert_eq!((group.kind.as_str(), group.control_number.as_str(), group.receiver.as_str()), ("PO", "77", "THEM"));
        let message = &interchange.messages[0];
        assert_eq!((message.document_type.as_str(), message.control_number.as_str()), ("850", "0001"));
        assert_eq!((message.version.as_str(), message.group_control_number.as_deref()), ("004010", Some("77")));
        assert_eq!(interchange.defects, Vec::<String>::new());
    }
}

#[test]
fn x12_acknowledgments_are_read() {
    let body = "GS*FA*A*B*20261127*1011*9*X*005010X231A1~ST*999*0001*005010X231A1~AK1*PO*77*004010~AK2*850*0001~IK5*A~\
                AK2*850*0002~IK3*N1*4**8~IK5*R*5~AK9*P*2*2*1~SE*9*0001~GE*1*9~IEA*1*000000905~";
    for body in [body.to_owned(), body.replace("IK5", "AK5").replace("999", "997")] {
        let interchange = one(&format!("{ISA}TA1*000000904*261127*1011*R*006~{body}"));
        let message = |number: &str| Acknowledged::Message {
            interchange: None,
            group_kind: Some("PO".to_owned()),
            group: Some("77".to_owned()),
            document_type: "850".to_owned(),
            control_number: number.to_owned(),
        };
        let line = |what, status, code: &str| Acknowledgment { what, status, code: code.to_owned() };
        let expected = [
            line(Acknowledged::Interchange { control_number: "000000904".to_owned() }, Status::Rejected, "R"),
            line(message("0001"), Status::Accepted, "A"),
            line(message("0002"), Status::Rejected, "R"),
            line(
                Acknowledged::Group { interchange: None, kind: Some("PO".to_owned()), control_number: "77".to_owned() },
                Status::PartiallyAccepted,
                "P",
            ),
        ];
        assert_eq!(interchange.acknowledgments, expected);
        assert_eq!(interchange.defects, Vec::<String>::new());
    }
}

#[test]
fn edifact_envelopes_are_read() {
    let text = "UNB+UNOC:3+4012345000009:14+5012345000008:14:ROUTE+261127:1011+REF1'\
                UNH+M1+ORDERS:D:96A:UN:EAN008'BGM+220+it?'s+9'UNT+3+M1'UNH+M2+INVOIC:D:01B:UN'UNT+2+M2'UNZ+2+REF1'";
    let una = format!("UNA:+.? '{text}");
    let strange =
        "UNA|^.! ~".to_owned() + &text.replace("?'s", "!~s").replace(':', "|").replace('+', "^").replace('\'', "~\n");
    for document in [text, &una, &una.replace('\'', "'\r\n"), &strange] {
        let interchange = one(document);
        assert_eq!(interchange.standard, Standard::Edifact);
        let (sender, receiver) = (party("14", "4012345000009"), party("14", "5012345000008"));
        assert_eq!((interchange.sender, interchange.receiver), (sender, receiver));
        assert_eq!((interchange.control_number.as_str(), interchange.message_count), ("REF1", 2));
        let kinds: Vec<_> = interchange.messages.iter().map(|message| message.document_type.as_str()).collect();
        assert_eq!(kinds, ["ORDERS", "INVOIC"]);
        assert_eq!(
            (interchange.messages[0].version.as_str(), interchange.messages[1].control_number.as_str()),
            ("D96A", "M2")
        );
        assert_eq!(interchange.defects, Vec::<String>::new(), "{document}");
    }
}

#[test]
fn edifact_groups_and_released_characters_are_read() {
    let interchange = one(
        "UNB+UNOA:1+A?+B:1+C??'UNG+ORDERS+X:1+Y+261127:1011+G1+UN+D:96A'UNH+1+ORDERS:D:96A:UN'UNT+2+1'UNE+1+G1'UNZ+1+'",
    );
    assert_eq!((interchange.sender.id.as_str(), interchange.receiver.id.as_str()), ("A+B", "C?"));
    assert_eq!((interchange.groups[0].control_number.as_str(), interchange.groups[0].sender.as_str()), ("G1", "X"));
    assert_eq!(interchange.messages[0].group_control_number.as_deref(), Some("G1"));
    assert_eq!(interchange.defects, Vec::<String>::new());
}

#[test]
fn contrl_is_read() {
    let interchange =
        one("UNB+UNOA:1+B+A+261127:1011+9'UNH+1+CONTRL:2:2:UN'UCI+REF1+A:14+B:14+7'UCM+M1+ORDERS:D:96A:UN+7'\
                           UCM+M2+ORDERS:D:96A:UN+4+12'UCF+G1+A+B+8'UNT+6+1'UNZ+1+9'");
    let statuses: Vec<_> = interchange.acknowledgments.iter().map(|line| (line.status, line.code.as_str())).collect();
    let expected = [(Status::Accepted, "7"), (Status::Accepted, "7"), (Status::Rejected, "4"), (Status::Received, "8")];
    assert_eq!(statuses, expected);
    let second = Acknowledged::Message {
        interchange: Some("REF1".to_owned()),
        group_kind: None,
        group: None,
        document_type: "ORDERS".to_owned(),
        control_number: "M2".to_owned(),
    };
    assert_eq!(interchange.acknowledgments[2].what, second);
    assert_eq!(interchange.defects, Vec::<String>::new());
}

#[test]
fn wrong_trailers_are_noted() {
    let interchange = one(&format!("{ISA}GS*PO*A*B*1*1*77*X*004010~ST*850*0001~SE*9*0002~GE*2*77~IEA*1*5~"));
    let expected = [
        "SE 0002 states a count of 9, but there are 2.",
        "SE names 0002, but its header names 0001.",
        "GE 77 states a count of 2, but there are 1.",
        "IEA names 5, but its header names 000000905.",
    ];
    assert_eq!(interchange.defects, expected);
    assert_eq!(one(ISA).defects, ["The interchange has no IEA."]);
    assert_eq!(one("UNB+UNOA:1+A+B+1+REF'").defects, ["The interchange has no UNZ."]);
    let counted = one("UNB+UNOA:1+A+B+1+REF'UNH+1+ORDERS'UNT+x+1'UNZ+0+REF'");
    assert_eq!(
        counted.defects,
        ["UNT 1 states a count of x, but there are 2.", "UNZ REF states a count of 0, but there are 1."]
    );
}

#[test]
fn several_interchanges_are_several() {
    let all =
        read(format!("{ISA}IEA*0*000000905~\n{}IEA*0*000000906~", ISA.replace("905", "906")).as_bytes()).expect("two");
    let numbers: Vec<_> = all.iter().map(|interchange| interchange.control_number.as_str()).collect();
    assert_eq!(numbers, ["000000905", "000000906"]);
    assert!(all.iter().all(|interchange| interchange.defects.is_empty()), "{all:?}");
}

#[test]
fn what_is_no_edi_is_said_to_be_none() {
    for document in ["", "<xml/>", "{}", "IS", "UN", "UNH+1"] {
        assert_eq!(read(document.as_bytes()), Err(EdiError::NotEdi), "{document}");
    }
    for document in ["ISA", "ISA*", "ISA*1*2", "ISAAAAAAAAAAAAAAAAAAAAAAA", &ISA[..104], &"ISA*".repeat(1_000)] {
        assert_eq!(read(document.as_bytes()), Err(EdiError::Header("ISA")), "{document}");
    }
    for document in ["UNA", "UNA:+.? ", "UNA:::::: ", "UNAabcdef"] {
        assert_eq!(read(document.as_bytes()), Err(EdiError::Header("UNA")), "{document}");
    }
    assert_eq!(read(b"UNA:+.? 'UNH+1'"), Err(EdiError::Header("UNB")));
}

/// Whatever its size, it is read in one pass, and only so much of it is kept.
#[test]
fn a_large_interchange_costs_little() {
    let many = format!("{ISA}{}", "ST*850*1~AK2*850*1~AK5*A~SE*1*1~".repeat(200_000));
    let separators = format!("{ISA}ST*{}", "*".repeat(10 << 20));
    let releases = format!("UNB+UNOA:1+A+B+1+REF'UNH+{}", "??".repeat(5 << 20));
    let headers = ISA.repeat(50_000);
    let began = Instant::now();
    let interchange = one(&many);
    assert_eq!((interchange.message_count, interchange.messages.len()), (200_000, MAX_LISTED));
    assert_eq!((interchange.acknowledgments.len(), interchange.defects.len()), (MAX_LISTED, MAX_DEFECTS));
    assert!(one(&separators).message_count == 1 && one(&releases).message_count == 1);
    assert!(read(headers.as_bytes()).expect("many").len() <= MAX_INTERCHANGES);
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}

mod fuzz {
    use super::*;

    proptest! {
        #[test]
        fn any_segments_are_read_or_refused(
            start in prop::sample::select(vec![ISA, "UNA:+.? '", "UNA:+.? 'UNB+UNOA:1+A+B+1+REF'", "UNB+UNOA:1+A", "ISA*"]),
            rest in "((ISA|IEA|GS|GE|ST|SE|AK1|AK2|AK5|AK9|TA1|UNB|UNZ|UNG|UNE|UNH|UNT|UCI|UCF|UCM)?([*+:?][0-9A-Z?]{0,3}){0,5}[~'\n]|[^~]){0,30}",
        ) {
            if let Ok(interchanges) = read(format!("{start}{rest}").as_bytes()) {
                prop_assert!(!interchanges.is_empty());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(start in prop::sample::select(vec!["ISA", "UNA", "UNB"]), rest in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&[start.as_bytes(), &rest].concat());
        }
    }
}
