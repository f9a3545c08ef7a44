//! Identities: their keys are made, given, replaced and never shown.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::future::try_join_all;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use crate::support::{Api, Reply, shared};

const PATH: &str = "/v1/identities";

/// Its PKCS#12 file has the password `secret`.
const PKCS12: &[u8] = include_bytes!("identity.p12");

fn wanted(id: &str, as2_id: &str, key: Value) -> Value {
    json!({"id": id, "name": "Us", "as2_id": as2_id, "key": key})
}

fn generated() -> Value {
    json!({"generate": "rsa-3072"})
}

/// A key and its certificate as PEM.
fn pair(algorithm: &'static rcgen::SignatureAlgorithm) -> Result<(String, String)> {
    let key = KeyPair::generate_for(algorithm)?;
    Ok((key.serialize_pem(), CertificateParams::default().self_signed(&key)?.pem()))
}

fn in_pem((key, certificate): &(String, String)) -> Value {
    json!({"private_key_pem": key, "certificate_pem": certificate})
}

async fn make(api: &Api, id: &str, as2_id: &str, key: Value) -> Result<Value> {
    api.post(PATH, &wanted(id, as2_id, key)).await?.json(201)
}

fn expect_secret(reply: &Reply, secrets: &[&str]) -> Result<()> {
    let text = reply.text();
    ensure!(!text.contains("PRIVATE KEY") && !text.contains("v1."), "{text}");
    for secret in secrets {
        let line = secret.lines().nth(1).unwrap_or(secret);
        ensure!(!text.contains(line), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn keys_are_generated_or_given_and_never_shown() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let made = make(&tenant.api, "main", "OUR AS2", generated()).await?;
    ensure!(made["as2_id"] == "OUR AS2" && made["certificates"][0]["key_bits"] == 3072, "{made}");
    ensure!(made["certificates"][0]["state"] == "signing" && made["certificates"][0]["subject"] == "CN=Us", "{made}");
    for field in ["fingerprint", "not_after"] {
        ensure!(made[field] == made["certificates"][0][field] && made[field].is_string(), "{field}: {made}");
    }
    let own = pair(&rcgen::PKCS_RSA_SHA256)?;
    let reply = tenant.api.post(PATH, &wanted("given", "GIVEN", in_pem(&own))).await?;
    let given = reply.json(201)?;
    ensure!(given["certificate"] == own.1.replace('\r', ""), "{given}");
    expect_secret(&reply, &[&own.0])?;
    let key = json!({"pkcs12": BASE64.encode(PKCS12), "password": "secret"});
    let imported = make(&tenant.api, "imported", "IMPORTED", key).await?;
    ensure!(imported["certificates"][0]["key_type"] == "rsa", "{imported}");

    let list = tenant.api.get(PATH).await?;
    expect_secret(&list, &[&own.0])?;
    let ids: Vec<Value> =
        list.json(200)?["identities"].as_array().context("a list")?.iter().map(|one| one["id"].clone()).collect();
    ensure!(ids == ["given", "imported", "main"], "{ids:?}");
    ensure!(tenant.api.get("/v1/identities/given").await?.json(200)? == given);
    // The sandbox has its own.
    ensure!(tenant.api.sandbox().get(PATH).await?.json(200)?["identities"] == json!([]));
    make(&tenant.api.sandbox(), "main", "OUR AS2", generated()).await?;
    Ok(())
}

#[tokio::test]
async fn bad_keys_are_refused_in_plain_words() -> Result<()> {
    let api = shared().await.tenant().await?.api;
    let (rsa, other, ec) =
        (pair(&rcgen::PKCS_RSA_SHA256)?, pair(&rcgen::PKCS_RSA_SHA256)?, pair(&rcgen::PKCS_ECDSA_P256_SHA256)?);
    let file = BASE64.encode(PKCS12);
    for (key, pointer, words) in [
        (json!({}), "/key", "must have"),
        (json!({"generate": "rsa-3072", "pkcs12": file}), "/key", "must have"),
        (json!({"private_key_pem": rsa.0}), "/key", "must have"),
        (in_pem(&(rsa.0.clone(), other.1.clone())), "/key/private_key_pem", "does not belong"),
        (in_pem(&(ec.0.clone(), rsa.1.clone())), "/key/private_key_pem", "RSA"),
        (in_pem(&(rsa.0.clone(), ec.1)), "/key/certificate_pem", "AS2 needs RSA"),
        (in_pem(&(rsa.0.clone(), rsa.0.clone())), "/key/certificate_pem", "private key"),
        (in_pem(&("x".to_owned(), rsa.1.clone())), "/key/private_key_pem", "PEM"),
        (json!({"pkcs12": file, "password": "wrong"}), "/key/pkcs12", "password"),
        (json!({"pkcs12": "%", "password": "secret"}), "/key/pkcs12", "base64"),
    ] {
        let reply = api.post(PATH, &wanted("bad", "BAD", key)).await?;
        ensure!(reply.pointers()? == [pointer], "{words}: {}", reply.text());
        ensure!(reply.text().contains(words), "{words}: {}", reply.text());
        expect_secret(&reply, &[&rsa.0, &ec.0])?;
    }
    ensure!(api.post(PATH, &wanted("bad", "a\nb", generated())).await?.pointers()? == ["/as2_id"]);
    ensure!(api.post(PATH, &wanted("a b", "BAD", generated())).await?.pointers()? == ["/id"]);
    ensure!(
        api.post(PATH, &wanted("bad", "BAD", json!({"generate": "rsa-1024"}))).await?.pointers()? == ["/key/generate"]
    );
    api.get("/v1/identities/bad").await?.error(404, "not_found")?;
    Ok(())
}

#[tokio::test]
async fn the_next_key_signs_from_its_date() -> Result<()> {
    let api = shared().await.tenant().await?.api;
    let first = make(&api, "main", "US", generated()).await?;
    let path = "/v1/identities/main/rotate";
    let next = json!({"key": generated(), "signs_from": "2027-06-01T00:00:00.000Z"});
    let rotated = api.post(path, &next).await?.json(200)?;
    let states = |identity: &Value| {
        let all = identity["certificates"].as_array().map(Vec::as_slice).unwrap_or_default();
        all.iter().map(|one| one["state"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    ensure!(states(&rotated) == ["signing", "next"] && rotated["fingerprint"] == first["fingerprint"], "{rotated}");
    let now = api.post(path, &json!({"key": in_pem(&pair(&rcgen::PKCS_RSA_SHA256)?)})).await?.json(200)?;
    ensure!(states(&now) == ["decrypting", "next", "signing"] && now["fingerprint"] != first["fingerprint"], "{now}");
    // A key of ten years cannot begin after its end, and none comes twice.
    let late = json!({"key": generated(), "signs_from": "2060-01-01T00:00:00.000Z"});
    ensure!(api.post(path, &late).await?.pointers()? == ["/key"]);
    let twice = in_pem(&pair(&rcgen::PKCS_RSA_SHA256)?);
    let full = api.post(path, &json!({"key": twice})).await?.json(200)?;
    ensure!(states(&full).len() == 4, "{full}");
    ensure!(api.post(path, &json!({"key": twice})).await?.pointers()? == ["/key"]);
    let more = json!({"key": in_pem(&pair(&rcgen::PKCS_RSA_SHA256)?)});
    api.post(path, &more).await?.error(409, "identity_key_limit_exceeded")?;
    Ok(())
}

#[tokio::test]
async fn of_many_at_once_one_gets_a_name() -> Result<()> {
    let api = shared().await.tenant().await?.api;
    let key = in_pem(&pair(&rcgen::PKCS_RSA_SHA256)?);
    let ids: Vec<String> = (0..8).map(|number| format!("n-{number}")).collect();
    let statuses = |replies: Vec<Reply>| {
        let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
        statuses.sort_unstable();
        statuses
    };
    let bodies: Vec<Value> = ids.iter().map(|id| wanted(id, "SAME", key.clone())).collect();
    let made = statuses(try_join_all(bodies.iter().map(|body| api.post(PATH, body))).await?);
    ensure!(made == [201, 409, 409, 409, 409, 409, 409, 409], "{made:?}");
    // Names of their own are no conflict.
    let bodies: Vec<Value> = ids.iter().map(|id| wanted(&format!("own-{id}"), id, key.clone())).collect();
    let made = statuses(try_join_all(bodies.iter().map(|body| api.post(PATH, body))).await?);
    ensure!(made == [201; 8], "{made:?}");
    let paths: Vec<String> = ids.iter().map(|id| format!("{PATH}/own-{id}")).collect();
    let patch = json!({"as2_id": "ONE"});
    let changed = statuses(try_join_all(paths.iter().map(|path| api.patch(path, &patch))).await?);
    ensure!(changed == [200, 409, 409, 409, 409, 409, 409, 409], "{changed:?}");
    Ok(())
}

#[tokio::test]
async fn names_are_unique_and_what_partners_name_stays() -> Result<()> {
    let api = shared().await.tenant().await?.api;
    make(&api, "one", "ONE", generated()).await?;
    make(&api, "two", "TWO", generated()).await?;
    api.post(PATH, &wanted("one", "OTHER", generated())).await?.error(409, "identity_already_exists")?;
    api.post(PATH, &wanted("three", "TWO", generated())).await?.error(409, "as2_id_taken")?;
    let path = "/v1/identities/one";
    api.patch(path, &json!({"as2_id": "TWO"})).await?.error(409, "as2_id_taken")?;
    let changed = api.patch(path, &json!({"as2_id": "ONE", "name": "First"})).await?.json(200)?;
    ensure!(changed["name"] == "First" && changed["as2_id"] == "ONE", "{changed}");
    let as2 = json!({"url": "https://as2.example.com/", "as2_id": "P", "identity": "one"});
    let partner = json!({"id": "p", "name": "n", "transport": "as2", "as2": as2});
    api.post("/v1/partners", &partner).await?.json(201)?;
    let refused = api.delete(path).await?.error(409, "identity_in_use")?;
    ensure!(refused["details"][0]["used_by"] == json!(["p"]), "{refused}");
    api.delete("/v1/partners/p").await?.empty(204)?;
    api.delete(path).await?.empty(204)?;
    api.delete(path).await?.error(404, "not_found")?;
    // Nothing else signs with SHA-1, and AS2 needs RSA.
    let weak = json!({"url": "https://as2.example.com/", "as2_id": "P", "sign": "sha1"});
    let reply = api.post("/v1/partners", &json!({"id": "p", "name": "n", "transport": "as2", "as2": weak})).await?;
    ensure!(reply.pointers()? == ["/as2/sign"], "{}", reply.text());
    Ok(())
}
