//! Profiles: what is accepted, what is refused and where, and what becomes of secrets.

use serde_json::{Value, json};

use super::*;

const FINGERPRINT: &str = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nMAA=\n-----END OPENSSH PRIVATE KEY-----\n";

fn full() -> Value {
    json!({
        "name": "Example Ltd", "transport": "as2",
        "as2": {
            "url": "https://as2.example.com/", "as2_id": "EXAMPLE AS2", "identity": "us", "sign": "sha512",
            "encrypt": "3des", "compress": true, "mdn": "async", "mdn_signed": false, "mdn_timeout_minutes": 10_080,
            "require_signed": false, "require_encrypted": false, "accept_legacy": true, "client_certificate": true, "subject": "Invoices",
            "basic_auth": {"username": "us", "password": "basic"},
        },
        "sftp": {
            "host": "sftp.example.com", "port": 2222, "username": "us", "private_key": KEY,
            "host_key_fingerprints": [FINGERPRINT],
            "outbound": {"directory": "/in", "file_name": "{transaction_id}", "temporary_suffix": ".tmp"},
            "inbound": {"directory": "/out", "pattern": "*.edi", "every_minutes": 1, "after": "move", "move_to": "/old"},
        },
        "identifiers": {"duns": "123456789"},
        "contacts": [{"name": "Ann", "email": "ann@example.com", "role": "EDI"}],
        "sla": {"deliver_within_seconds": 60}, "status": "inactive", "certificates": [],
    })
}

fn read(value: Value) -> WrittenProfile {
    serde_json::from_value(value).expect("a profile")
}

/// The pointers of the problems of a full profile with this change.
fn problems(pointer: &str, value: Value) -> Vec<String> {
    let mut written = full();
    match written.pointer_mut(pointer) {
        Some(place) => *place = value,
        None => {
            let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
            written.pointer_mut(parent).expect("a parent")[name] = value;
        }
    }
    read(written).problems().0.into_iter().map(|(pointer, _)| pointer).collect()
}

#[test]
fn a_profile_is_written_as_it_was_read() {
    let profile = read(full());
    assert_eq!(profile.problems(), Problems::default());
    assert_eq!(serde_json::to_value(&profile).expect("JSON"), full());
    let least = json!({"name": "n", "transport": "sftp"});
    let least = serde_json::to_value(read(least)).expect("JSON");
    let shown = json!({
        "name": "n", "transport": "sftp", "certificates": [], "identifiers": {}, "contacts": [], "status": "active",
    });
    assert_eq!(least, shown);
}

#[test]
fn what_is_missing_has_a_default() {
    let as2: As2<String> = serde_json::from_value(json!({"url": "u", "as2_id": "a"})).expect("AS2");
    let shown = json!({
        "url": "u", "as2_id": "a", "sign": "sha256", "encrypt": "aes256-cbc", "compress": false, "mdn": "sync",
        "mdn_signed": true, "mdn_timeout_minutes": 30, "require_signed": true, "require_encrypted": true,
        "accept_legacy": false, "client_certificate": false,
    });
    assert_eq!(serde_json::to_value(&as2).expect("JSON"), shown);
    let sftp = json!({"host": "h", "username": "u", "password": "p", "inbound": {"directory": "d", "after": "delete"}});
    let sftp: Sftp<String> = serde_json::from_value(sftp).expect("SFTP");
    let shown = json!({
        "host": "h", "port": 22, "username": "u", "password": "p", "host_key_fingerprints": [],
        "outbound": {
            "directory": ".", "file_name": "{document_type}-{control_number}-{transaction_id}.edi",
            "temporary_suffix": ".part",
        },
        "inbound": {"directory": "d", "pattern": "*", "every_minutes": 5, "after": "delete"},
    });
    assert_eq!(serde_json::to_value(&sftp).expect("JSON"), shown);
    assert_eq!(sftp.problems(), Problems::default());
}

#[test]
fn bounds_are_met_and_not_passed() {
    let text = |length: usize| Value::from("x".repeat(length));
    let list = |length: usize, entry: Value| Value::from(vec![entry; length]);
    let contact = json!({"name": "n", "email": "a@b.c"});
    let names = |count: usize| (0..count).map(|n| (n.to_string(), json!("v"))).collect::<Value>();
    let key = |length: usize| Value::from(format!("{KEY}{}", "x".repeat(length - KEY.len())));
    for (pointer, good, bad) in [
        ("/name", text(200), text(201)),
        ("/name", text(1), text(0)),
        ("/as2/as2_id", text(128), text(129)),
        ("/as2/identity", text(64), text(65)),
        ("/as2/mdn_timeout_minutes", json!(1), json!(0)),
        ("/as2/mdn_timeout_minutes", json!(10_080), json!(10_081)),
        ("/as2/subject", text(255), text(256)),
        ("/as2/basic_auth/username", text(255), text(256)),
        ("/as2/basic_auth/password", text(1_024), text(1_025)),
        ("/as2/basic_auth/password", json!(MASK), text(0)),
        ("/sftp/host", text(253), text(254)),
        ("/sftp/port", json!(1), json!(0)),
        ("/sftp/username", text(255), text(256)),
        ("/sftp/private_key", key(16 * 1_024), key(16 * 1_024 + 1)),
        ("/sftp/host_key_fingerprints", list(10, json!(FINGERPRINT)), list(11, json!(FINGERPRINT))),
        ("/sftp/outbound/directory", text(1_024), text(1_025)),
        ("/sftp/outbound/file_name", text(255), text(256)),
        ("/sftp/outbound/temporary_suffix", text(32), text(33)),
        ("/sftp/inbound/directory", text(1_024), text(1_025)),
        ("/sftp/inbound/pattern", text(128), text(129)),
        ("/sftp/inbound/every_minutes", json!(1_440), json!(1_441)),
        ("/sftp/inbound/every_minutes", json!(1), json!(0)),
        ("/sftp/inbound/move_to", text(1_024), text(1_025)),
        ("/identifiers", names(50), names(51)),
        ("/identifiers/a", text(256), text(257)),
        ("/contacts", list(20, contact.clone()), list(21, contact)),
        ("/contacts/0/name", text(200), text(201)),
        ("/contacts/0/role", text(100), text(101)),
        ("/sla/deliver_within_seconds", json!(1), json!(0)),
        ("/sla/deliver_within_seconds", json!(2_592_000), json!(2_592_001)),
    ] {
        assert_eq!(problems(pointer, good.clone()), Vec::<String>::new(), "{pointer} {good}");
        assert_eq!(problems(pointer, bad.clone()), [pointer], "{pointer} {bad}");
    }
}

#[test]
fn values_have_a_form() {
    for (pointer, bad) in [
        ("/name", vec!["a\nb"]),
        ("/as2/as2_id", vec!["", " a", "a ", "a\nb", "é"]),
        ("/as2/identity", vec!["", "a b"]),
        ("/as2/sign", vec!["sha1"]),
        ("/as2/subject", vec!["", "a\r\nX-Header: b"]),
        ("/as2/basic_auth/username", vec!["", "a:b", "a\nb"]),
        ("/sftp/host", vec!["", "a/b", "a@b", "a b", "[::1]", "ü"]),
        ("/sftp/private_key", vec!["", "x", "-----BEGIN RSA PUBLIC KEY-----\n-----END RSA PUBLIC KEY-----"]),
        (
            "/sftp/private_key",
            vec!["-----BEGIN RSA PRIVATE KEY-----\nMAA=\n", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"],
        ),
        (
            "/sftp/private_key",
            vec!["-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n-----END RSA PRIVATE KEY-----"],
        ),
        ("/sftp/host_key_fingerprints/0", vec!["", "MD5:aa", &FINGERPRINT[7..], &FINGERPRINT[..49], "SHA256:"]),
        ("/sftp/outbound/directory", vec!["", "a\0"]),
        ("/sftp/outbound/file_name", vec!["", "a/b", ".", "..", "{other}", "}{", "{transaction_id"]),
        ("/sftp/outbound/temporary_suffix", vec!["", "/", "{transaction_id}"]),
        ("/sftp/inbound/pattern", vec!["", "../*"]),
        ("/identifiers/a", vec!["", "a\nb"]),
        ("/contacts/0/name", vec![""]),
        ("/contacts/0/role", vec![""]),
        (
            "/contacts/0/email",
            vec!["", "a", "a@", "@b.c", "a@b", "a@b.", "a@.b", "a b@c.d", "a@b@c.d", "a@b .c", "a@b..c"],
        ),
    ] {
        for bad in bad {
            assert_eq!(problems(pointer, bad.into()), [pointer], "{pointer} {bad:?}");
        }
    }
    let name = |name: &str| problems("/identifiers", json!({ name: "v" }));
    assert_eq!(name(&"n".repeat(64)), Vec::<String>::new());
    for bad in ["", "a b", "a/b", &"n".repeat(65)] {
        assert_eq!(name(bad), ["/identifiers"], "{bad:?}");
    }
    let (local, domain) = ("l".repeat(64), format!("{}.de", "d".repeat(186)));
    assert_eq!(problems("/contacts/0/email", format!("{local}@{domain}").into()), Vec::<String>::new());
    assert_eq!(problems("/contacts/0/email", format!("{local}@d{domain}").into()), ["/contacts/0/email"]);
    assert_eq!(problems("/contacts/0/email", format!("l{local}@b.de").into()), ["/contacts/0/email"]);
}

#[test]
fn fields_depend_on_each_other() {
    assert_eq!(problems("/sftp/password", json!("both")), ["/sftp"]);
    assert_eq!(problems("/sftp/private_key", json!(null)), ["/sftp"]);
    assert_eq!(problems("/sftp/inbound/after", json!("delete")), ["/sftp/inbound/move_to"]);
    assert_eq!(problems("/sftp/inbound/move_to", json!(null)), ["/sftp/inbound/move_to"]);
}

#[test]
fn unknown_fields_and_values_are_refused() {
    for (pointer, name) in [("", "x"), ("/as2", "x"), ("/as2/basic_auth", "x"), ("/sftp", "x"), ("/sftp/outbound", "x")]
        .into_iter()
        .chain([("/sftp/inbound", "x"), ("/contacts/0", "x"), ("/sla", "x")])
        .chain([("", "transport"), ("", "status"), ("/as2", "sign"), ("/as2", "encrypt"), ("/as2", "mdn")])
    {
        let mut written = full();
        written.pointer_mut(pointer).expect("an object")[name] = json!("unknown");
        assert!(serde_json::from_value::<WrittenProfile>(written).is_err(), "{pointer}/{name}");
    }
}

#[test]
fn secrets_are_found_masked_and_replaced() {
    let mut profile = full();
    profile["sftp"]["password"] = json!("password");
    let profile = read(profile);
    let found: Vec<_> = profile.secrets().map(|(pointer, secret)| (pointer, secret.as_str())).collect();
    assert_eq!(found, [(SECRETS[0], "basic"), (SECRETS[1], "password"), (SECRETS[2], KEY)]);
    assert_eq!((profile.secret(SECRETS[1]).map(String::as_str), profile.secret("/name")), (Some("password"), None));
    let masked = serde_json::to_value(profile.clone().masked(Vec::<GivenCertificate>::new())).expect("JSON");
    for pointer in SECRETS {
        assert_eq!(masked.pointer(pointer), Some(&json!(MASK)), "{pointer}");
    }
    let numbered = profile.clone().convert(vec![1], |pointer, _| Ok::<_, ()>(pointer.len())).expect("converted");
    assert_eq!(numbered.secret(SECRETS[0]), Some(&SECRETS[0].len()));
    assert!(profile.convert(vec![1], |_, _| Err::<(), _>("refused")).is_err_and(|error| error == "refused"));
    assert_eq!(read(json!({"name": "n", "transport": "s3"})).secrets().count(), 0);
}

#[test]
fn ids_are_short_and_plain() {
    assert!(is_partner_id("Acme_1-2") && is_partner_id(&"a".repeat(64)));
    for bad in ["", "a b", "a.b", "é", &"a".repeat(65)] {
        assert!(!is_partner_id(bad), "{bad}");
    }
}

#[test]
fn a_merge_patch_merges_replaces_and_removes() {
    // The cases of RFC 7396, appendix A.
    for (target, patch, result) in [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!({"a": "foo"}), json!("bar"), json!("bar")),
        (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
    ] {
        let mut merged = target;
        merge(&mut merged, patch.clone());
        assert_eq!(merged, result, "{patch}");
    }
}

#[test]
fn differences_are_shown_field_by_field_and_secrets_are_not() {
    let from =
        json!({"same": 1, "a/b": 1, "list": [1], "gone": {"x": 1}, "as2": {"password": "one"}, "old": {"key": "k"}});
    let to =
        json!({"same": 1, "a/b": 2, "list": [1, 2], "new": {"y": {"z": 1}, "none": {}}, "as2": {"password": "two"}});
    let change = |pointer: &str, from: Value, to: Value| Change { pointer: pointer.into(), from, to, changed: false };
    let secret = |pointer: &str, from: Value, to: Value| Change { changed: true, ..change(pointer, from, to) };
    let expected = [
        change("/a~1b", json!(1), json!(2)),
        secret("/as2/password", json!(MASK), json!(MASK)),
        change("/gone/x", json!(1), json!(null)),
        change("/list", json!([1]), json!([1, 2])),
        change("/new/y/z", json!(null), json!(1)),
        secret("/old/key", json!(MASK), json!(null)),
    ];
    assert_eq!(changes(&from, &to, &["/as2/password", "/old/key"]), expected);
    assert_eq!(changes(&from, &from, &[]), []);
    let text = serde_json::to_string(&expected[..2]).expect("JSON");
    assert_eq!(text.matches("changed").count(), 1, "{text}");
}
