//! Tests of files: what is read, what is refused, and that it makes no difference how the bytes arrive.

use super::*;

mod csv;
mod json_lines;
mod splits;
mod writer;
mod xml;

fn format(json: &str) -> FileFormat {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// The records of a file up to its end or its fault, when it arrives in these pieces.
fn outcome<'b>(mut reader: Reader, pieces: impl IntoIterator<Item = &'b [u8]>) -> (Vec<Value>, Option<FileFault>) {
    let mut records = Vec::new();
    for piece in pieces {
        match reader.feed(piece) {
            Ok(found) => records.extend(found),
            Err(fault) => return (records, Some(fault)),
        }
    }
    match reader.finish() {
        Ok(found) => records.extend(found),
        Err(fault) => return (records, Some(fault)),
    }
    (records, None)
}

/// The records of a whole file as JSON.
fn read(format: &FileFormat, file: impl AsRef<[u8]>) -> Vec<String> {
    let (records, fault) = outcome(Reader::new(format), [file.as_ref()]);
    assert_eq!(fault, None);
    records.iter().map(Value::to_json).collect()
}

/// How many records a damaged file has, and the fault.
fn fault(format: &FileFormat, file: impl AsRef<[u8]>) -> (usize, String) {
    let (records, fault) = outcome(Reader::new(format), [file.as_ref()]);
    (records.len(), fault.map_or_else(|| panic!("no fault: {records:?}"), |fault| fault.to_string()))
}

#[test]
fn formats_as_they_are_written() {
    for json in [
        r#"{"type":"csv","delimiter":";","header":false,"columns":["a","b"]}"#,
        r#"{"type":"csv","delimiter":"\t","header":true}"#,
        r#"{"type":"jsonLines"}"#,
        r#"{"type":"xml","recordElement":"x:order"}"#,
        r#"{"type":"xml","recordElement":"order","rootElement":"orders"}"#,
    ] {
        assert_eq!(serde_json::to_string(&format(json)).expect("JSON"), json);
    }
    let csv = FileFormat::Csv { delimiter: Delimiter::default(), header: true, columns: None };
    assert_eq!(format(r#"{"type":"csv"}"#), csv);
    for bad in [
        r#"{"type":"xlsx"}"#,
        r#"{"type":"csv","quote":"'"}"#,
        r#"{"type":"csv","delimiter":""}"#,
        r#"{"type":"csv","delimiter":";;"}"#,
        r#"{"type":"csv","delimiter":"§"}"#,
        r#"{"type":"csv","delimiter":"\""}"#,
        r#"{"type":"csv","delimiter":"\n"}"#,
        r#"{"type":"csv","columns":[]}"#,
        r#"{"type":"csv","columns":["a","b","a"]}"#,
        r#"{"type":"jsonLines","delimiter":","}"#,
        r#"{"type":"xml"}"#,
        r#"{"type":"xml","recordElement":""}"#,
        r#"{"type":"xml","recordElement":"an order"}"#,
        r#"{"type":"xml","recordElement":"1st"}"#,
        r#"{"type":"xml","recordElement":"a","rootElement":"<"}"#,
    ] {
        assert!(serde_json::from_str::<FileFormat>(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_schema_has_the_names_that_are_written() {
    let schema = serde_json::to_value(<FileFormat as utoipa::PartialSchema>::schema()).expect("JSON");
    let names = |index: usize| {
        let properties = schema["oneOf"][index]["properties"].as_object().expect("properties");
        properties.keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names(0), ["columns", "delimiter", "header", "type"].into());
    assert_eq!(names(2), ["recordElement", "rootElement", "type"].into());
}

#[test]
fn checkpoints_are_stored() {
    let mut reader = Reader::new(&format(r#"{"type":"csv"}"#));
    assert_eq!(reader.checkpoint(), &Checkpoint::default());
    assert_eq!(reader.feed(b"a,b\n1,2\n3").map(|found| found.len()), Ok(1));
    assert_eq!(reader.offset(), 8);
    let json = serde_json::to_string(reader.checkpoint()).expect("JSON");
    assert_eq!(json, r#"{"offset":8,"line":3,"header":["a","b"]}"#);
    assert_eq!(serde_json::from_str::<Checkpoint>(&json).ok().as_ref(), Some(reader.checkpoint()));
}

#[test]
fn a_fault_comes_after_the_records_and_stays() {
    let mut reader = Reader::new(&format(r#"{"type":"jsonLines"}"#));
    assert_eq!(reader.feed(b"{\"a\":1}\n{\n{\"a\":2}\n").map(|found| found.len()), Ok(1));
    assert_eq!(reader.offset(), 8);
    let fault = reader.feed(b"{}\n").expect_err("the fault");
    assert_eq!((fault.line, fault.byte), (2, 8));
    assert_eq!(reader.feed(b""), Err(fault.clone()));
    assert_eq!(reader.finish(), Err(fault));
}
