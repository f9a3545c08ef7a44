//! Writes XML.

use crate::flat_file::xml::is_character;
use crate::flat_file::{ElementName, MAX_XML_DEPTH};
use crate::value::{Object, Value};

/// Appends the element of a record.
pub(super) fn write_record(record: &Value, name: &str, out: &mut Vec<u8>) -> Result<(), String> {
    if record.as_object().is_none() {
        return Err(format!("a record is an object, not {}", record.kind()));
    }
    // The root is the first level.
    write_element(name, record, 2, out)?;
    out.push(b'\n');
    Ok(())
}

fn write_element(name: &str, value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<(), String> {
    if depth > MAX_XML_DEPTH {
        return Err(format!("elements deeper than {MAX_XML_DEPTH} levels"));
    }
    check_name(name)?;
    out.extend(format!("<{name}").as_bytes());
    if let Value::Object(object) = value {
        write_attributes(object, out)?;
    }
    out.push(b'>');
    let content = out.len();
    match value {
        Value::Object(object) => write_children(object, depth, out)?,
        Value::Array(items) => items.iter().try_for_each(|item| write_element("item", item, depth + 1, out))?,
        scalar => write_text(&scalar_text(name, scalar)?, out)?,
    }
    if out.len() == content {
        out.pop();
        out.extend(b"/>");
    } else {
        out.extend(format!("</{name}>").as_bytes());
    }
    Ok(())
}

fn write_attributes(object: &Object, out: &mut Vec<u8>) -> Result<(), String> {
    for (key, value) in object.iter() {
        let Some(name) = key.strip_prefix('@') else { continue };
        check_name(name)?;
        if !value.is_null() {
            out.extend(format!(" {name}=\"").as_bytes());
            write_text(&scalar_text(key, value)?, out)?;
            out.push(b'"');
        }
    }
    Ok(())
}

fn write_children(object: &Object, depth: usize, out: &mut Vec<u8>) -> Result<(), String> {
    for (name, value) in object.iter().filter(|(name, _)| !name.starts_with('@')) {
        match value {
            value if name == "#text" => write_text(&scalar_text(name, value)?, out)?,
            Value::Array(items) => items.iter().try_for_each(|item| write_element(name, item, depth + 1, out))?,
            value => write_element(name, value, depth + 1, out)?,
        }
    }
    Ok(())
}

fn scalar_text(name: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        Value::Object(_) | Value::Array(_) => Err(format!("`{name}` cannot be {}", value.kind())),
        value => Ok(value.to_json()),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if ElementName::is_valid(name) { Ok(()) } else { Err(format!("`{name}` is not a name in XML")) }
}

/// Line breaks and tabs are written so that neither a text nor an attribute loses them.
fn write_text(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    for character in text.chars() {
        match character {
            '&' => out.extend(b"&amp;"),
            '<' => out.extend(b"&lt;"),
            '>' => out.extend(b"&gt;"),
            '"' => out.extend(b"&quot;"),
            '\t' | '\n' | '\r' => out.extend(format!("&#{};", u32::from(character)).as_bytes()),
            other if is_character(other) => out.extend(other.encode_utf8(&mut [0; 4]).as_bytes()),
            other => return Err(format!("XML cannot hold the character U+{:04X}", u32::from(other))),
        }
    }
    Ok(())
}
