//! Names of files, as people may see them.

/// The most letters of a file's name.
const MAX_FILE_NAME: usize = 255;

/// Characters without width, and those that change the order of others, control characters aside: what the gateway
/// refuses in names. They make a file look like another kind of file.
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

/// The last part of a path, without what is not seen in it.
pub(super) fn plain_file_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last.chars().filter(|letter| is_seen(*letter)).take(MAX_FILE_NAME).collect();
    let plain = plain.trim();
    (!plain.is_empty() && plain != "." && plain != "..").then(|| plain.to_owned())
}

fn is_seen(letter: char) -> bool {
    !letter.is_control() && !UNSEEN.iter().any(|(first, last)| (*first..=*last).contains(&letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_in_a_file_name_is_dropped() {
        for (name, expected) in [
            ("invoice\u{202e}fdp.exe", Some("invoicefdp.exe")),
            ("\u{feff}a\u{200b}\u{200d}b\u{2066}.edi\u{2069}", Some("ab.edi")),
            (".\u{ad}.", None),
            ("..\u{200b}/..\u{2060}", None),
            ("\u{200f}\0\t", None),
            ("Bestellung Ä.edi", Some("Bestellung Ä.edi")),
            ("заказ 注文 طلب.xml", Some("заказ 注文 طلب.xml")),
        ] {
            assert_eq!(plain_file_name(name).as_deref(), expected, "{name:?}");
        }
        assert_eq!(plain_file_name(&"\u{200b}a".repeat(300)), Some("a".repeat(MAX_FILE_NAME)));
    }
}
