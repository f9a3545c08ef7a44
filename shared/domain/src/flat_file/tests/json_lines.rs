//! Reading JSON lines.

use super::*;

fn json_lines() -> FileFormat {
    format(r#"{"type":"jsonLines"}"#)
}

#[test]
fn a_line_is_a_record() {
    let file = "\u{feff}{\"a\":1.10}\r\n\n  \t\r\n[1]\n \"x\" \n{\"a\":123456789012345678901234567890}";
    assert_eq!(
        read(&json_lines(), file),
        [r#"{"a":1.10}"#, "[1]", r#""x""#, r#"{"a":123456789012345678901234567890}"#]
    );
    for empty in ["", "\n", "\u{feff}", " \r\n \n"] {
        assert_eq!(read(&json_lines(), empty), [""; 0], "{empty:?}");
    }
}

#[test]
fn faults() {
    for (file, expected) in [
        (&b"{}\n{\"a\":\n1}\n"[..], (1, "EOF while parsing a value in column 5, at line 2 (byte 3)")),
        (b"{}\n\n{\"a\":1", (1, "EOF while parsing an object in column 6, at line 3 (byte 4)")),
        (b"{} {}\n", (0, "trailing characters in column 4, at line 1 (byte 0)")),
        (b"{}\n{\"a\":\"\xff\"}\n", (1, "not UTF-8, at line 2 (byte 3)")),
    ] {
        let (count, text) = fault(&json_lines(), file);
        assert_eq!((count, text.as_str()), expected, "{:?}", String::from_utf8_lossy(file));
    }
}

#[test]
fn a_record_has_a_limit() {
    let limit = usize::try_from(MAX_RECORD_BYTES).expect("a size");
    let file = |length: usize| [&b"1\n\""[..], &vec![b'x'; length - 3], b"\"\n2\n"].concat();
    assert_eq!(read(&json_lines(), file(limit)).len(), 3);
    let expected = "a record larger than 10485760 bytes, at line 2 (byte 2)";
    assert_eq!(fault(&json_lines(), file(limit + 1)), (1, expected.into()));
    let mut reader = Reader::new(&json_lines());
    assert!((0..12).any(|_| reader.feed(&vec![b' '; 1_000_000]).is_err()));
}
