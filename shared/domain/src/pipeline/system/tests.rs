//! What systems are read, what is refused, and what a mask keeps.

use super::*;

fn read(text: &str) -> WrittenSystem {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn pointers<K>(system: &WrittenSystem, kept: Option<&System<K>>) -> Vec<String> {
    system.problems(kept).0.into_iter().map(|(pointer, _)| pointer).collect()
}

fn alone(text: &str) -> Vec<String> {
    pointers::<String>(&read(text), None)
}

const GOOD: [&str; 9] = [
    r#"{"system":"genericApi","baseUrl":"https://erp.example/api","auth":{"type":"none"}}"#,
    r#"{"system":"genericApi","baseUrl":"https://erp.example","auth":{"type":"apiKey","header":"x-key","key":"hush"},"headers":{"x-a":"b"},"testPath":"/status"}"#,
    r#"{"system":"genericApi","baseUrl":"https://erp.example","auth":{"type":"apiKey","queryParameter":"key","key":"hush"}}"#,
    r#"{"system":"genericApi","baseUrl":"https://erp.example","auth":{"type":"bearer","token":"hush"}}"#,
    r#"{"system":"genericApi","baseUrl":"https://erp.example","auth":{"type":"basic","username":"a","password":"hush"}}"#,
    r#"{"system":"genericApi","baseUrl":"https://erp.example","auth":{"type":"oauth2","tokenUrl":"https://id.example/token","clientId":"a","clientSecret":"hush","scope":"a b"}}"#,
    r#"{"system":"shopify","shop":"a.myshopify.com","accessToken":"hush","apiVersion":"2026-07","api":"rest","webhookSecrets":["hush","hush"]}"#,
    r#"{"system":"wooCommerce","siteUrl":"https://shop.example","consumerKey":"hush","consumerSecret":"hush","auth":"query"}"#,
    r#"{"system":"eventStream"}"#,
];

#[test]
fn good_systems_are_read_and_written_alike() {
    for text in GOOD {
        let system = read(text);
        assert_eq!(alone(text), Vec::<String>::new(), "{text}");
        assert_eq!(serde_json::to_string(&system).ok().as_deref(), Some(text));
        assert!(text.contains(system.kind().name()));
        assert!(!format!("{system:?}").contains("hush"), "{system:?}");
        let masked = serde_json::to_string(&system.masked()).expect("JSON");
        assert!(!masked.contains("hush"), "{masked}");
    }
    let defaults = read(r#"{"system":"shopify","shop":"a.myshopify.com","accessToken":"x"}"#);
    let System::Shopify(shopify) = defaults else { panic!("a shop") };
    assert_eq!((shopify.api_version.as_str(), shopify.api), (DEFAULT_API_VERSION, None));
}

#[test]
fn bad_systems_are_pointed_at() {
    for (text, expected) in [
        (r#"{"system":"genericApi","baseUrl":"ftp://a"}"#, &["/baseUrl"][..]),
        (r#"{"system":"genericApi","baseUrl":"https://u:p@a"}"#, &["/baseUrl"]),
        (r#"{"system":"genericApi","baseUrl":"https://a?b=c"}"#, &["/baseUrl"]),
        (r#"{"system":"genericApi","baseUrl":"https://a","auth":{"type":"apiKey","key":"k"}}"#, &["/auth"]),
        (
            r#"{"system":"genericApi","baseUrl":"https://a","headers":{"Authorization":"x"}}"#,
            &["/headers/Authorization"],
        ),
        (r#"{"system":"genericApi","baseUrl":"https://a","headers":{"a b":"x"}}"#, &["/headers"]),
        (r#"{"system":"genericApi","baseUrl":"https://a","headers":{"a":"x\r\ny"}}"#, &["/headers/a"]),
        (r#"{"system":"genericApi","baseUrl":"https://a","testPath":"x"}"#, &["/testPath"]),
        (r#"{"system":"genericApi","baseUrl":"https://a","auth":{"type":"bearer","token":"a b"}}"#, &["/auth/token"]),
        (
            r#"{"system":"genericApi","baseUrl":"https://a","auth":{"type":"basic","username":"a:b","password":""}}"#,
            &["/auth/username", "/auth/password"],
        ),
        (r#"{"system":"shopify","shop":"evil.example","accessToken":"x"}"#, &["/shop"]),
        (r#"{"system":"shopify","shop":"a.b.myshopify.com","accessToken":"x"}"#, &["/shop"]),
        (
            r#"{"system":"shopify","shop":"a.myshopify.com","accessToken":"x","apiVersion":"unstable/../x"}"#,
            &["/apiVersion"],
        ),
        (
            r#"{"system":"shopify","shop":"a.myshopify.com","accessToken":"","webhookSecrets":["a","b","c"]}"#,
            &["/accessToken", "/webhookSecrets"],
        ),
        (
            r#"{"system":"wooCommerce","siteUrl":"a","consumerKey":"","consumerSecret":"x"}"#,
            &["/siteUrl", "/consumerKey"],
        ),
    ] {
        assert_eq!(alone(text), expected, "{text}");
    }
    for unknown in
        [r#"{"system":"eventStream","a":1}"#, r#"{"system":"ftp"}"#, r#"{"system":"shopify","shop":"a","token":"b"}"#]
    {
        assert!(serde_json::from_str::<WrittenSystem>(unknown).is_err(), "{unknown}");
    }
}

#[test]
fn a_mask_keeps_what_is_stored() {
    let stored = read(GOOD[3]);
    let masked = |url: &str| read(&GOOD[3].replace("hush", MASK).replace("https://erp.example", url));
    let same = masked("https://erp.example/v2");
    assert_eq!(pointers(&same, Some(&stored)), Vec::<String>::new());
    let kept = same.keep(Some(&stored), |_| Err("sealed anew"));
    assert_eq!(kept.map(|kept| kept.secrets()[0].1.clone()), Ok("hush".to_owned()));
    assert_eq!(stored.sends("/auth/token"), ["https://erp.example"]);
    assert_eq!(pointers::<String>(&masked("https://erp.example"), None), ["/auth/token"]);
    // Another kind of authentication has another secret.
    let other = read(&GOOD[1].replace("hush", MASK));
    assert_eq!(pointers(&other, Some(&stored)), ["/auth/key"]);
}

#[test]
fn the_nth_mask_of_a_list_keeps_the_nth_secret() {
    let shop = |secrets: &str| {
        read(&format!(
            r#"{{"system":"shopify","shop":"a.myshopify.com","accessToken":"t","webhookSecrets":{secrets}}}"#
        ))
    };
    let kept = |written: &str, stored: &str| {
        let kept = shop(written).keep(Some(&shop(stored)), Ok::<_, Infallible>);
        kept.map(|kept| kept.webhook_secrets().to_vec()).unwrap_or_default()
    };
    assert_eq!(kept(&format!(r#"["new","{MASK}"]"#), r#"["old"]"#), ["new", "old"]);
    assert_eq!(kept(&format!(r#"["{MASK}"]"#), r#"["new","old"]"#), ["new"]);
    assert_eq!(kept(&format!(r#"["{MASK}","{MASK}"]"#), r#"["new","old"]"#), ["new", "old"]);
    let missing = pointers(&shop(&format!(r#"["{MASK}","{MASK}"]"#)), Some(&shop(r#"["old"]"#)));
    assert_eq!(missing, ["/webhookSecrets/1"]);
}
