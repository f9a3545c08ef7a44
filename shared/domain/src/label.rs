//! Names and descriptions for people: what is read is what is there.
//!
//! Control characters break lists and logs. Bidirectional ones and those without width make a name look like another.

/// What a label must be, for messages.
pub const PLAIN: &str = "without control characters, bidirectional ones and those without width";

/// Characters that are not seen, control characters aside: they are without width, or change the order of others.
const UNSEEN: [(char, char); 15] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

fn is_seen(character: char) -> bool {
    !character.is_control() && !UNSEEN.iter().any(|(first, last)| (*first..=*last).contains(&character))
}

/// What is seen of a text.
#[must_use]
pub fn seen(text: &str) -> String {
    text.chars().filter(|character| is_seen(*character)).collect()
}

/// Whether every character of a name is seen.
#[must_use]
pub fn is_label(text: &str) -> bool {
    text.chars().all(is_seen)
}

/// The same of a description, which may have several lines.
#[must_use]
pub fn is_description(text: &str) -> bool {
    text.split('\n').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_is_seen() {
        for good in
            ["", "ERP", "Bestellungen für SAP", "заказы", "הזמנות", "طلبات", "注文 1", "주문", "❤️ 🚚", "a\u{a0}b"]
        {
            assert!(is_label(good), "{good}");
        }
        assert!(is_description("two\nlines") && !is_label("two\nlines") && !is_description("two\r\nlines"));
    }

    #[test]
    fn what_hides_is_found_wherever_it_stands() {
        for hidden in [
            '\0',
            '\t',
            '\u{7f}',
            '\u{85}',
            '\u{ad}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{3164}',
            '\u{e0001}',
            '\u{e0061}',
        ] {
            for text in [format!("{hidden}a"), format!("a{hidden}b"), format!("a{hidden}")] {
                assert!(!is_label(&text) && !is_description(&text), "{text:?}");
            }
        }
    }
}
