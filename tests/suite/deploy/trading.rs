//! Trading partners through the deployed functions: profiles, identities, documents by AS2 and SFTP.

use serde_json::{Value, json};

use super::journey::{Session, TENANT, expect};
use crate::support::sshd::Sshd;

pub(super) async fn trading(session: &Session<'_>) {
    let as2 = json!({
        "url": "http://127.0.0.1:9/as2", "as2_id": "ACME", "basic_auth": {"username": "us", "password": "s3cret"},
    });
    let sftp = json!({"host": "127.0.0.1", "port": 9, "username": "us", "password": "s3cret"});
    let partner = json!({"id": "trader", "name": "Trader", "transport": "as2", "as2": as2, "sftp": sftp});
    session.post("/sandbox/v1/partners", partner, 201).await;
    let promote = "/sandbox/v1/partners/trader/promote";
    assert_ne!(session.post(promote, json!({"dry_run": true}), 200).await["changes"], json!([]));
    assert_eq!(session.post(promote, json!({"overwrite": true}), 200).await["id"], "trader");
    let patch = json!({"as2": {"subject": "Invoices"}});
    expect(session.call("PATCH", "/v1/partners/trader", Some(patch)).await, 200);
    // It has no identity yet.
    let tried = session.post("/v1/partners/trader/test", json!({}), 200).await;
    assert_eq!((&tried["ok"], &tried["steps"][0]["name"]), (&json!(false), &json!("configuration")), "{tried}");
    let shown = session.get("/v1/partners/trader").await;
    assert_eq!((&shown["as2"]["subject"], shown["live"].is_object()), (&json!("Invoices"), true));
    assert_eq!(session.get("/v1/partners").await["partners"][0]["id"], "trader");
    exchanging(session).await;
    placing(session).await;
    for path in ["/v1/partners/trader?force=true", "/sandbox/v1/partners/trader"] {
        session.delete(path).await;
    }
}

/// Documents for a partner whose server is down, and a message from a stranger.
async fn exchanging(session: &Session<'_>) {
    let key = json!({"generate": "rsa-3072"});
    let us = json!({"id": "us", "name": "Us", "as2_id": "US", "key": key});
    session.post("/v1/identities", us, 201).await;
    let rotated = session.post("/v1/identities/us/rotate", json!({ "key": key }), 200).await;
    assert_eq!(session.get("/v1/identities").await["identities"][0]["fingerprint"], rotated["fingerprint"]);
    expect(session.call("PATCH", "/v1/identities/us", Some(json!({"name": "We"}))).await, 200);
    assert_eq!(session.get("/v1/identities/us").await["name"], "We");
    let patch = json!({"as2": {"identity": "us", "encrypt": "none", "mdn": "none"}});
    expect(session.call("PATCH", "/v1/partners/trader", Some(patch)).await, 200);
    assert_eq!(session.post("/v1/partners/trader/test", json!({}), 200).await["ok"], false);
    let taken = session.post("/v1/partners/trader/documents?document_type=note", json!({"n": 1}), 202).await;
    let one = format!("/v1/transactions/{}", taken["transaction_id"].as_str().expect("an id"));
    let listed = |page: &Value| page["transactions"][0]["document_type"] == "note";
    session.eventually("/v1/transactions?partner_id=trader&status=failed", listed).await;
    assert_eq!(session.get(&one).await["document"]["size"], 7);
    assert_eq!(session.get(&format!("{one}/document")).await, json!({"n": 1}));
    expect(session.call("GET", &format!("{one}/mdn"), None).await, 404);
    assert_eq!(session.post(&format!("/as2/{TENANT}"), json!({}), 400).await["error_code"], "not_as2");
    assert_eq!(session.post(&format!("/as2/{TENANT}/mdn"), json!({}), 400).await["error_code"], "not_an_mdn");
    expect(session.call("DELETE", "/v1/identities/us", None).await, 409);
    expect(session.call("PATCH", "/v1/partners/trader", Some(json!({"as2": {"identity": null}}))).await, 200);
    session.delete("/v1/identities/us").await;
}

/// Documents as files on a partner's server, and a look at it.
async fn placing(session: &Session<'_>) {
    let sshd = Sshd::start().await.expect("a server");
    sshd.put("in/", b"").and_then(|()| sshd.put("out/", b"")).expect("directories");
    let mut sftp = sshd.parameters().expect("its parameters");
    sftp["password"] = Value::Null;
    sftp["outbound"] = json!({"directory": "in"});
    sftp["inbound"] = json!({"directory": "out", "every_minutes": 1, "after": "delete"});
    expect(session.call("PATCH", "/v1/partners/trader", Some(json!({"transport": "sftp", "sftp": sftp}))).await, 200);
    let tried = session.post("/v1/partners/trader/test", json!({}), 200).await;
    assert_eq!(tried["ok"], true, "{tried} {}", sshd.log());
    let taken = session.post("/v1/partners/trader/documents?document_type=list", json!({"n": 2}), 202).await;
    let arrived = |page: &Value| page["transactions"][0]["id"] == taken["transaction_id"];
    session.eventually("/v1/transactions?document_type=list&status=delivered", arrived).await;
    // The other one waited for this partner.
    let names = sshd.names("in").expect("files");
    assert!(names.iter().any(|name| name.starts_with("list-")), "{names:?}");
    session.tick().await;
    session.eventually("/v1/partners/trader", |shown| shown["live"]["last_look"].is_object()).await;
    let looked = session.get("/v1/partners/trader").await["live"]["last_look"].clone();
    assert_eq!(looked["errors"], json!([]), "{looked}");
}
