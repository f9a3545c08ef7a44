//! What is wrong with a configuration, by JSON Pointer.

use std::ops::RangeInclusive;

use crate::label::{PLAIN, is_label};

/// The problems found so far: a JSON Pointer and a message each. A message never contains the value: it may be a secret.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<(String, String)>);

impl Problems {
    /// Adds a problem.
    pub(crate) fn add(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.0.push((pointer.into(), message.into()));
    }

    /// Adds a problem unless `holds`.
    pub(crate) fn unless(&mut self, holds: bool, pointer: &str, message: &str) {
        if !holds {
            self.add(pointer, message);
        }
    }

    /// Adds those of a part.
    pub(crate) fn within(&mut self, part: &str, problems: Self) {
        self.0.extend(problems.0.into_iter().map(|(pointer, message)| (format!("{part}{pointer}"), message)));
    }

    /// Checks that a number is in range.
    pub(crate) fn range(&mut self, pointer: &str, value: u32, range: RangeInclusive<u32>) {
        if !range.contains(&value) {
            self.add(pointer, format!("must be {} to {}", range.start(), range.end()));
        }
    }

    /// Checks that a text has 1 to `most` bytes, and no control characters.
    pub(crate) fn text(&mut self, pointer: &str, text: &str, most: usize) {
        if !is_text(text, most) {
            self.add(pointer, format!("must be 1 to {most} bytes without control characters"));
        }
    }

    /// Checks that a name for people has 1 to `most` bytes, all of which are seen.
    pub(crate) fn label(&mut self, pointer: &str, text: &str, most: usize) {
        if !is_text(text, most) || !is_label(text) {
            self.add(pointer, format!("must be 1 to {most} bytes {PLAIN}"));
        }
    }

    /// Checks that a list is not too long.
    pub(crate) fn most(&mut self, pointer: &str, count: usize, most: usize) {
        if count > most {
            self.add(pointer, format!("at most {most} entries"));
        }
    }
}

/// Whether a text has 1 to `most` bytes, and no control characters.
pub(crate) fn is_text(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && !text.contains(char::is_control)
}
