//! Webhooks to targets that ask for a client certificate.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::support::mutual_tls::{Authority, MutualTlsTarget};
use crate::support::process::Serve;
use crate::support::{Api, Inbox, SOON, eventually, shared};

const MASK: &str = "••••••••";
const PATH: &str = "/v1/integrations/hook";

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    value[field].as_str().with_context(|| format!("no {field}: {value}"))
}

#[tokio::test]
async fn a_certificate_is_summed_up_and_its_key_is_masked() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (inbox, authority) = (Inbox::open().await?, Authority::new("ours")?);
    let written = authority.client_certificate("gateway")?;
    let parameters = json!({"callback_url": inbox.url(), "client_certificate": written});
    let made = tenant.webhook_with("hook", parameters, json!({})).await?;
    let shown = made["callback_parameters"]["client_certificate"].clone();
    ensure!(shown["private_key_pem"] == MASK && shown["certificate_pem"] == written["certificate_pem"], "{shown}");
    ensure!(text(&shown, "subject")?.contains("CN=gateway"), "{shown}");
    ensure!(text(&shown, "sha256_fingerprint")?.len() == 64 && !text(&shown, "serial")?.is_empty(), "{shown}");
    ensure!(text(&shown, "not_after")?.ends_with('Z'), "{shown}");

    tenant.stop("hook").await?;
    let patch = async |certificate: &Value| {
        let body = json!({"callback_parameters": {"client_certificate": certificate}});
        tenant.api.patch(PATH, &body).await
    };
    // What is shown, sent back, changes nothing.
    let again = patch(&shown).await?.json(200)?;
    ensure!(again["callback_parameters"]["client_certificate"] == shown, "{again}");
    let other = authority.client_certificate("other")?;
    let mismatch = json!({"certificate_pem": other["certificate_pem"], "private_key_pem": MASK});
    ensure!(patch(&mismatch).await?.pointers()? == ["/callback_parameters/client_certificate/private_key_pem"]);
    let changed = patch(&other).await?.json(200)?;
    ensure!(text(&changed["callback_parameters"]["client_certificate"], "subject")?.contains("CN=other"), "{changed}");
    let line = text(&written, "private_key_pem")?.lines().nth(1).context("a line of the key")?;
    for path in ["/v1/integrations", PATH, &format!("{PATH}/log"), "/v1/audit-log"] {
        let shown = tenant.api.get(path).await?.text();
        ensure!(!shown.contains("PRIVATE KEY") && !shown.contains(line), "{path}: {shown}");
    }
    // Over plain HTTP it does no harm.
    tenant.start("hook").await?;
    let ids = tenant.publish("a.b", 0..1).await?;
    inbox.exactly(&ids).await?;
    tenant.stop("hook").await?;
    let removed = patch(&Value::Null).await?.json(200)?;
    ensure!(removed["callback_parameters"].get("client_certificate").is_none(), "{removed}");
    Ok(())
}

#[tokio::test]
async fn bad_certificates_are_pointed_at() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let authority = Authority::new("ours")?;
    let (good, other) = (authority.client_certificate("good")?, authority.client_certificate("other")?);
    let (certificate, key) = (&good["certificate_pem"], &good["private_key_pem"]);
    let (long, other) = (json!("x".repeat(70_000)), &other["private_key_pem"]);
    for (certificate, key, fields) in [
        (&json!(""), key, &["certificate_pem"][..]),
        (key, key, &["certificate_pem"]),
        (&long, key, &["certificate_pem"]),
        (&json!(7), key, &["certificate_pem"]),
        (certificate, &json!(""), &["private_key_pem"]),
        (certificate, certificate, &["private_key_pem"]),
        (certificate, &long, &["private_key_pem"]),
        (certificate, other, &["private_key_pem"]),
        (certificate, &json!(MASK), &["private_key_pem"]),
        (key, certificate, &["certificate_pem", "private_key_pem"]),
    ] {
        let pair = json!({"certificate_pem": certificate, "private_key_pem": key});
        let parameters = json!({"callback_url": "http://127.0.0.1:9/", "client_certificate": pair});
        let body = json!({"id": "a", "integration_type": "permanent", "callback_parameters": parameters});
        let reply = tenant.api.post("/v1/integrations", &body).await?;
        let fields: Vec<_> = fields.iter().map(|f| format!("/callback_parameters/client_certificate/{f}")).collect();
        ensure!(reply.pointers()? == fields, "{}", reply.text());
        ensure!(!reply.text().contains("-----"), "{}", reply.text());
    }
    Ok(())
}

#[tokio::test]
async fn the_longest_texts_fit_into_the_records() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    let mut certificate = Authority::new("ours")?.client_certificate("gateway")?;
    // Text beside the sections of a PEM file is a comment.
    for field in ["certificate_pem", "private_key_pem"] {
        let pem = text(&certificate, field)?;
        certificate[field] = format!("{}\n{pem}", "x".repeat(65_535 - pem.len())).into();
    }
    for id in ["a", "b", "c", "d"] {
        let parameters = json!({"callback_url": inbox.url(), "client_certificate": certificate});
        tenant.webhook_with(id, parameters, json!({})).await?;
    }
    let list = tenant.api.get("/v1/integrations").await?.json(200)?;
    ensure!(list["integrations"].as_array().is_some_and(|all| all.len() == 4));
    tenant.publish("a.b", 0..1).await?;
    inbox.wait_for(4).await?;
    Ok(())
}

/// A process of its own, for the authorities that a process trusts come from its environment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_demands_a_certificate_gets_it_and_so_does_the_token_endpoint() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (authority, stranger) = (Authority::new("ours")?, Authority::new("a stranger")?);
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, authority.pem())?;
    let target = MutualTlsTarget::start(&authority).await?;
    let settings = [
        ("SSL_CERT_FILE", roots.to_str().context("a path")?),
        ("SLUICE_RETRY_STREAM", "100ms,100ms,100ms"),
        ("SLUICE_SUSPEND_AFTER_FAILURES", "100"),
    ];
    let serve = Serve::start(&folder.path().join("data"), &settings).await?;
    let api = Api::open(&serve.credentials.base_url)?.with(&format!("ApiKey {}", serve.credentials.api_key));
    let hook = |name: &str| format!("{}/{name}", target.url);
    let client = json!({"token_url": hook("token"), "client_id": "gateway", "client_secret": "secret"});
    let certificate = authority.client_certificate("gateway")?;
    for (id, parameters) in [
        ("without", json!({"callback_url": hook("without")})),
        ("foreign", json!({"callback_url": hook("foreign"), "client_certificate": stranger.client_certificate("x")?})),
        ("good", json!({"callback_url": hook("good"), "client_certificate": certificate})),
        ("tokens", json!({"callback_url": hook("tokens"), "client_certificate": certificate, "oauth2": client})),
    ] {
        let body = json!({"id": id, "integration_type": "permanent", "callback_parameters": parameters});
        api.post("/v1/integrations", &body).await?.json(200)?;
    }
    api.publish(&json!({"name": "a.b", "payload": {}})).await?.json(202)?;
    eventually("both with a certificate", SOON, async || Ok((target.requests().len() >= 3).then_some(()))).await?;
    for id in ["without", "foreign"] {
        let log = eventually("a retry", SOON, async || {
            let log = api.get(&format!("/v1/integrations/{id}/log")).await?.text();
            Ok(log.contains("retry_triggered").then_some(log))
        });
        let log = log.await?;
        // The target may reset the connection before its alert is read.
        ensure!(
            ["tls failure: ", "connection "].iter().any(|reason| log.contains(&format!("Reason: {reason}"))),
            "{log}"
        );
    }
    let mut heads = target.requests();
    heads.sort();
    let paths: Vec<_> = heads.iter().filter_map(|head| head.split(' ').nth(1)).collect();
    ensure!(paths == ["/good", "/token", "/tokens"], "{paths:?}");
    ensure!(heads[1].contains("authorization: Basic ") && heads[2].contains("authorization: Bearer token-over-tls"));
    Ok(())
}
