//! How a file's bytes arrive makes no difference, nor does reading it in two parts.

use proptest::prelude::*;

use super::*;

const FORMATS: [&str; 8] = [
    r#"{"type":"csv"}"#,
    r#"{"type":"csv","delimiter":";","columns":["x","y"]}"#,
    r#"{"type":"csv","header":false}"#,
    r#"{"type":"csv","header":false,"columns":["x","y"]}"#,
    r#"{"type":"jsonLines"}"#,
    r#"{"type":"xml","recordElement":"o"}"#,
    r#"{"type":"xml","recordElement":"a"}"#,
    r#"{"type":"xml","recordElement":"none"}"#,
];

/// Reads a file byte by byte, in two pieces, and in two parts, split at every place.
fn check_splits(format: &FileFormat, file: &[u8]) -> Result<(), TestCaseError> {
    let whole = outcome(Reader::new(format), [file]);
    prop_assert_eq!(&outcome(Reader::new(format), file.chunks(1)), &whole);
    for place in 0..=file.len() {
        let (first, second) = file.split_at(place);
        prop_assert_eq!(&outcome(Reader::new(format), [first, b"", second]), &whole);
        let mut reader = Reader::new(format);
        let Ok(mut records) = reader.feed(first) else { continue };
        let from = reader.checkpoint();
        let rest = &file[usize::try_from(from.offset).expect("a place")..];
        let (further, fault) = outcome(Reader::resume(format, from), [rest]);
        records.extend(further);
        prop_assert_eq!(&(records, fault), &whole);
    }
    Ok(())
}

#[test]
fn whole_files() {
    for (format_json, file) in [
        (FORMATS[0], "\u{feff}id,\"na\"\"me\"\r\n\r\n1,\"a\r\n\"\"b\"\r\n2,ü\r\n\"\",\r\n3"),
        (FORMATS[1], "a;b\n\n1;2\n3;\"4\"\n"),
        (FORMATS[2], "1,2\r3\r\r4,\"5,\"\r"),
        (FORMATS[3], "1,2\n3,4\n5,6,7\n8,9\n"),
        (FORMATS[4], "\u{feff}\n{\"a\":\"ü\"}\r\n\r\n[1.10]\n{\"b\":2}"),
        (
            FORMATS[5],
            "\u{feff}<?xml version='1.0'?><!-- <o> -> --><r>\r\n<g k='>'><o i=\"'>\">ü<![CDATA[]]>]]]]><b/>\r\n</o>\n\
             <o/></g><?p ?>?><o><o>1</o><o>2</o></o>\n&lt;</r>\n<!-- - -->",
        ),
        (FORMATS[5], "<o>1</o>\n<!---->\n"),
        (FORMATS[5], "<r><o>1</o><o>2</o></s>"),
        (FORMATS[5], "<o>1</o>\n<o/>"),
    ] {
        check_splits(&format(format_json), file.as_bytes()).expect(file);
    }
}

mod fuzz {
    use super::*;

    /// Pieces of files of each format, whole and broken.
    const PIECES: [&str; 40] = [
        ",",
        ";",
        "\"",
        "\"\"",
        "\r",
        "\n",
        "\r\n",
        "1",
        "a",
        "x,y",
        "ü",
        " ",
        "{\"a\":1}\n",
        "{\"a\":",
        "[1]",
        "}",
        "<o>",
        "</o>",
        "<o/>",
        "<o a='>'/>",
        "<a>",
        "</a>",
        "<r>",
        "</r>",
        "<o a=\"1\" b='2'>",
        "<b/>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?xml version='1.0'?>",
        "<?",
        "?>",
        "<!DOCTYPE r>",
        "&lt;",
        "&x;",
        "&#x41;",
        "<",
        ">",
        "'",
    ];

    fn file() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            12 => prop::sample::select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..4),
        ];
        let mark = prop::bool::weighted(0.2);
        (mark, prop::collection::vec(piece, 0..20)).prop_map(|(mark, pieces)| {
            let mark = if mark { BYTE_ORDER_MARK } else { b"" };
            [mark, &pieces.concat()].concat()
        })
    }

    /// A file whose elements are closed.
    fn document() -> impl Strategy<Value = Vec<u8>> {
        let leaf =
            prop::sample::select(vec!["", "1", "ü\r\n", "<o/>", "<b a='>'/>", "<!-- <o> -->", "<![CDATA[<]]>", "&lt;"]);
        let element = leaf.prop_map(str::to_owned).prop_recursive(5, 30, 4, |inner| {
            let name = prop::sample::select(vec!["o", "a", "g"]);
            (name, prop::collection::vec(inner, 0..4))
                .prop_map(|(name, children)| format!("<{name} k='1'>{}</{name}>\n", children.concat()))
        });
        element.prop_map(|element| format!("<?xml version='1.0'?>\n<r>{element}</r>").into_bytes())
    }

    proptest! {
        #[test]
        fn any_split_of_a_csv_file(format_json in prop::sample::select(&FORMATS[..4]), file in file()) {
            check_splits(&format(format_json), &file)?;
        }

        #[test]
        fn any_split_of_a_json_lines_file(file in file()) {
            check_splits(&format(FORMATS[4]), &file)?;
        }

        #[test]
        fn any_split_of_an_xml_file(
            format_json in prop::sample::select(&FORMATS[5..]),
            file in prop_oneof![file(), document()],
        ) {
            check_splits(&format(format_json), &file)?;
        }

        #[test]
        fn any_bytes(format_json in prop::sample::select(&FORMATS[..]), file in prop::collection::vec(any::<u8>(), 0..200)) {
            outcome(Reader::new(&format(format_json)), [file.as_slice()]);
        }
    }
}
