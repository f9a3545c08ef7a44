//! Reading CSV.

use super::*;

fn csv() -> FileFormat {
    format(r#"{"type":"csv"}"#)
}

#[test]
fn cells_are_strings() {
    let file = "id,name,note\n1,\"Meier, \"\"Anna\"\"\",\n2.50,Zoë,\"two\nlines\"\n";
    assert_eq!(
        read(&csv(), file),
        [r#"{"id":"1","name":"Meier, \"Anna\"","note":""}"#, r#"{"id":"2.50","name":"Zoë","note":"two\nlines"}"#]
    );
    let semicolons = format(r#"{"type":"csv","delimiter":";"}"#);
    assert_eq!(read(&semicolons, "a;b\n1,5;2\n"), [r#"{"a":"1,5","b":"2"}"#]);
}

#[test]
fn line_breaks_and_the_byte_order_mark() {
    for file in
        ["a,b\r\n1,2\r\n", "a,b\r1,2\r", "\n\na,b\n\n\n1,2", "\u{feff}a,b\n1,2\n", "\u{feff}\r\na,b\r\n\r\n1,2\r\n"]
    {
        assert_eq!(read(&csv(), file), [r#"{"a":"1","b":"2"}"#], "{file:?}");
    }
    // Only the first mark is one.
    assert_eq!(read(&csv(), "\u{feff}\u{feff}a\n1\n"), ["{\"\u{feff}a\":\"1\"}"]);
    for empty in ["", "\n\r\n", "\u{feff}", "a,b\n", "a,b"] {
        assert_eq!(read(&csv(), empty), [""; 0], "{empty:?}");
    }
}

#[test]
fn columns_without_a_header() {
    let bare = format(r#"{"type":"csv","header":false}"#);
    assert_eq!(read(&bare, "1,2\n3\n"), [r#"{"column1":"1","column2":"2"}"#, r#"{"column1":"3"}"#]);
    let named = format(r#"{"type":"csv","header":false,"columns":["x","y"]}"#);
    assert_eq!(read(&named, "1,2\n"), [r#"{"x":"1","y":"2"}"#]);
    // The names replace the header's.
    let renamed = format(r#"{"type":"csv","columns":["x","y"]}"#);
    assert_eq!(read(&renamed, "a,a\n1,2\n"), [r#"{"x":"1","y":"2"}"#]);
}

#[test]
fn a_short_row_lacks_the_last_cells() {
    assert_eq!(read(&csv(), "a,b,c\n1\n\"\"\n1,2,3"), [r#"{"a":"1"}"#, r#"{"a":""}"#, r#"{"a":"1","b":"2","c":"3"}"#]);
    assert_eq!(
        fault(&csv(), "a,b,c\n1,2,3\n1,2"),
        (1, "the file ends after 2 of 3 cells of a row, at line 3 (byte 12)".into())
    );
}

#[test]
fn faults() {
    for (file, expected) in [
        (&b"a,b\n1,2\n1,2,3\n"[..], (1, "3 cells in a row of 2 columns, at line 3 (byte 8)")),
        (b"a,b,a\n1,2,3\n", (0, "the header has two columns `a`, at line 1 (byte 0)")),
        (b"a,,\n", (0, "the header has two columns ``, at line 1 (byte 0)")),
        (b"a,b\n1,2\n3,\"4\n5,6\n", (1, "a quote is not closed before the file ends, at line 3 (byte 8)")),
        (b"\"a", (0, "a quote is not closed before the file ends, at line 1 (byte 0)")),
        (b"a\n\n\"1\n2\"\n\xff\n", (1, "not UTF-8, at line 5 (byte 9)")),
        (b"\xfe", (0, "not UTF-8, at line 1 (byte 0)")),
        // Each cell is UTF-8 by itself.
        (b"a,b\n\xc3,\xa9\n", (0, "not UTF-8, at line 2 (byte 4)")),
        (b"\xef\xbb", (0, "not UTF-8, at line 1 (byte 0)")),
    ] {
        let (count, text) = fault(&csv(), file);
        assert_eq!((count, text.as_str()), expected, "{:?}", String::from_utf8_lossy(file));
    }
}

#[test]
fn a_record_has_a_limit() {
    let limit = usize::try_from(MAX_RECORD_BYTES).expect("a size");
    let file = |length: usize| [&b"a\n1\n"[..], &vec![b'x'; length], b"\n2\n"].concat();
    assert_eq!(read(&csv(), file(limit - 1)).len(), 3);
    assert_eq!(fault(&csv(), file(limit)), (1, "a record larger than 10485760 bytes, at line 3 (byte 4)".into()));
    // Also without an end.
    let mut reader = Reader::new(&csv());
    assert_eq!(reader.feed(b"a\n\""), Ok(Vec::new()));
    assert!((0..12).any(|_| reader.feed(&vec![b'x'; 1_000_000]).is_err()));
}

#[test]
fn columns_have_a_limit() {
    let header = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>().join(",") + "\n";
    assert_eq!(read(&csv(), header(MAX_COLUMNS)).len(), 0);
    let expected = "more than 16384 cells in a row, at line 1 (byte 0)";
    assert_eq!(fault(&csv(), header(MAX_COLUMNS + 1)), (0, expected.into()));
    assert_eq!(fault(&csv(), vec![b','; 9_000_000]), (0, expected.into()));
}
