//! What options are read, and what is refused.

use super::*;

fn read(text: &str) -> LoadOptions {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn pointers(options: &LoadOptions) -> Vec<String> {
    options.problems().0.into_iter().map(|(pointer, _)| pointer).collect()
}

#[test]
fn good_options_are_read_and_written_alike() {
    for text in [
        r#"{"system":"genericApi","mode":"reconcile","find":{"path":"/o","query":{"n":"{key}"},"records":"$.o[*]","id":"$.id"},"create":{"method":"POST","path":"/o"},"update":{"method":"PATCH","path":"/o/{id}"}}"#,
        r#"{"system":"genericApi","mode":"upsert","method":"PUT","path":"/o/{key}"}"#,
        r#"{"system":"genericApi","mode":"batch","method":"POST","path":"/o/batch","size":100,"results":"$.r[*]","key":"$.k"}"#,
        r#"{"system":"shopify","entity":"product","identifier":{"by":"customId","namespace":"erp","key":"id"}}"#,
        r#"{"system":"shopify","entity":"order"}"#,
        r#"{"system":"eventStream","name":"order.synced","ordered":true}"#,
        r#"{"system":"flatFile","recordsPerFile":5}"#,
    ] {
        let options = read(text);
        assert_eq!(pointers(&options), Vec::<String>::new(), "{text}");
        assert_eq!(serde_json::to_string(&options).ok().as_deref(), Some(text));
    }
}

#[test]
fn bad_options_are_pointed_at() {
    for (text, expected) in [
        (r#"{"system":"genericApi","mode":"reconcile","create":{"path":"/o"}}"#, &[""][..]),
        (
            r#"{"system":"genericApi","mode":"reconcile","create":{"path":"o"},"update":{"path":"/o/{id}"}}"#,
            &["/create/path", "/update/path"],
        ),
        (r#"{"system":"genericApi","mode":"reconcile","find":{"path":"/o"},"create":{"path":"/o"}}"#, &["/find"]),
        (r#"{"system":"genericApi","mode":"upsert","path":"//evil.example/{key}"}"#, &["/path"]),
        (
            r#"{"system":"genericApi","mode":"batch","path":"/o/{key}","size":0,"key":"$.k"}"#,
            &["/path", "/size", "/key"],
        ),
        (
            r#"{"system":"genericApi","mode":"batch","path":"/o","results":"results","error":"$.e["}"#,
            &["/results", "/error"],
        ),
        (r#"{"system":"eventStream","name":"a b"}"#, &["/name"]),
        (r#"{"system":"eventStream","name":"sla.violated"}"#, &["/name"]),
        (r#"{"system":"flatFile","recordsPerFile":0}"#, &["/recordsPerFile"]),
    ] {
        assert_eq!(pointers(&read(text)), expected, "{text}");
    }
    for unknown in [
        r#"{"system":"flatFile","more":1}"#,
        r#"{"system":"wooCommerce"}"#,
        r#"{"system":"genericApi","mode":"upsert","path":"/a/{key}","size":1}"#,
        r#"{"mode":"upsert","path":"/a"}"#,
    ] {
        assert!(serde_json::from_str::<LoadOptions>(unknown).is_err(), "{unknown}");
    }
}
