//! Header fields: of HTTP requests, of MIME entities and of receipts.

use super::MimeError;

/// Header fields in their order; names are compared without case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// No fields.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of the first field of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Adds a field. Line breaks in its value become spaces: no value makes another field.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into().replace(['\r', '\n', '\0'], " ");
        self.0.push((name.to_owned(), value));
    }

    /// All fields.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether their values are text: a block of noise is not. What was no UTF-8 is replaced when headers are read.
    pub(crate) fn are_text(&self) -> bool {
        let is_text = |letter: char| letter == '\t' || !(letter.is_control() || letter == char::REPLACEMENT_CHARACTER);
        self.iter().all(|(_, value)| value.chars().all(is_text))
    }

    /// As MIME writes them, with the empty line at their end.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            self.iter().flat_map(|(name, value)| format!("{name}: {value}\r\n").into_bytes()).collect();
        bytes.extend_from_slice(b"\r\n");
        bytes
    }

    /// Reads the fields with which bytes begin; also says where the body begins. Folded lines become one.
    pub(crate) fn read(bytes: &[u8], limit: usize) -> Result<(Self, usize), MimeError> {
        let mut headers = Self::new();
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            if rest.is_empty() {
                return Ok((headers, at));
            }
            let window = &rest[..rest.len().min(limit.saturating_sub(at))];
            let (line, size) = match memchr::memchr(b'\n', window) {
                Some(end) => (&rest[..end], end + 1),
                None if window.len() < rest.len() => return Err(MimeError::HeadersTooLarge),
                None => (rest, rest.len()),
            };
            at += size;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                return Ok((headers, at));
            }
            headers.add_line(&String::from_utf8_lossy(line))?;
        }
    }

    fn add_line(&mut self, line: &str) -> Result<(), MimeError> {
        if line.starts_with([' ', '\t']) {
            let (_, value) = self.0.last_mut().ok_or(MimeError::Headers)?;
            if !value.is_empty() {
                value.push(' ');
            }
            value.push_str(line.trim());
            return Ok(());
        }
        let (name, value) = line.split_once(':').ok_or(MimeError::Headers)?;
        let name = name.trim_end();
        if name.is_empty() || !name.bytes().all(|letter| letter.is_ascii_graphic()) {
            return Err(MimeError::Headers);
        }
        self.0.push((name.to_owned(), value.trim().to_owned()));
        Ok(())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}
