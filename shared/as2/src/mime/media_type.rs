//! `Content-Type`, `Content-Disposition` and other values with parameters.

/// A value with parameters: `multipart/signed; micalg=sha-256`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MediaType {
    /// In lower case.
    pub(crate) essence: String,
    parameters: Vec<(String, String)>,
}

impl MediaType {
    pub(crate) fn read(text: &str) -> Self {
        let mut pieces = split(text, ';').into_iter();
        let essence = pieces.next().unwrap_or_default().trim().to_ascii_lowercase();
        let parameters = pieces
            .filter_map(|piece| {
                let (name, value) = piece.split_once('=')?;
                Some((name.trim().to_ascii_lowercase(), unquote(value.trim())))
            })
            .collect();
        Self { essence, parameters }
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// A parameter in its extended form (RFC 2231), which can hold any letter, or else in its plain one.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let extended = self.parameter(&format!("{name}*")).and_then(|value| {
            let digits = value.split('\'').nth(2)?;
            String::from_utf8(percent_decoded(digits.as_bytes())?).ok()
        });
        extended.or_else(|| self.parameter(name).map(str::to_owned))
    }

    /// Whether it is a CMS structure: encrypted, compressed or signed.
    pub(crate) fn is_cms(&self) -> bool {
        matches!(self.essence.as_str(), "application/pkcs7-mime" | "application/x-pkcs7-mime")
    }

    /// Whether it is a signature of another part.
    pub(crate) fn is_signature(&self) -> bool {
        matches!(self.essence.as_str(), "application/pkcs7-signature" | "application/x-pkcs7-signature")
    }
}

/// Splits at a separator that stands outside of quotes.
pub(crate) fn split(text: &str, separator: char) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if letter == separator && !quoted => {
                pieces.push(&text[start..at]);
                start = at + letter.len_utf8();
            }
            _ => {}
        }
    }
    pieces.push(&text[start..]);
    pieces
}

/// A quoted string without its quotes; anything else as it is.
pub(crate) fn unquote(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"') else { return text.to_owned() };
    let mut plain = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => plain.extend(letters.next()),
            _ => plain.push(letter),
        }
    }
    plain
}

/// A quoted string. Control characters become spaces.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            _ if letter.is_control() => quoted.push(' '),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

fn percent_decoded(digits: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(digits.len());
    let mut rest = digits;
    while let Some((first, after)) = rest.split_first() {
        if *first != b'%' {
            decoded.push(*first);
            rest = after;
            continue;
        }
        let pair = std::str::from_utf8(after.get(..2)?).ok()?;
        decoded.push(u8::from_str_radix(pair, 16).ok()?);
        rest = &after[2..];
    }
    Some(decoded)
}
