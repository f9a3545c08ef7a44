//! Servers of partners: their certificates, and ours that they ask for.

use anyhow::{Result, ensure};
use axum::http::StatusCode;
use serde_json::{Value, json};
use sluice_as2::Identity;
use sluice_local::receiver::status;
use tokio::net::TcpListener;

use super::INVOICE;
use crate::support::as2::{US, hand_in, profile, reaches, set_up};
use crate::support::mutual_tls::{Authority, MutualTlsTarget};
use crate::support::{Api, Inbox, World};

const RETRIES: (&str, &str) = ("SLUICE_RETRY_WEBHOOK", "100ms");

/// Our identity, whose certificate that authority has issued.
async fn identity(api: &Api, key: &Identity, authority: &Authority) -> Result<()> {
    let private = key.private_key_pem();
    let certificate = authority.certify("us", &private)?;
    let key = json!({"private_key_pem": *private, "certificate_pem": certificate});
    api.post("/v1/identities", &json!({"id": "us", "name": "Us", "as2_id": US, "key": key})).await?.json(201)?;
    Ok(())
}

#[tokio::test]
async fn a_server_is_believed_by_its_certificate_and_shown_ours() -> Result<()> {
    let world = World::start(&[RETRIES]).await?;
    let (authority, other) = (Authority::new("theirs")?, Authority::new("another")?);
    let server = MutualTlsTarget::start(&authority).await?;
    let api = &world.tenant().await?.api;
    identity(api, &crate::support::as2::keys()[0], &authority).await?;
    let mut partner = profile(&server.url, &json!({"mdn": "none", "client_certificate": true}));
    let pinned = partner["certificates"].clone();
    let with = |pem: &str| {
        let mut all = pinned.as_array().cloned().unwrap_or_default();
        all.push(json!({"usage": "tls", "pem": pem}));
        Value::from(all)
    };
    partner["certificates"] = with(&authority.pem());
    api.post("/v1/partners", &partner).await?.json(201)?;
    let id = hand_in(api, INVOICE, "").await?;
    reaches(api, &id, "delivered").await?;
    let heads = server.requests();
    ensure!(heads.len() == 1 && heads[0].to_lowercase().contains("as2-to: partner"), "{heads:?}");

    for (what, changes) in [
        ("another authority", json!({"certificates": with(&other.pem())})),
        ("the usual authorities", json!({"certificates": pinned})),
        (
            "no certificate of ours",
            json!({"certificates": with(&authority.pem()), "as2": {"client_certificate": false}}),
        ),
    ] {
        api.patch("/v1/partners/p-1", &changes).await?.json(200)?;
        let id = hand_in(api, INVOICE, "").await?;
        let dead = reaches(api, &id, "dead").await?;
        ensure!(server.requests().len() == 1 && dead["error"] != "", "{what}: {dead}");
    }
    // The server's own certificate, pinned as it is.
    let own = server.certificate.clone();
    api.patch("/v1/partners/p-1", &json!({"certificates": with(&own), "as2": {"client_certificate": true}}))
        .await?
        .json(200)?;
    let id = hand_in(api, INVOICE, "").await?;
    reaches(api, &id, "delivered").await?;
    world.stop().await;
    Ok(())
}

/// As those of any destination are.
#[tokio::test]
async fn what_a_server_answers_is_classed() -> Result<()> {
    let world = World::start(&[RETRIES, ("SLUICE_REQUEST_TIMEOUT_SECONDS", "1")]).await?;
    let large = || {
        let mut answer = status(StatusCode::OK);
        *answer.body_mut() = vec![b'x'; 2 << 20].into();
        answer
    };
    for (case, code, words) in [
        ("error", json!(500), "500"),
        ("redirect", json!(302), "redirect refused"),
        ("large", json!(null), "too large"),
        ("silence", json!(null), "timeout"),
    ] {
        let server = Inbox::answering(move |_, _| match case {
            "error" => status(StatusCode::INTERNAL_SERVER_ERROR),
            "redirect" => status(StatusCode::FOUND),
            _ => large(),
        });
        let server = server.await?;
        let silent = TcpListener::bind("127.0.0.1:0").await?;
        let url = match case {
            "silence" => format!("http://{}", silent.local_addr()?),
            _ => server.url(),
        };
        let api = world.tenant().await?.api;
        set_up(&api, &url, json!({})).await?;
        let id = hand_in(&api, INVOICE, "").await?;
        let dead = reaches(&api, &id, "dead").await?;
        let last = &dead["attempts"][1];
        ensure!(last["code"] == code, "{case}: {dead}");
        ensure!(last["error"].as_str().is_some_and(|error| error.contains(words)), "{case}: {dead}");
        let letters = api.get("/v1/dlq").await?.json(200)?;
        ensure!(letters["total"] == 1, "{case}: {letters}");
    }
    world.stop().await;
    Ok(())
}
