//! The header `Link` (RFC 8288).

use http::HeaderMap;
use http::header::LINK;

/// The target of the first link with `rel="next"`, as it is written.
pub(super) fn next_link(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(links).find(|(_, parameters)| is_next(parameters)).map(|(target, _)| target.to_owned())
}

/// The links of a header: each one's target and its parameters.
fn links(mut text: &str) -> Vec<(&str, &str)> {
    let mut links = Vec::new();
    while let Some((target, rest)) = text.split_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        let end = end_of(rest);
        links.push((target.trim(), &rest[..end]));
        text = &rest[end..];
    }
    links
}

/// Where the parameters of a link end: at a comma outside quotes.
fn end_of(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

fn is_next(parameters: &str) -> bool {
    parameters.split(';').filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
        let relations = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("rel") && relations.split(' ').any(|rel| rel.eq_ignore_ascii_case("next"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found_in_every_form() {
        let next = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(LINK, value.parse().expect("a header"));
            }
            next_link(&headers)
        };
        let found = Some("https://a.example/?p=2,3".to_owned());
        assert_eq!(
            next(&["<https://a.example/?p=1>; rel=\"previous\", <https://a.example/?p=2,3>; rel=\"next\""]),
            found
        );
        assert_eq!(next(&["<https://a.example/?p=2,3>;title=\"a, \\\" b\"; rel=next"]), found);
        assert_eq!(next(&["<x>; rel=last", "<https://a.example/?p=2,3>; REL=\"last Next\""]), found);
        for none in [&[][..], &[""], &["<x>"], &["<x>; rel=prev"], &["x; rel=next"], &["<x; rel=next"]] {
            assert_eq!(next(none), None, "{none:?}");
        }
    }

    mod fuzz {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn any_header_is_read(text in "[ -~]{0,80}", target in "[!-;=?-~]{1,40}", title in "[ -!#-\\[\\]-~]{0,20}") {
                let read = |value: &str| {
                    let mut headers = HeaderMap::new();
                    headers.append(LINK, value.parse().expect("a header"));
                    next_link(&headers)
                };
                let _ = read(&text);
                let link = format!("<{target}>; title=\"{title}\"; rel=\"next\"");
                prop_assert_eq!(read(&link), Some(target));
            }
        }
    }
}
