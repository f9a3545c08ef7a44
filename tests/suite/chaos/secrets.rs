//! No secret reaches a log or stands in a file in plain text: a process that talks as much as it can goes through the
//! main flows, and all it said and wrote is searched.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_local::receiver::status;

use crate::support::mutual_tls::Authority;
use crate::support::process::Serve;
use crate::support::token_endpoint::{CLIENT_SECRET, TOKEN, TokenEndpoint};
use crate::support::{Api, Inbox, SOON, bucket, eventually};

/// Files that hold secrets by their nature; only their owner may read them.
const KEY_FILES: [&str; 4] = ["credentials.json", "keys.json", "token-keys.json", "s3-keys.json"];
const SETTINGS: [(&str, &str); 4] = [
    ("SLUICE_EXPORT_INTERVAL_SECONDS", "1"),
    ("SLUICE_LOG_GRACE_MILLISECONDS", "200"),
    ("SLUICE_RETRY_STREAM", "100ms,100ms"),
    ("SLUICE_SUSPEND_AFTER_FAILURES", "3"),
];
const WEBHOOK_SECRET: &str = "whsec_c2VjcmV0LW9mLXRoaXMtdGVzdC1hbG9uZS0wMDE=";

struct Session {
    api: Api,
    /// What nobody may find: what it is, and its text.
    secrets: Vec<(&'static str, String)>,
}

impl Session {
    async fn start(serve: &Serve) -> Result<Self> {
        let credentials = &serve.credentials;
        let open = Api::open(&credentials.base_url)?;
        let body = json!({"client_id": credentials.client_id, "client_secret": credentials.client_secret});
        let token = open.post("/v1/auth/token", &body).await?.json(200)?;
        let token = token["access_token"].as_str().context("a token")?.to_owned();
        let basic = |request: reqwest::RequestBuilder| {
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let request = request.basic_auth(&credentials.client_id, Some(&credentials.client_secret));
            request.body("grant_type=client_credentials")
        };
        open.send(Method::POST, "/v1/auth/token", basic).await?.json(200)?;
        let with_key = open.with(&format!("ApiKey {}", credentials.api_key));
        with_key.get("/v1/integrations").await?.json(200)?;
        open.with("ApiKey slc_local_a-key-that-is-mistyped")
            .get("/v1/integrations")
            .await?
            .error(401, "unauthorized")?;
        let secrets = vec![
            ("the client's secret", credentials.client_secret.clone()),
            ("an access token", token.rsplit('.').next().unwrap_or_default().to_owned()),
            ("the API key", credentials.api_key.rsplit('_').next().unwrap_or_default().to_owned()),
            ("a mistyped key", "a-key-that-is-mistyped".to_owned()),
            ("the S3 secret key", credentials.s3.secret_access_key.clone()),
            ("the S3 key id", credentials.s3.access_key_id.clone()),
        ];
        Ok(Self { api: open.with(&format!("Bearer {token}")), secrets })
    }

    fn secret(&mut self, what: &'static str, text: &str) -> String {
        self.secrets.push((what, text.to_owned()));
        text.to_owned()
    }

    async fn create(&self, id: &str, kind: &str, parameters: &Value) -> Result<Value> {
        let body = json!({"id": id, "integration_type": "permanent", kind: parameters}).to_string();
        let with = |request: reqwest::RequestBuilder| {
            let request = request.header("idempotency-key", format!("make-{id}"));
            request.header("content-type", "application/json").body(body.clone())
        };
        let made = self.api.send(Method::POST, "/v1/integrations", with).await?.json(200)?;
        let again = self.api.send(Method::POST, "/v1/integrations", with).await?.json(200)?;
        ensure!(made == again, "the kept answer is another");
        Ok(made)
    }

    /// Webhooks that are taken, rejected, refused and sent again, under secrets of their own.
    async fn webhooks(&mut self) -> Result<()> {
        let target = Inbox::answering(|post, _| {
            let rejects = post.text().contains("reject.me");
            status(if rejects { StatusCode::BAD_REQUEST } else { StatusCode::NO_CONTENT })
        });
        let target = target.await?;
        let parameters = json!({
            "callback_url": format!("{}?code={}", target.url(), self.secret("a URL's query", "query-that-is-secret")),
            "api_key": self.secret("a target's key", "key-of-the-target"),
            "signing_secret": self.secret("a signing secret", WEBHOOK_SECRET),
            "headers": {"x-auth": self.secret("a header's value", "header-that-is-secret")},
        });
        self.create("given", "callback_parameters", &parameters).await?;
        let made = self.create("made", "callback_parameters", &json!({"callback_url": target.url()})).await?;
        let shown = made["callback_parameters"]["signing_secret"].as_str().context("a secret")?.to_owned();
        self.secret("a secret that was made, and kept with the first answer", &shown);
        let dead = format!("http://127.0.0.1:9/?token={}", self.secret("a dead target's query", "dead-query-secret"));
        self.create("dead", "callback_parameters", &json!({ "callback_url": dead })).await?;

        let events = json!({"events": [{"name": "a.b", "payload": {}}, {"name": "reject.me", "payload": {}}]});
        self.api.publish(&events).await?.json(202)?;
        target.wait_for(4).await?;
        let list = "/v1/integrations/given/rejected_events";
        let rejected = eventually("a rejected event", SOON, async || {
            let list = self.api.get(list).await?.json(200)?;
            Ok(list["rejected_events"][0]["id"].as_str().map(str::to_owned))
        });
        let retry = self.api.act(&format!("{list}/{}/_retry", rejected.await?)).await?;
        retry.error(502, "delivery_failed")?;
        eventually("the dead target is suspended", SOON, async || {
            Ok((self.api.get("/v1/integrations/dead").await?.json(200)?["status"] == "suspended").then_some(()))
        })
        .await?;
        self.api.act("/v1/integrations/given/_stop").await?.json(200)?;
        let change = json!({"callback_parameters": {"api_key": self.secret("a changed key", "changed-key-of-target")}});
        self.api.patch("/v1/integrations/given", &change).await?.json(200)?;
        self.api.act("/v1/integrations/given/_start").await?.json(200)?;
        Ok(())
    }

    /// Webhooks that authenticate by access tokens and by a client certificate, and some whose token endpoint refuses.
    async fn authenticated(&mut self) -> Result<()> {
        let (target, good) = (Inbox::open().await?, TokenEndpoint::start().await?);
        let bad = TokenEndpoint::failing(usize::MAX, StatusCode::UNAUTHORIZED).await?;
        let certificate = Authority::new("ours")?.client_certificate("gateway")?;
        let key = certificate["private_key_pem"].as_str().and_then(|pem| pem.lines().nth(1)).context("a key")?;
        for (what, secret) in [
            ("an OAuth 2.0 client's secret", CLIENT_SECRET),
            ("an access token of a target", TOKEN),
            ("a token endpoint's query", "realm-of-the-test"),
            ("a private key", key),
        ] {
            self.secret(what, secret);
        }
        for (id, endpoint) in [("tokens", &good), ("no-tokens", &bad)] {
            let parameters = json!({
                "callback_url": target.url(), "oauth2": endpoint.client(), "client_certificate": certificate,
            });
            self.create(id, "callback_parameters", &parameters).await?;
        }
        self.api.publish(&json!({"name": "a.b", "payload": {"n": 2}})).await?.json(202)?;
        target.wait_for(1).await?;
        eventually("the refused token is noted", SOON, async || {
            let log = self.api.get("/v1/integrations/no-tokens/log").await?.text();
            Ok(log.contains("the token endpoint responded with HTTP status code 401").then_some(()))
        })
        .await
    }

    /// Files that are written, and files whose bucket refuses the keys.
    async fn files(&mut self, serve: &Serve) -> Result<()> {
        let s3 = &serve.credentials.s3;
        let mut parameters = json!({
            "aws_access_key_id": s3.access_key_id, "aws_secret_access_key": s3.secret_access_key,
            "aws_region": s3.region, "bucket": s3.bucket, "key_prefix": "files", "endpoint_url": s3.endpoint_url,
        });
        self.create("files", "s3_parameters", &parameters).await?;
        parameters["aws_access_key_id"] = self.secret("a wrong key id", "AKWRONGKEYIDOFTEST").into();
        parameters["aws_secret_access_key"] = self.secret("a wrong S3 key", "wrong-secret-access-key").into();
        self.create("refused", "s3_parameters", &parameters).await?;
        self.api.publish(&json!({"name": "a.b", "payload": {"n": 1}})).await?.json(202)?;
        bucket::files_with(s3, "files/", 1, SOON).await?;
        eventually("the refused export is noted", SOON, async || {
            let log = self.api.get("/v1/integrations/refused/log").await?.text();
            Ok(log.contains("export_failed").then_some(()))
        })
        .await
    }

    /// A partner with every secret there is, changed and promoted.
    async fn partners(&mut self) -> Result<()> {
        let url = format!("http://127.0.0.1:9/?token={}", self.secret("a partner's query", "partner-query-secret"));
        let password = self.secret("a partner's password", "password-of-partner");
        // The example of RFC 8410.
        let key = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
        let key = self.secret("a partner's private key", key);
        let key = format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n");
        let body = json!({
            "id": "partner", "name": "n", "transport": "as2",
            "as2": {"url": url, "as2_id": "A", "basic_auth": {"username": "us", "password": password}},
            "sftp": {"host": "127.0.0.1", "username": "us", "private_key": key},
        });
        let sandbox = self.api.sandbox();
        sandbox.post("/v1/partners", &body).await?.json(201)?;
        self.api.act("/sandbox/v1/partners/partner/promote").await?.json(200)?;
        let next = self.secret("a partner's next password", "next-password-of-partner");
        sandbox.patch("/v1/partners/partner", &json!({"as2": {"basic_auth": {"password": next}}})).await?.json(200)?;
        let pasted =
            json!({"id": "no", "name": "n", "transport": "as2", "certificates": [{"usage": "tls", "pem": key}]});
        let refused = self.api.post("/v1/partners", &pasted).await?;
        ensure!(refused.pointers()? == ["/certificates/0/pem"], "{}", refused.text());
        Ok(())
    }

    /// Requests that are refused for what they carry.
    async fn refusals(&mut self) -> Result<()> {
        let inside = self.secret("a refused URL's query", "refused-query-secret");
        let key = self.secret("a malformed secret", "whsec_malformed-secret-of-test");
        for parameters in [
            json!({"callback_url": format!("https://10.0.0.1/?token={inside}")}),
            json!({"callback_url": format!("ftp://example.com/?token={inside}")}),
            json!({"callback_url": "http://127.0.0.1:9/", "signing_secret": key}),
        ] {
            let body = json!({"id": "no", "integration_type": "permanent", "callback_parameters": parameters});
            let refused = self.api.post("/v1/integrations", &body).await?;
            ensure!(refused.status == 400 && !refused.text().contains(&key), "{}", refused.text());
        }
        self.api.get(&format!("/v1/events?cursor={inside}")).await?.pointers()?;
        Ok(())
    }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if !path.file_name().is_some_and(|name| KEY_FILES.iter().any(|key| name == *key)) {
            found.push(path);
        }
    }
    Ok(())
}

/// Where each secret stands that should stand nowhere.
fn search(files: &[PathBuf], secrets: &[(&str, String)]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for path in files {
        // Of what is not text, what is not a secret of ours may be lost.
        let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
        for (what, secret) in secrets {
            let at = text.find(secret);
            let around = |at: usize| &text.as_bytes()[at.saturating_sub(200)..text.len().min(at + secret.len() + 50)];
            found.extend(
                at.map(|at| format!("{what} is in {}: {}", path.display(), String::from_utf8_lossy(around(at)))),
            );
        }
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_said_or_written_in_plain_text() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (data, said) = (folder.path().join("data"), folder.path().join("said"));
    let serve = Serve::start_talking(&data, &SETTINGS, &said).await?;
    let mut session = Session::start(&serve).await?;
    session.webhooks().await?;
    session.authenticated().await?;
    session.files(&serve).await?;
    session.partners().await?;
    session.refusals().await?;
    for path in ["/v1/integrations", "/v1/integrations/given", "/v1/integrations/dead/log", "/v1/audit-log"] {
        let shown = session.api.get(path).await?.text();
        ensure!(!shown.contains("key-of-the-target") && !shown.contains(WEBHOOK_SECRET), "{path} shows a secret");
    }
    // Killed, not stopped: what a crash leaves is searched too.
    serve.kill()?;
    let mut files = vec![said];
    collect(&data, &mut files)?;
    ensure!(files.iter().any(|path| path.to_string_lossy().ends_with("-wal")), "no write-ahead log: {files:?}");
    let text = fs::read_to_string(&files[0])?;
    ensure!(text.contains("DEBUG") && text.contains("integrations"), "the process did not talk: {} bytes", text.len());
    let found = search(&files, &session.secrets)?;
    ensure!(found.is_empty(), "{} places:\n{}", found.len(), found.join("\n"));
    Ok(())
}
