//! What can be said of a URL's text. Whether it may be reached, the address rules say.

use crate::problems::Problems;

/// The longest URL, in bytes.
const MAX_URL: usize = 2_048;

/// Scheme, host and port, as they are written.
pub(super) fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at);
    &url[..end]
}

/// Checks the URL that paths are appended to.
pub(super) fn check_base(problems: &mut Problems, pointer: &str, url: &str) {
    check(problems, pointer, url);
    problems.unless(!url.contains('?'), pointer, "must not have a query");
}

/// Checks a URL.
pub(super) fn check(problems: &mut Problems, pointer: &str, url: &str) {
    let is_http = url.starts_with("https://") || url.starts_with("http://");
    let plain = !url.contains(|c: char| c.is_ascii_control() || c == ' ' || c == '\\' || c == '#');
    let fits = is_http && plain && url.len() <= MAX_URL && !origin(url).contains('@');
    problems.unless(fits, pointer, "must be an https URL of at most 2048 bytes, without credentials and fragment");
}

/// Whether a text is a path below a base URL: it begins with `/`, and stays below.
#[must_use]
pub fn is_path(text: &str) -> bool {
    // To a URL's parser an escaped dot is one, too.
    let dots = |part: &str| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    let climbs = text.split(['/', '?']).any(dots);
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\' && b != b'#');
    text.starts_with('/') && !text.starts_with("//") && text.len() <= MAX_URL && plain && !climbs
}

/// Whether a text is the name of a header.
pub(super) fn is_header_name(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_ends_where_the_path_begins() {
        for url in ["https://a.example:8443", "https://a.example:8443/x?y", "https://a.example:8443?z"] {
            assert_eq!(origin(url), "https://a.example:8443");
        }
        assert_eq!(origin("a"), "a");
    }

    #[test]
    fn paths_stay_below() {
        for good in ["/", "/orders.json", "/a/b?c=d", "/a/{key}", "/a..b/..."] {
            assert!(is_path(good), "{good}");
        }
        for bad in ["", "a", "//host/a", "/a/../b", "/..", "/a b", "/a\\b", "/a#b", "/a/%2E./b", "/%2e", "/./a", "/é"]
        {
            assert!(!is_path(bad), "{bad}");
        }
    }
}
