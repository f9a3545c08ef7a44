//! Tests of keys, clients and their scopes.

use super::*;

#[test]
fn scopes_parse_and_print() {
    let some: Permissions = "events:write  events:read".parse().expect("known");
    assert_eq!(some.to_string(), "events:write events:read");
    assert!(some.allow(Permission::EventsRead) && !some.allow(Permission::Admin));
    assert!(Permissions::all().include(&some) && !some.include(&Permissions::all()));
    assert!("events:everything".parse::<Permissions>().is_err());
}

#[test]
fn a_caller_can_grant_no_more_than_it_has() {
    let set = |text: &str| text.parse::<Permissions>().expect("known");
    let (mine, asked) = (set("events:read events:write"), set("admin events:read"));
    assert_eq!(mine.lacking(&asked), set("admin"));
    assert!(!mine.include(&asked) && mine.include(&set("events:write")) && mine.lacking(&mine).is_empty());
    assert!(!mine.is_empty() && Permissions::default().is_empty());
    assert_eq!(mine.iter().collect::<Permissions>(), mine);
    assert_eq!(mine.iter().count(), 2);
    let json = serde_json::to_string(&mine).expect("JSON");
    assert_eq!(serde_json::from_str::<Permissions>(&json).expect("scopes"), mine);
}

#[test]
fn digests_compare() {
    let digest = Digest256::of("secret");
    assert!(digest.matches("secret"));
    assert!(!digest.matches("Secret") && !digest.matches(""));
}

fn grant(kind: CredentialKind) -> Grant {
    let (tenant, name) = ("acme".parse().expect("tenant"), "erp".to_owned());
    Grant { kind, tenant, name, scopes: Permissions::all(), ends_at: None }
}

fn accepts(one: &Credential, secret: &str, now: Millis) -> bool {
    one.accepts(secret, now).is_some()
}

#[test]
fn a_secret_is_accepted_until_it_ends_or_is_revoked() {
    for kind in [CredentialKind::Client, CredentialKind::Key] {
        let end = Millis(1_000);
        let (mut one, secret) = Grant { ends_at: Some(end), ..grant(kind) }.issue([1; 12], [2; 32], Millis(0));
        assert!(accepts(&one, &secret, Millis(999)) && !accepts(&one, &secret, end));
        assert!(!accepts(&one, "", Millis(0)) && !accepts(&one, &secret.to_uppercase(), Millis(0)));
        assert!(one.revoke(Millis(5)) && !one.revoke(Millis(6)));
        assert!(!accepts(&one, &secret, Millis(7)));
    }
}

#[test]
fn rotated_secrets_are_good_for_their_grace_and_an_emergency_ends_them_all() {
    let (mut one, first) = grant(CredentialKind::Key).issue([1; 12], [2; 32], Millis(0));
    let second = one.rotate([3; 32], Duration::from_secs(60), Millis(0));
    let third = one.rotate([4; 32], Duration::from_secs(600), Millis(10_000));
    assert!([&first, &second, &third].iter().all(|secret| accepts(&one, secret, Millis(59_999))));
    assert!(!accepts(&one, &first, Millis(60_000)) && accepts(&one, &second, Millis(609_999)));
    let fourth = one.rotate([5; 32], Duration::ZERO, Millis(20_000));
    assert!(accepts(&one, &fourth, Millis(20_000)) && one.retired.is_empty());
    assert!(![&first, &second, &third].iter().any(|secret| accepts(&one, secret, Millis(20_000))));
}

#[test]
fn what_was_issued_for_a_secret_ends_with_it() {
    let (mut one, first) = grant(CredentialKind::Client).issue([1; 12], [2; 32], Millis(0));
    let by_first = one.accepts(&first, Millis(0)).expect("good");
    let second = one.rotate([3; 32], Duration::from_secs(60), Millis(0));
    let by_second = one.accepts(&second, Millis(0)).expect("good");
    assert_eq!(one.accepts(&first, Millis(0)), Some(by_first.clone()));
    assert!(by_first != by_second && one.has(&by_first, Millis(59_999)) && !one.has(&by_first, Millis(60_000)));
    assert!(one.has(&by_second, Millis(60_000)));
    let third = one.rotate([4; 32], Duration::ZERO, Millis(0));
    assert!(!one.has(&by_first, Millis(0)) && !one.has(&by_second, Millis(0)));
    let by_third = one.accepts(&third, Millis(0)).expect("good");
    assert!(one.has(&by_third, Millis(0)) && one.revoke(Millis(1)) && !one.has(&by_third, Millis(1)));
}

#[test]
fn a_key_says_where_its_record_is() {
    let (key, text) = grant(CredentialKind::Key).issue([0xab; 12], [2; 32], Millis(0));
    assert_eq!(key_parts(&text), Some((key.tenant.clone(), key.id.clone())));
    assert_eq!(key.prefix(), "slc_acme_abababab");
    assert!(text.starts_with(&key.prefix()) && text.len() == "slc_acme_".len() + 64);
    for bad in ["", "slc_", "slc_acme_", &text[..70], &text.to_uppercase(), &format!("{}0", *text), "slc_A_B"] {
        assert_eq!(key_parts(bad), None, "{bad}");
    }
    let (client, _) = grant(CredentialKind::Client).issue([1; 12], [2; 32], Millis(0));
    assert_eq!(client_tenant(&client.id), Some(client.tenant));
    assert!(["", "client_", "client_Acme_1", "key_1"].iter().all(|bad| client_tenant(bad).is_none()));
}
