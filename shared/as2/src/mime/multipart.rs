//! Finds the parts of a multipart body.

use std::ops::Range;

use memchr::memmem;

use super::MimeError;

/// Longer than any that RFC 2046 allows.
const MAX_BOUNDARY: usize = 200;

/// Where the parts stand in the bytes. The line break before a delimiter belongs to the delimiter.
///
/// A last part without a closing delimiter counts: what is missing from it, a signature shows.
pub(crate) fn parts(bytes: &[u8], boundary: &str, limit: usize) -> Result<Vec<Range<usize>>, MimeError> {
    if boundary.is_empty() || boundary.len() > MAX_BOUNDARY {
        return Err(MimeError::Boundary);
    }
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut begun = None;
    for found in memmem::find_iter(bytes, delimiter.as_bytes()) {
        if found > 0 && bytes[found - 1] != b'\n' {
            continue;
        }
        let Some((closing, next)) = rest_of_line(bytes, found + delimiter.len()) else { continue };
        if let Some(start) = begun.take() {
            if parts.len() == limit {
                return Err(MimeError::TooManyParts);
            }
            parts.push(start..before_line_break(bytes, found).max(start));
        }
        if closing {
            return Ok(parts);
        }
        begun = Some(next);
    }
    match begun {
        Some(start) if parts.len() < limit => parts.push(start..bytes.len()),
        Some(_) => return Err(MimeError::TooManyParts),
        None if parts.is_empty() => return Err(MimeError::Boundary),
        None => {}
    }
    Ok(parts)
}

/// Reads the end of a delimiter's line: whether it is the closing one, and where the next line begins. None: the
/// line goes on, so it is another boundary that begins like this one.
fn rest_of_line(bytes: &[u8], mut at: usize) -> Option<(bool, usize)> {
    let closing = bytes[at..].starts_with(b"--");
    at += if closing { 2 } else { 0 };
    while matches!(bytes.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    match (bytes.get(at), bytes.get(at + 1)) {
        (None, _) => Some((closing, at)),
        (Some(b'\n'), _) => Some((closing, at + 1)),
        (Some(b'\r'), Some(b'\n')) => Some((closing, at + 2)),
        _ => None,
    }
}

fn before_line_break(bytes: &[u8], at: usize) -> usize {
    let before = &bytes[..at];
    let before = before.strip_suffix(b"\n").unwrap_or(before);
    before.strip_suffix(b"\r").unwrap_or(before).len()
}
