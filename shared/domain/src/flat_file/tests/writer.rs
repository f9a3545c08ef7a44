//! Writing.

use super::*;
use crate::value::Object;

fn value(json: &str) -> Value {
    Value::parse(json.as_bytes()).expect(json)
}

fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn write(format: &FileFormat, names: &[&str], records: &[&str]) -> String {
    let writer = Writer::new(format, &columns(names));
    let mut out = Vec::new();
    writer.header(&mut out);
    for record in records {
        writer.record(&value(record), &mut out).expect(record);
    }
    writer.footer(&mut out);
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn csv_has_the_named_columns() {
    let csv = format(r#"{"type":"csv"}"#);
    let records = [
        r#"{"z":1,"id":"7","address":{"city":"Köln"},"lines":[{"a":1.10}],"ok":true}"#,
        r#"{"id":null,"address":"none","dotted.name":2,"dotted":{"name":3}}"#,
        r#"{"id":"a,b","address":{"city":"say \"x\"\nand \r"},"lines":{},"ok":""}"#,
    ];
    assert_eq!(
        write(&csv, &["id", "address.city", "lines", "ok", "dotted.name"], &records),
        "id,address.city,lines,ok,dotted.name\n7,Köln,\"[{\"\"a\"\":1.10}]\",true,\n,,,,2\n\
         \"a,b\",\"say \"\"x\"\"\nand \r\",{},,\n"
    );
    let bare = format(r#"{"type":"csv","header":false,"delimiter":";"}"#);
    assert_eq!(write(&bare, &["id", "ok"], &records[..1]), "7;true\n");
    // An empty line would be no record.
    assert_eq!(write(&csv, &["x"], &["{}", r#"{"x":1}"#]), "x\n\"\"\n1\n");
}

#[test]
fn text_that_looks_like_a_formula_is_guarded() {
    let bare = format(r#"{"type":"csv","header":false}"#);
    for (cell, expected) in [
        (r#""=1+1""#, "'=1+1\n"),
        (r#""+49 221 1""#, "'+49 221 1\n"),
        (r#""+49""#, "'+49\n"),
        (r#""-x""#, "'-x\n"),
        (r#""-""#, "'-\n"),
        (r#""--1""#, "'--1\n"),
        (r#""-1-1""#, "'-1-1\n"),
        (r#""-1.""#, "'-1.\n"),
        (r#""-.5""#, "'-.5\n"),
        (r#""@SUM(A1)""#, "'@SUM(A1)\n"),
        (r#""\tx""#, "'\tx\n"),
        (r#""=\"a\"""#, "\"'=\"\"a\"\"\"\n"),
        (r#""x=1""#, "x=1\n"),
        ("-12.50", "-12.50\n"),
        (r#""-12.50""#, "-12.50\n"),
        (r#""-1e5""#, "-1e5\n"),
        (r#""12""#, "12\n"),
        (r#"["=1"]"#, "\"[\"\"=1\"\"]\"\n"),
    ] {
        assert_eq!(write(&bare, &["x"], &[&format!("{{\"x\":{cell}}}")]), expected, "{cell}");
    }
    assert_eq!(write(&format(r#"{"type":"csv"}"#), &["=a", "b"], &[]), "'=a,b\n");
}

#[test]
fn json_lines_keep_the_records() {
    let json_lines = format(r#"{"type":"jsonLines"}"#);
    assert_eq!(write(&json_lines, &[], &[r#"{"a":1.10,"b":"x\ny"}"#, "{}"]), "{\"a\":1.10,\"b\":\"x\\ny\"}\n{}\n");
}

#[test]
fn xml_is_what_is_read() {
    let xml = format(r#"{"type":"xml","recordElement":"order"}"#);
    let record = r##"{"@id":"7\n","x:total":{"@c":"EUR","#text":"12.50"},"lines":["a<b",{"n":-1.0},""],"gone":[],"null":null,"ok":true,"m":[[1,2],[3]]}"##;
    let file = write(&xml, &["ignored"], &[record, "{}"]);
    assert_eq!(
        file,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<records>\n<order id=\"7&#10;\"><x:total c=\"EUR\">12.50</x:total>\
         <lines>a&lt;b</lines><lines><n>-1.0</n></lines><lines/><null/><ok>true</ok>\
         <m><item>1</item><item>2</item></m><m><item>3</item></m></order>\n<order/>\n</records>\n"
    );
    assert_eq!(
        read(&xml, file),
        [
            r##"{"@id":"7\n","x:total":{"@c":"EUR","#text":"12.50"},"lines":["a<b",{"n":"-1.0"},""],"null":"","ok":"true","m":[{"item":["1","2"]},{"item":"3"}]}"##,
            "{}"
        ]
    );
    for (format_json, root) in [
        (r#"{"type":"xml","recordElement":"order","rootElement":"o:orders"}"#, "<o:orders>"),
        (r#"{"type":"xml","recordElement":"records"}"#, "<root>"),
        (r#"{"type":"xml","recordElement":"a","rootElement":"a"}"#, "<records>"),
    ] {
        assert!(write(&format(format_json), &[], &[]).contains(root), "{format_json}");
    }
}

#[test]
fn what_cannot_be_written_leaves_nothing() {
    let (csv, xml) = (format(r#"{"type":"csv"}"#), format(r#"{"type":"xml","recordElement":"order"}"#));
    let deep = format!("{{\"a\":{}1{}}}", "{\"a\":".repeat(62), "}".repeat(62));
    for (format, record, reason) in [
        (&csv, "[1]", "a record is an object, not an array"),
        (&xml, "\"x\"", "a record is an object, not a string"),
        (&xml, r#"{"a":1,"b c":2}"#, "`b c` is not a name in XML"),
        (&xml, r#"{"a":1,"":2}"#, "`` is not a name in XML"),
        (&xml, r#"{"@":1}"#, "`` is not a name in XML"),
        (&xml, r#"{"@a":{}}"#, "`@a` cannot be an object"),
        (&xml, r##"{"#text":[1]}"##, "`#text` cannot be an array"),
        (&xml, r#"{"a":"\u0000"}"#, "XML cannot hold the character U+0000"),
        (&xml, &deep, "elements deeper than 64 levels"),
    ] {
        let mut out = b"before".to_vec();
        let error = Writer::new(format, &columns(&["a"])).record(&value(record), &mut out).expect_err(record);
        assert_eq!((error.to_string().as_str(), out.as_slice()), (reason, &b"before"[..]));
    }
}

mod fuzz {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z]{0,3}", "[ -~\\t\\r\\n\u{80}-\u{2ff}]{0,12}", "[=+@'\",;-]{0,6}[0-9.e]{0,4}"]
    }

    /// A value as reading XML makes it.
    fn element() -> impl Strategy<Value = Value> {
        text().prop_map(Value::String).prop_recursive(4, 24, 4, |inner| {
            let attributes = prop::collection::btree_map("@[a-c]", text().prop_map(Value::String), 0..3);
            let several = prop::collection::vec(inner.clone(), 2..4).prop_map(Value::Array);
            let children = prop::collection::btree_map("[a-c]", prop_oneof![inner, several], 0..3);
            let text = prop::option::of("[a-z<&>]{1,5}");
            (attributes, children, text).prop_map(|(attributes, children, text)| {
                let text = text.map(|text| ("#text".to_owned(), Value::String(text)));
                let members: Vec<_> = attributes.into_iter().chain(children).chain(text).collect();
                if members.is_empty() {
                    Value::String(String::new())
                } else {
                    Value::Object(members.into_iter().collect())
                }
            })
        })
    }

    proptest! {
        #[test]
        fn xml_is_read_as_it_was(children in prop::collection::btree_map("[d-f]", element(), 0..4)) {
            // An object with text alone is read as that text.
            prop_assume!(!format!("{children:?}").contains("[(\"#text\""));
            let xml = format(r#"{"type":"xml","recordElement":"order"}"#);
            let record = Value::Object(children.into_iter().collect());
            prop_assert_eq!(read(&xml, write(&xml, &[], &[&record.to_json()])), [record.to_json()]);
        }

        #[test]
        fn csv_is_read_as_it_was(cells in prop::collection::vec(text(), 1..4), delimiter in "[,;x\\t'=-]") {
            let csv = FileFormat::Csv {
                delimiter: delimiter.chars().next().map(Delimiter::try_from).expect("one").expect("a delimiter"),
                header: true,
                columns: None,
            };
            let names: Vec<String> = (0..cells.len()).map(|index| format!("c{index}")).collect();
            let record: Object = names.iter().cloned().zip(cells.iter().cloned().map(Value::String)).collect();
            let mut out = Vec::new();
            let writer = Writer::new(&csv, &names);
            writer.header(&mut out);
            writer.record(&Value::Object(record), &mut out).expect("an object");
            let (records, fault) = outcome(Reader::new(&csv), [out.as_slice()]);
            prop_assert_eq!((records.len(), fault), (1, None));
            for (name, cell) in names.iter().zip(&cells) {
                let read = records[0].get(name).and_then(Value::as_str).expect("a cell");
                let guarded = format!("'{cell}");
                prop_assert!(read == cell || read == guarded);
            }
        }
    }
}
