//! Access tokens between processes: one function issues them, another verifies them, and they share but a database.

use anyhow::{Context as _, Result, ensure};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::{Router, body};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use sluice::app::{App, Keys};
use sluice::domain::tenant::Tenant;
use sluice::domain::time::Millis;
use sluice::ports::{Ports, System};
use sluice::rings::RingText;
use sluice::secrets::Keyring;
use sluice::store::verification_keys::VerificationKeys;
use sluice::tokens::{PublishedKeys, TokenRing, VerificationKey};
use sluice_local::system::local_settings;
use tower::ServiceExt as _;

use super::Store;
use crate::support::Ahead;

/// A deployment of functions over one database.
struct Deployment {
    store: Store,
    clock: Ahead,
    ports: Ports,
    client: Value,
}

impl Deployment {
    async fn start() -> Result<Self> {
        let (store, clock) = (Store::start().await?, Ahead::default());
        let ports = Ports::new(clock.clone(), System);
        let mut deployment = Self { store, clock, ports, client: Value::Null };
        let app = deployment.app(None)?;
        let tenant = Tenant::new("acme".parse()?, false, app.ports.now());
        let (client, secret) = app.engine.tenancy.create(&tenant).await?.context("the tenant exists")?;
        deployment.client = json!({"client_id": client.id, "client_secret": secret.to_string()});
        Ok(deployment)
    }

    fn app(&self, tokens: Option<TokenRing>) -> Result<App> {
        let (clients, resources) = (&self.store.clients, self.store.resources.clone());
        let keys = Keys { secrets: Keyring::empty(), tokens };
        Ok(App::new(clients, resources, local_settings(&[])?, keys, self.ports.clone(), std::convert::identity)?)
    }

    /// A ring as it was made at that time.
    fn ring(&self, text: &str, made_at: i64) -> Result<TokenRing> {
        Ok(TokenRing::new(&RingText::parse(text, Millis(made_at))?)?)
    }

    /// A function that issues tokens.
    fn issuer(&self, ring: TokenRing) -> Result<Router> {
        sluice_api::function("auth.token", self.app(Some(ring))?).context("auth.token")
    }

    /// A function that verifies them, and has no key at all.
    fn verifier(&self) -> Result<Router> {
        sluice_api::function("event_types.list", self.app(None)?).context("event_types.list")
    }

    async fn token(&self, issuer: &Router) -> Result<String> {
        let request = Request::post("/v1/auth/token").header(header::CONTENT_TYPE, "application/json");
        let (status, answer) = ask(issuer, request.body(Body::from(self.client.to_string()))?).await?;
        ensure!(status == StatusCode::OK, "{status}: {answer}");
        Ok(answer["access_token"].as_str().context("no token")?.to_owned())
    }

    /// Reads of single records so far.
    fn reads(&self) -> u64 {
        self.store.usage.report().get("dynamodb").and_then(|calls| calls.get("GetItem")).map_or(0, |count| count.calls)
    }
}

async fn ask(function: &Router, request: Request<Body>) -> Result<(StatusCode, Value)> {
    let answer = function.clone().oneshot(request).await?;
    let status = answer.status();
    let bytes = body::to_bytes(answer.into_body(), usize::MAX).await?;
    Ok((status, serde_json::from_slice(&bytes)?))
}

/// How a function answers a token.
async fn verdict(verifier: &Router, token: &str) -> Result<StatusCode> {
    let request = Request::get("/v1/event-types").header(header::AUTHORIZATION, format!("Bearer {token}"));
    Ok(ask(verifier, request.body(Body::empty())?).await?.0)
}

#[tokio::test]
async fn a_key_that_is_not_known_is_looked_up_at_once() -> Result<()> {
    let deployment = Deployment::start().await?;
    let first = RingText::generate(&deployment.ports);
    let second = RingText::rotated(&first, &deployment.ports)?;
    let verifier = deployment.verifier()?;
    let old = deployment.token(&deployment.issuer(deployment.ring(&first, 1)?)?).await?;
    ensure!(verdict(&verifier, &old).await? == StatusCode::OK);
    // Another process issues by a newer ring.
    let new = deployment.token(&deployment.issuer(deployment.ring(&second, 2)?)?).await?;
    ensure!(verdict(&verifier, &new).await? == StatusCode::OK);
    ensure!(verdict(&verifier, &old).await? == StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn junk_tokens_cost_one_read_in_some_seconds() -> Result<()> {
    let deployment = Deployment::start().await?;
    let verifier = deployment.verifier()?;
    let junk = |n: u32| {
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": format!("kid-{n}")}).to_string();
        format!("{}.{}.{}", BASE64.encode(header), BASE64.encode("{}"), BASE64.encode([0; 64]))
    };
    let before = deployment.reads();
    for n in 0..50 {
        ensure!(verdict(&verifier, &junk(n)).await? == StatusCode::UNAUTHORIZED);
    }
    let many = (50..100).map(|n| {
        let (verifier, token) = (verifier.clone(), junk(n));
        async move { verdict(&verifier, &token).await }
    });
    for verdict in futures::future::try_join_all(many).await? {
        ensure!(verdict == StatusCode::UNAUTHORIZED);
    }
    ensure!(deployment.reads() == before + 1, "{} reads", deployment.reads() - before);
    // Nor do they keep good tokens out for longer.
    let ring = RingText::generate(&deployment.ports);
    let token = deployment.token(&deployment.issuer(deployment.ring(&ring, 1)?)?).await?;
    deployment.clock.by(3.0 / 3_600.0);
    ensure!(verdict(&verifier, &token).await? == StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn tokens_end_with_their_key_and_with_their_hour() -> Result<()> {
    let deployment = Deployment::start().await?;
    let (leaked, next) = (RingText::generate(&deployment.ports), RingText::generate(&deployment.ports));
    let verifier = deployment.verifier()?;
    let token = deployment.token(&deployment.issuer(deployment.ring(&leaked, 1)?)?).await?;
    ensure!(verdict(&verifier, &token).await? == StatusCode::OK);
    // A ring without that key: the first token that it signs tells the verifiers.
    let good = deployment.token(&deployment.issuer(deployment.ring(&next, 2)?)?).await?;
    deployment.clock.by(61.0 / 3_600.0);
    ensure!(verdict(&verifier, &token).await? == StatusCode::UNAUTHORIZED, "although it was verified before");
    ensure!(verdict(&verifier, &good).await? == StatusCode::OK);
    deployment.clock.by(1.0);
    ensure!(verdict(&verifier, &good).await? == StatusCode::UNAUTHORIZED, "although it was verified before");
    Ok(())
}

#[tokio::test]
async fn a_process_with_an_older_ring_takes_over_the_newer_one_before_it_signs() -> Result<()> {
    let deployment = Deployment::start().await?;
    let (old, new) = (RingText::generate(&deployment.ports), RingText::generate(&deployment.ports));
    let late = deployment.issuer(deployment.ring(&old, 1)?)?;
    deployment.token(&deployment.issuer(deployment.ring(&new, 2)?)?).await?;
    // It cannot read the newer ring: its tokens would be refused, so it gives none.
    let request = Request::post("/v1/auth/token").header(header::CONTENT_TYPE, "application/json");
    let (status, answer) = ask(&late, request.body(Body::from(deployment.client.to_string()))?).await?;
    ensure!(status == StatusCode::SERVICE_UNAVAILABLE && answer["error_code"] == "unavailable", "{status}: {answer}");

    let text = new.to_string();
    let newest = move || RingText::parse(&text, Millis(2)).ok();
    let ring = deployment.ring(&old, 1)?.looking_up(newest, deployment.ports.clone());
    let token = deployment.token(&deployment.issuer(ring)?).await?;
    ensure!(verdict(&deployment.verifier()?, &token).await? == StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn published_keys_are_those_of_the_newest_ring() -> Result<()> {
    let store = Store::start().await?;
    let keys = VerificationKeys::new(store.db.clone());
    let of = |made_at, kid: &str| PublishedKeys {
        made_at: Millis(made_at),
        keys: vec![VerificationKey { kid: kid.to_owned(), x: kid.to_owned() }],
    };
    ensure!(keys.get().await? == PublishedKeys::default());
    for (published, then) in [
        (of(5, "a"), of(5, "a")),
        (of(5, "a"), of(5, "a")),
        (of(4, "old"), of(5, "a")),
        (of(6, "b"), of(6, "b")),
        (of(5, "a"), of(6, "b")),
    ] {
        ensure!(keys.publish(&published).await? == then, "{published:?}");
        ensure!(keys.get().await? == then, "{published:?}");
    }
    // Of many at once the newest stays.
    let many = (10..30).map(|n| {
        let (keys, published) = (keys.clone(), of(n, &n.to_string()));
        async move { keys.publish(&published).await }
    });
    futures::future::try_join_all(many).await?;
    ensure!(keys.get().await? == of(29, "29"));
    store.servers.stop().await;
    Ok(())
}
