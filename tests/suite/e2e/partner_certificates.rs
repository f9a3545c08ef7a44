//! Certificates of partners: what is shown of them, and what is refused.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use serde_json::{Value, json};

use crate::support::{Api, shared};

const PATH: &str = "/v1/partners";

/// The PEM of a certificate with an EC key.
pub(super) fn certificate(change: impl FnOnce(&mut CertificateParams)) -> String {
    certificate_of(&KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key"), change)
}

fn certificate_of(key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "as2.example.com");
    change(&mut params);
    params.self_signed(key).expect("a certificate").pem()
}

/// Makes it valid between two days from now.
pub(super) fn days(params: &mut CertificateParams, begin: i64, end: i64) {
    let today = SystemTime::now().duration_since(UNIX_EPOCH).expect("after the epoch").as_secs() / 86_400;
    let day = |from_now: i64| {
        let days = today.checked_add_signed(from_now).expect("after the epoch");
        date_time_ymd(1970, 1, 1) + Duration::from_secs(days * 86_400)
    };
    (params.not_before, params.not_after) = (day(begin), day(end));
}

fn partner(id: &str, certificates: Value) -> Value {
    json!({"id": id, "name": "n", "transport": "as2", "certificates": certificates})
}

async fn register(api: &Api, id: &str, certificates: Value) -> Result<Value> {
    api.post(PATH, &partner(id, certificates)).await?.json(201)
}

#[tokio::test]
async fn certificates_are_parsed_and_shown() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let rsa = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256)?;
    let soon = certificate_of(&rsa, |params| days(params, -1, 10));
    let later = certificate(|params| days(params, -1, 40));
    let given = json!([{"usage": "signing", "pem": soon}, {"usage": "tls", "pem": later}]);
    let made = register(&tenant.api, "example", given.clone()).await?;
    let shown = &made["certificates"][0];
    ensure!(shown["usage"] == "signing" && shown["pem"] == soon.replace('\r', ""), "{shown}");
    ensure!(shown["subject"] == "CN=as2.example.com" && shown["issuer"] == "CN=as2.example.com", "{shown}");
    ensure!(shown["key_type"] == "rsa" && shown["key_bits"] == 2048, "{shown}");
    for (field, length) in [("fingerprint", 64), ("serial", 1)] {
        let text = shown[field].as_str().with_context(|| format!("no {field}"))?;
        ensure!(text.len() >= length && text.bytes().all(|b| b.is_ascii_hexdigit()), "{shown}");
    }
    ensure!(made["certificates"][1]["key_type"] == "ec" && made["certificates"][1]["key_bits"] == 256, "{made}");

    let live = &tenant.api.get("/v1/partners/example").await?.json(200)?["live"]["certificates_expiring"];
    ensure!(live.as_array().is_some_and(|all| all.len() == 1), "{live}");
    ensure!(live[0]["fingerprint"] == shown["fingerprint"] && live[0]["not_after"] == shown["not_after"], "{live}");
    // What was shown can be sent back with one more, and others take its place.
    let path = "/v1/partners/example";
    let mut shown = made["certificates"].clone();
    shown.as_array_mut().context("a list")?.push(json!({"usage": "tls", "pem": soon}));
    let more = tenant.api.patch(path, &json!({"certificates": shown})).await?.json(200)?;
    ensure!(more["certificates"][2]["fingerprint"] == made["certificates"][0]["fingerprint"], "{more}");
    let same = tenant.api.patch(path, &json!({"certificates": given})).await?.json(200)?;
    ensure!(same["certificates"] == made["certificates"], "{same}");
    let rolled = tenant.api.patch(path, &json!({"certificates": [given[1]]})).await?.json(200)?;
    ensure!(rolled["certificates"].as_array().is_some_and(|all| all.len() == 1), "{rolled}");
    let live = &tenant.api.get(path).await?.json(200)?["live"];
    ensure!(live["certificates_expiring"] == json!([]), "{live}");
    let none = tenant.api.patch(path, &json!({"certificates": null})).await?.json(200)?;
    ensure!(none["certificates"] == json!([]), "{none}");
    Ok(())
}

#[tokio::test]
async fn the_next_certificate_is_stored_before_it_begins() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let rsa = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256)?;
    let next = certificate_of(&rsa, |params| days(params, 10, 400));
    let given = ["signing", "encryption", "tls"].map(|usage| json!({"usage": usage, "pem": next}));
    let made = register(&tenant.api, "example", json!(given)).await?;
    ensure!(made["certificates"].as_array().is_some_and(|all| all.len() == 3), "{made}");
    let live = &tenant.api.get("/v1/partners/example").await?.json(200)?["live"];
    ensure!(live["certificates_expiring"] == json!([]), "{live}");
    Ok(())
}

#[tokio::test]
async fn bad_certificates_are_refused_in_plain_words() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let good = certificate_of(&key, |params| days(params, -1, 90));
    for (pem, words) in [
        ("nonsense".to_owned(), "not an X.509 certificate"),
        (good.replace("MII", "AAA"), "not an X.509 certificate"),
        (certificate(|params| days(params, -20, -10)), "expired"),
        (key.serialize_pem(), "private key"),
        (format!("{good}{}", key.serialize_pem()), "private key"),
        (format!("{good}{good}"), "more than one block"),
        ("x".repeat(65_537), "longer than 65536 bytes"),
        (include_str!("../../../shared/domain/src/certificate/rsa1024.pem").to_owned(), "1024 bits"),
        (good.clone(), "another kind than RSA"),
    ] {
        let given = json!([{"usage": "tls", "pem": good}, {"usage": "signing", "pem": pem}]);
        let reply = tenant.api.post(PATH, &partner("example", given)).await?;
        ensure!(reply.pointers()? == ["/certificates/1/pem"], "{words}: {}", reply.text());
        let message = reply.json(400)?["details"][0]["message"].to_string();
        ensure!(message.contains(words), "{words}: {message}");
        let secret = key.serialize_pem().lines().nth(1).unwrap_or_default().to_owned();
        ensure!(!reply.text().contains(&secret), "{}", reply.text());
    }
    let many: Vec<Value> =
        (0..21).map(|_| json!({"usage": "tls", "pem": certificate(|params| days(params, -1, 90))})).collect();
    ensure!(tenant.api.post(PATH, &partner("many", many.into())).await?.pointers()? == ["/certificates"]);
    let huge = partner("huge", json!([{"usage": "tls", "pem": "x".repeat(10 * 1024 * 1024)}]));
    tenant.api.post(PATH, &huge).await?.error(413, "payload_too_large")?;
    tenant.api.get("/v1/partners/example").await?.error(404, "not_found")?;
    Ok(())
}
