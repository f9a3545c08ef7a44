//! Writes CSV.

use std::borrow::Cow;

use crate::value::Value;

/// Appends the row with the columns' names.
pub(super) fn write_header(columns: &[String], delimiter: u8, out: &mut Vec<u8>) {
    write_row(columns.iter().map(|name| guarded(name)), delimiter, out);
}

/// Appends the row of a record.
pub(super) fn write_record(record: &Value, columns: &[String], delimiter: u8, out: &mut Vec<u8>) -> Result<(), String> {
    if record.as_object().is_none() {
        return Err(format!("a record is an object, not {}", record.kind()));
    }
    write_row(columns.iter().map(|name| cell(find(record, name))), delimiter, out);
    Ok(())
}

/// The member of that name, or of the path that it is.
fn find<'r>(record: &'r Value, name: &str) -> Option<&'r Value> {
    record.get(name).or_else(|| name.split('.').try_fold(record, Value::get))
}

fn cell(value: Option<&Value>) -> Cow<'_, str> {
    match value {
        None | Some(Value::Null) => Cow::Borrowed(""),
        Some(Value::String(text)) => guarded(text),
        Some(Value::Number(text)) => Cow::Borrowed(text),
        Some(value) => Cow::Owned(value.to_json()),
    }
}

/// A text that a spreadsheet would take for a formula gets a leading `'`.
///
/// A number does not. That is a JSON number, and also a text that is wholly a decimal number, such as `-12.50`: decimals
/// leave a mapping as text. One with a leading `+`, such as a telephone number, is text.
fn guarded(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t']) && !is_number(text) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether a text is an optional minus, digits, an optional fraction and an optional exponent.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => (text, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    digits(whole) && digits(fraction) && digits(exponent)
}

fn write_row<'c>(cells: impl ExactSizeIterator<Item = Cow<'c, str>>, delimiter: u8, out: &mut Vec<u8>) {
    // A row of one empty cell would be an empty line, which is no row.
    let alone = cells.len() == 1;
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(delimiter);
        }
        let special = |byte: u8| byte == delimiter || matches!(byte, b'"' | b'\r' | b'\n');
        if cell.bytes().any(special) || alone && cell.is_empty() {
            out.extend(format!("\"{}\"", cell.replace('"', "\"\"")).as_bytes());
        } else {
            out.extend(cell.as_bytes());
        }
    }
    out.push(b'\n');
}
