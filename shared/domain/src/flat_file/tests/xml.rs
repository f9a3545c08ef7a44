//! Reading XML.

use super::*;
use crate::value::Object;

fn xml() -> FileFormat {
    format(r#"{"type":"xml","recordElement":"order"}"#)
}

#[test]
fn elements_become_objects() {
    for (record, expected) in [
        ("<order/>", "{}"),
        ("<order></order>", "{}"),
        ("<order>\n  </order>", "{}"),
        ("<order> 5 </order>", r##"{"#text":" 5 "}"##),
        ("<order id='7'/>", r#"{"@id":"7"}"#),
        ("<order><id>7</id><note/><gap> </gap></order>", r#"{"id":"7","note":"","gap":" "}"#),
        ("<order><total c=\"EUR\">12.50</total></order>", r##"{"total":{"@c":"EUR","#text":"12.50"}}"##),
        ("<order><l>1</l><x/><l a='2'/><l>3</l></order>", r#"{"l":["1",{"@a":"2"},"3"],"x":""}"#),
        ("<order>Dear <b>Anna</b>, hello</order>", r##"{"b":"Anna","#text":"Dear , hello"}"##),
        ("<order><order><order/></order></order>", r#"{"order":{"order":""}}"#),
        ("<order><a>\n <b>1</b>\n </a></order>", r#"{"a":{"b":"1"}}"#),
        ("<order xmlns:x='urn:x'><x:id x:k='1'/></order>", r#"{"@xmlns:x":"urn:x","x:id":{"@x:k":"1"}}"#),
        ("<order><a>&lt;&amp;&#228;&#x20AC;&quot;</a></order>", r#"{"a":"<&ä€\""}"#),
        ("<order><a>1<![CDATA[<&amp;>]]]]><![CDATA[>]]></a></order>", r#"{"a":"1<&amp;>]]>"}"#),
        ("<order><a>1<!-- > -- <b> -->2<?php >?>3</a></order>", r#"{"a":"123"}"#),
        ("<order a=\"x > '\ty\n\" b = '&#10;\"/>'></order >", r#"{"@a":"x > ' y ","@b":"\n\"/>"}"#),
        ("<order><a>1\r\n2\r3</a></order>", r#"{"a":"1\n2\n3"}"#),
    ] {
        for file in
            [record.to_owned(), format!("<?xml version='1.0'?>\n<!-- <order/> --><r>\n<s a='>'>{record}</s></r>\n")]
        {
            assert_eq!(read(&xml(), &file), [expected], "{file}");
        }
    }
}

#[test]
fn records_at_any_depth() {
    let file = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><r>x<order>1</order><g><order>2</order></g>&amp;<order/></r> <!---->";
    assert_eq!(read(&xml(), file), [r##"{"#text":"1"}"##, r##"{"#text":"2"}"##, "{}"]);
    assert_eq!(read(&xml(), "<orders><Order/><x:order/></orders>"), [""; 0]);
}

#[test]
fn faults() {
    for (file, expected) in [
        ("", (0, "the file has no root element, at line 1 (byte 0)")),
        ("<!-- x -->\n", (0, "the file has no root element, at line 2 (byte 11)")),
        ("<r>\n<order/>\n<order>\n", (1, "the file ends before the element `order`, at line 4 (byte 21)")),
        ("<r><order/>", (1, "the file ends before the element `r`, at line 1 (byte 11)")),
        ("<r><order/></r", (1, "the file ends within a tag, comment or section, at line 1 (byte 11)")),
        ("<r><!-- </r>", (0, "the file ends within a tag, comment or section, at line 1 (byte 3)")),
        ("<r><order/></s>", (1, "`r` is open where another element ends, at line 1 (byte 11)")),
        ("<r><order><a></order></r>", (0, "`a` is open where another element ends, at line 1 (byte 13)")),
        ("</r>", (0, "an element ends that has not begun, at line 1 (byte 0)")),
        ("<r/>\n<r/>", (0, "a second root element, `r`, at line 2 (byte 5)")),
        ("<order/><order/>", (1, "a second root element, `order`, at line 1 (byte 8)")),
        ("<r/>x", (0, "text outside of the root element, at line 1 (byte 4)")),
        ("{}", (0, "text outside of the root element, at line 1 (byte 0)")),
        ("<![CDATA[ ]]><r/>", (0, "text outside of the root element, at line 1 (byte 0)")),
        ("<!DOCTYPE r [<!ENTITY a 'b'>]><r/>", (0, "a document type (DOCTYPE) is not accepted, at line 1 (byte 0)")),
        ("<r>&a;</r>", (0, "at 1..2: unrecognized entity `a`, at line 1 (byte 3)")),
        ("<r><order>&nbsp;</order></r>", (0, "at 1..5: unrecognized entity `nbsp`, at line 1 (byte 10)")),
        ("<r a='&b;'/>", (0, "at 1..2: unrecognized entity `b`, at line 1 (byte 0)")),
        ("<r><order>a & b</order></r>", (0, "")),
        ("<r a='1' a='2'/>", (0, "two attributes `a`, at line 1 (byte 0)")),
        ("<r a=1/>", (0, "")),
        ("<r a/>", (0, "")),
        ("<r a='<'/>", (0, "`<` in the attribute `a`, at line 1 (byte 0)")),
        ("<r><1/></r>", (0, "`1` is not a name, at line 1 (byte 3)")),
        ("<r>< a/></r>", (0, "`` is not a name, at line 1 (byte 3)")),
        ("<>", (0, "`` is not a name, at line 1 (byte 0)")),
        ("<r>&#1;</r>", (0, "the character U+0001 is not allowed in XML, at line 1 (byte 3)")),
        ("<r>&#0;</r>", (0, "")),
        (
            "<?xml version='1.0' encoding='ISO-8859-1'?><r/>",
            (0, "the encoding ISO-8859-1 is not supported: only UTF-8, at line 1 (byte 0)"),
        ),
    ] {
        let (count, text) = fault(&xml(), file);
        assert_eq!(count, expected.0, "{file}");
        // Where the reason is the library's, any will do.
        assert!(expected.1.is_empty() || text == expected.1, "{file}: {text}");
    }
    assert_eq!(fault(&xml(), b"<r>\xff</r>"), (0, "not UTF-8, at line 1 (byte 3)".into()));
    assert_eq!(fault(&xml(), b"\xff\xfe<\0r\0").0, 0);
}

#[test]
fn depth_has_a_limit() {
    let deep = |depth: usize| "<order>".repeat(depth) + &"</order>".repeat(depth);
    assert_eq!(read(&xml(), deep(MAX_XML_DEPTH)).len(), 1);
    let expected = "elements deeper than 64 levels, at line 1 (byte 448)";
    assert_eq!(fault(&xml(), deep(MAX_XML_DEPTH + 1)), (0, expected.into()));
    assert_eq!(
        fault(&xml(), "<a>".repeat(1_000_000)),
        (0, "elements deeper than 64 levels, at line 1 (byte 192)".into())
    );
}

#[test]
fn a_record_has_a_limit() {
    let limit = usize::try_from(MAX_RECORD_BYTES).expect("a size");
    let file = |length: usize| format!("<r><order/><order>{}</order></r>", "x".repeat(length - 15));
    assert_eq!(read(&xml(), file(limit)).len(), 2);
    let expected = "a record larger than 10485760 bytes, at line 1 (byte 11)";
    assert_eq!(fault(&xml(), file(limit + 1)), (1, expected.into()));
    let many = format!("<r><order/><order>{}</order></r>", "<a/>".repeat(limit / 4));
    assert_eq!(fault(&xml(), many), (1, expected.into()));
    for start in ["<", "<!--", "<r>", "<r a='", "<r><![CDATA[", "<?"] {
        let mut reader = Reader::new(&xml());
        let _ = reader.feed(start.as_bytes());
        assert!((0..12).any(|_| reader.feed(&vec![b'x'; 1_000_000]).is_err()), "{start}");
    }
}

#[test]
fn many_names_cost_no_more_each() {
    let children: String = (0..200_000).map(|number| format!("<c{number}/>")).collect();
    let attributes: String = (0..200_000).map(|number| format!(" a{number}=''")).collect();
    let mut reader = Reader::new(&xml());
    let found = reader.feed(format!("<order{attributes}>{children}{children}</order>").as_bytes()).expect("a record");
    assert_eq!(found[0].as_object().map(Object::len), Some(400_000));
    assert_eq!(found[0].get("c199999").and_then(Value::as_array).map(<[_]>::len), Some(2));
}
