//! The check of a URL at registration, policy by policy.

use std::net::Ipv4Addr;

use super::*;
use TargetPolicy::{AllowAll, AllowLoopback, PublicOnly};

fn code(url: &str, policy: TargetPolicy) -> &'static str {
    check_url(url, policy).map_or_else(|error| error.code(), |_| "ok")
}

#[test]
fn urls_by_policy() {
    // url, off, loopback, all
    let table = [
        ("https://example.com/hook?a=b", "ok", "ok", "ok"),
        ("https://EXAMPLE.com:8443", "ok", "ok", "ok"),
        ("https://8.8.8.8/x", "ok", "ok", "ok"),
        ("https://[2606:4700:4700::1111]/x", "ok", "ok", "ok"),
        ("https://bücher.example/x", "ok", "ok", "ok"),
        ("http://example.com/", "insecure_url", "insecure_url", "ok"),
        ("http://8.8.8.8/", "insecure_url", "insecure_url", "ok"),
        ("http://localhost.example.com/", "insecure_url", "insecure_url", "ok"),
        ("http://notlocalhost/", "insecure_url", "insecure_url", "ok"),
        ("http://127.0.0.1:9/x", "forbidden_address", "ok", "ok"),
        ("http://localhost:9/x", "forbidden_address", "ok", "ok"),
        ("http://LOCALHOST./x", "forbidden_address", "ok", "ok"),
        ("http://a.b.localhost/x", "forbidden_address", "ok", "ok"),
        ("https://localhost/x", "forbidden_address", "ok", "ok"),
        ("https://[::1]/x", "forbidden_address", "ok", "ok"),
        // Other spellings of 127.0.0.1 and 169.254.169.254.
        ("https://2130706433/", "forbidden_address", "ok", "ok"),
        ("https://0x7f000001/", "forbidden_address", "ok", "ok"),
        ("https://0177.0.0.1/", "forbidden_address", "ok", "ok"),
        ("https://127.1/", "forbidden_address", "ok", "ok"),
        ("https://127.0.0.1./", "forbidden_address", "ok", "ok"),
        ("https://%31%32%37.0.0.1/", "forbidden_address", "ok", "ok"),
        ("https://127。0。0。1/", "forbidden_address", "ok", "ok"),
        ("https://0xa9fea9fe/", "forbidden_address", "forbidden_address", "ok"),
        ("https://0251.0376.0251.0376/", "forbidden_address", "forbidden_address", "ok"),
        ("https://169.254.43518/", "forbidden_address", "forbidden_address", "ok"),
        ("http://169.254.169.254/latest", "forbidden_address", "forbidden_address", "ok"),
        ("https://10.0.0.1/", "forbidden_address", "forbidden_address", "ok"),
        ("https://0/", "forbidden_address", "forbidden_address", "ok"),
        ("https://[::]/", "forbidden_address", "forbidden_address", "ok"),
        ("https://[::ffff:127.0.0.1]/", "forbidden_address", "forbidden_address", "ok"),
        ("https://[64:ff9b::7f00:1]/", "forbidden_address", "forbidden_address", "ok"),
        ("https://[fd00:ec2::254]/", "forbidden_address", "forbidden_address", "ok"),
    ];
    for (url, off, loopback, all) in table {
        assert_eq!(code(url, PublicOnly), off, "{url} with off");
        assert_eq!(code(url, AllowLoopback), loopback, "{url} with loopback");
        assert_eq!(code(url, AllowAll), all, "{url} with all");
    }
}

#[test]
fn malformed_urls_are_invalid_under_every_policy() {
    let long = format!("https://example.com/{}", "a".repeat(MAX_URL_LENGTH));
    for url in [
        "",
        "example.com",
        "/hook",
        "https://",
        "https:///",
        "https://exa mple.com/",
        " https://example.com",
        "https://example.com/\n",
        "https://exam\tple.com/",
        "https://example.com\\@10.0.0.1/",
        "https://user@example.com/",
        "https://u:p@example.com/",
        "https://:p@example.com/",
        "https://example.com/#top",
        "https://example.com/#",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://[::1",
        "https://[::1%25lo]/",
        "https://256.256.256.256/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "data:text/plain,x",
        "javascript:alert(1)",
        "unix:/run/x.sock",
        "gopher://example.com/",
        long.as_str(),
    ] {
        for policy in [PublicOnly, AllowLoopback, AllowAll] {
            assert_eq!(code(url, policy), "invalid_url", "{url:?} with {policy}");
        }
    }
}

#[test]
fn length_limit_is_inclusive() {
    let base = "https://example.com/";
    let url = format!("{base}{}", "a".repeat(MAX_URL_LENGTH - base.len()));
    assert_eq!(code(&url, PublicOnly), "ok");
    assert_eq!(code(&format!("{url}a"), PublicOnly), "invalid_url");
}

mod fuzz {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_literal_is_judged_alike_in_every_spelling(bits: u32) {
            let ip = Ipv4Addr::from_bits(bits);
            let [a, b, c, d] = ip.octets();
            let wanted = if is_public(ip.into()) { "ok" } else { "forbidden_address" };
            for host in [
                format!("{ip}"), format!("{bits}"), format!("{bits:#x}"), format!("0{bits:o}"),
                format!("{a:#x}.{b}.0{c:o}.{d}"), format!("{a}.{}", bits & 0x00ff_ffff),
            ] {
                prop_assert_eq!(code(&format!("https://{host}/"), PublicOnly), wanted, "{}", host);
            }
        }

        #[test]
        fn the_check_never_panics_and_never_passes_credentials(text in "\\PC{0,80}", rest in "[ -~]{0,40}") {
            let _ = check_url(&text, AllowAll);
            if let Ok(url) = check_url(&format!("https://{rest}"), PublicOnly) {
                prop_assert!(url.username().is_empty() && url.password().is_none());
                prop_assert_eq!(url.scheme(), "https");
            }
        }
    }
}
