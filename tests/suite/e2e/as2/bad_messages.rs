//! Messages that are not accepted: the receipt says why, and nothing is kept.

use anyhow::{Result, ensure};
use axum::http::Method;
use serde_json::json;
use sluice_as2::receipt::read;
use sluice_as2::{Digest, Headers, Limits, Sent};

use super::INVOICE;
use crate::support::as2::{Protection, keys, message, post, profile, reply_headers, set_up};
use crate::support::shared;

const NOWHERE: &str = "http://127.0.0.1:9/";

fn with(sent: Sent, name: &str, value: &str) -> Sent {
    let replaced = sent.headers.iter().map(|(field, old)| (field, if field == name { value } else { old }));
    let headers: Headers = replaced.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Sent { headers, ..sent }
}

#[tokio::test]
async fn each_is_answered_with_its_disposition() -> Result<()> {
    let world = shared().await;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    let path = format!("/as2/{}", tenant.id);
    set_up(&tenant.api, NOWHERE, json!({})).await?;
    let [ours, theirs, stranger] = keys();
    let good = |id| message(id, INVOICE, Protection::default());
    let mut cut = good("<cut@p>");
    cut.body.truncate(300);
    let mut altered = message("<altered@p>", INVOICE, Protection { encrypt: None, ..Protection::default() });
    let at = altered.body.windows(3).position(|three| three == b"ISA").unwrap_or_default();
    altered.body[at] = b'X';
    for (sent, words) in [
        (
            message("<a@p>", INVOICE, Protection { sign: Some(stranger), ..Protection::default() }),
            "authentication-failed",
        ),
        (
            message("<b@p>", INVOICE, Protection { sign: None, ..Protection::default() }),
            "insufficient-message-security",
        ),
        (
            message("<c@p>", INVOICE, Protection { encrypt: None, ..Protection::default() }),
            "insufficient-message-security",
        ),
        (message("<d@p>", INVOICE, Protection { encrypt: Some(theirs), ..Protection::default() }), "decryption-failed"),
        (with(good("<e@p>"), "AS2-From", "STRANGER"), "unknown-trading-partner"),
        (
            with(good("<f@p>"), "Disposition-Notification-Options", "signed-receipt-protocol=required, pgp"),
            "unsupported",
        ),
        (cut, "error"),
        (altered, "integrity-check-failed"),
    ] {
        let reply = post(&open, &path, &sent.headers, &sent.body).await?;
        ensure!(reply.status == 200, "{words}: {} {}", reply.status, reply.text());
        let pinned = [ours.certificate().clone()];
        let receipt = read(&reply_headers(&reply), reply.body.clone(), &pinned, &Digest::ALL, &Limits::default())?;
        let disposition = receipt.disposition.to_string();
        ensure!(!receipt.disposition.is_positive() && disposition.contains(words), "{words}: {disposition}");
        ensure!(receipt.mic.is_none(), "what cannot be trusted has no MIC");
    }
    // What was refused does not keep the message's id from the partner.
    let forged = message("<g@p>", b"forged", Protection { sign: Some(stranger), ..Protection::default() });
    post(&open, &path, &forged.headers, &forged.body).await?;
    let page = tenant.api.get("/v1/transactions").await?.json(200)?;
    ensure!(page["transactions"] == json!([]), "{page}");
    let live = tenant.api.get("/v1/partners/p-1").await?.json(200)?["live"].clone();
    let refused = &live["last_refusal"];
    ensure!(refused["message_id"] == "<g@p>" && refused["reason"].is_string() && refused["at"].is_string(), "{live}");
    let genuine = good("<g@p>");
    post(&open, &path, &genuine.headers, &genuine.body).await?;
    let page = tenant.api.get("/v1/transactions").await?.json(200)?;
    ensure!(page["transactions"].as_array().is_some_and(|all| all.len() == 1), "{page}");
    Ok(())
}

/// Who asks for no receipt would take the message for delivered.
#[tokio::test]
async fn a_refusal_without_a_receipt_is_a_status() -> Result<()> {
    let world = shared().await;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    let path = format!("/as2/{}", tenant.id);
    set_up(&tenant.api, NOWHERE, json!({})).await?;
    let plain = |sent: Sent| {
        let headers = sent.headers.iter().filter(|(name, _)| !name.starts_with("Disposition-Notification"));
        let headers: Headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Sent { headers, ..sent }
    };
    let forged = plain(message("<h@p>", INVOICE, Protection { sign: Some(&keys()[2]), ..Protection::default() }));
    let unknown = plain(with(message("<i@p>", INVOICE, Protection::default()), "AS2-From", "STRANGER"));
    for (sent, words) in [(forged, "authentication-failed"), (unknown, "unknown-trading-partner")] {
        let refused = post(&open, &path, &sent.headers, &sent.body).await?.error(403, "message_refused")?;
        ensure!(refused["message"].as_str().is_some_and(|message| message.contains(words)), "{refused}");
    }
    let good = plain(message("<j@p>", INVOICE, Protection::default()));
    post(&open, &path, &good.headers, &good.body).await?.empty(200)?;
    Ok(())
}

#[tokio::test]
async fn of_partners_with_one_name_the_signature_tells() -> Result<()> {
    let world = shared().await;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    set_up(&tenant.api, NOWHERE, json!({})).await?;
    // The first one has another key now.
    let stranger = keys()[2].certificate().to_pem();
    let pinned = json!([{"usage": "signing", "pem": stranger}, {"usage": "encryption", "pem": stranger}]);
    tenant.api.patch("/v1/partners/p-1", &json!({"certificates": pinned})).await?.json(200)?;
    let mut second = profile(NOWHERE, &json!({}));
    second["id"] = json!("p-2");
    tenant.api.post("/v1/partners", &second).await?.json(201)?;
    for (id, key, partner) in [("<k@p>", &keys()[1], "p-2"), ("<l@p>", &keys()[2], "p-1")] {
        let sent = message(id, INVOICE, Protection { sign: Some(key), ..Protection::default() });
        post(&open, &format!("/as2/{}", tenant.id), &sent.headers, &sent.body).await?;
        let page = tenant.api.get(&format!("/v1/transactions?partner_id={partner}")).await?.json(200)?;
        ensure!(page["transactions"].as_array().is_some_and(|all| all.len() == 1), "{partner}: {page}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_no_message_for_the_tenant_is_refused() -> Result<()> {
    let world = shared().await;
    let (tenant, other, open) = (world.tenant().await?, world.tenant().await?, world.open()?);
    set_up(&tenant.api, NOWHERE, json!({})).await?;
    let sent = message("<a@p>", INVOICE, Protection::default());
    // Another tenant knows neither side.
    let reply = post(&open, &format!("/as2/{}", other.id), &sent.headers, &sent.body).await?;
    ensure!(reply.status == 200 && reply.text().contains("unknown-trading-partner"), "{}", reply.text());
    for tenant in ["nobody", "NOBODY", "%2e%2e", "a b"] {
        let reply = post(&open, &format!("/as2/{tenant}"), &sent.headers, &sent.body).await?;
        reply.error(404, "not_found")?;
    }
    let path = format!("/as2/{}", tenant.id);
    open.send(Method::POST, &path, |request| request.body("x")).await?.error(400, "not_as2")?;
    open.send(Method::GET, &path, |request| request).await?.error(405, "method_not_allowed")?;
    let nameless = with(message("<a@p>", INVOICE, Protection::default()), "AS2-To", "");
    post(&open, &path, &nameless.headers, &nameless.body).await?.error(400, "not_as2")?;
    // A partner that is inactive is no partner.
    tenant.api.patch("/v1/partners/p-1", &json!({"status": "inactive"})).await?.json(200)?;
    let reply = post(&open, &path, &sent.headers, &sent.body).await?;
    ensure!(reply.text().contains("unknown-trading-partner"), "{}", reply.text());
    Ok(())
}
