//! How the binary starts, refuses to start, and ends.

use std::net::TcpListener;
use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::support::process::{Serve, run};
use crate::support::{Api, Inbox};

/// A refused start: exit code 2, one clear line, no panic.
pub(super) fn refused(output: &Output, word: &str) -> Result<()> {
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(2), "{:?}: {text}", output.status);
    ensure!(text.contains(word) && !text.contains("panicked"), "{text}");
    ensure!(text.trim().lines().count() == 1, "more than one line: {text}");
    Ok(())
}

#[tokio::test]
async fn a_start_that_cannot_be_is_refused_in_one_line() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let data = data.to_str().context("a path")?;

    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    refused(&run(&["serve", "--listen", &address, "--data", data], &[]).await?, &address)?;

    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder")?;
    let below = file.join("data");
    let below = below.to_str().context("a path")?;
    refused(&run(&["serve", "--listen", "127.0.0.1:0", "--data", below], &[]).await?, below)?;
    let file = file.to_str().context("a path")?;
    refused(&run(&["serve", "--listen", "127.0.0.1:0", "--data", file], &[]).await?, file)?;

    for (name, value) in [
        ("SLUICE_EXPORT_INTERVAL_SECONDS", "never"),
        ("SLUICE_RETRY_STREAM", "5"),
        ("SLUICE_LOG_GRACE_MILLISECONDS", "0"),
    ] {
        refused(&run(&["serve", "--listen", "127.0.0.1:0", "--data", data], &[(name, value)]).await?, name)?;
    }
    Ok(())
}

#[tokio::test]
async fn bad_flags_are_refused() -> Result<()> {
    let bad: [&[&str]; 5] =
        [&["serve", "--bogus"], &["serve", "--listen", "nonsense"], &["bogus"], &[], &["serve", "extra"]];
    for arguments in bad {
        let output = run(arguments, &[]).await?;
        ensure!(output.status.code() == Some(2), "{arguments:?}: {:?}", output.status);
        ensure!(!output.stderr.is_empty() && output.stdout.is_empty(), "{arguments:?}");
    }
    let missing = run(&["demo", "no-such-file.ndjson"], &[]).await?;
    refused(&missing, "no-such-file.ndjson")
}

#[tokio::test]
async fn one_process_a_folder_and_a_clean_end() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let first = Serve::start(folder.path(), &[]).await?;
    let data = folder.path().to_str().context("a path")?;
    let second = run(&["serve", "--listen", "127.0.0.1:0", "--data", data], &[]).await?;
    refused(&second, "another process")?;

    let credentials = first.credentials.clone();
    let api = Api::open(&credentials.base_url)?.with(&format!("ApiKey {}", credentials.api_key));
    let inbox = Inbox::open().await?;
    let hook = serde_json::json!({
        "id": "hook", "integration_type": "permanent", "callback_parameters": {"callback_url": inbox.url()},
    });
    api.post("/v1/integrations", &hook).await?.json(200)?;
    api.publish(&serde_json::json!({"name": "a.b", "payload": {"n": 1}})).await?.json(202)?;
    inbox.wait_for(1).await?;
    let usage: Value =
        serde_json::from_str(&reqwest::get(format!("{}/_local/usage", credentials.base_url)).await?.text().await?)?;
    ensure!(usage["dynamodb"]["PutItem"]["write_units"].as_f64() > Some(0.0), "{usage}");
    ensure!(usage["sqs"]["SendMessage"]["message_chunks"].as_u64() > Some(0), "{usage}");
    ensure!(
        usage["lambda"]["deliver"]["calls"].as_u64() > Some(0)
            && usage["apigateway"]["Request"]["calls"].as_u64() > Some(0),
        "{usage}"
    );

    ensure!(first.signal("TERM").await? == Some(0), "SIGTERM");
    let again = Serve::start(folder.path(), &[]).await?;
    ensure!(again.credentials.api_key == credentials.api_key && again.credentials.client_id == credentials.client_id);
    ensure!(again.credentials.s3.endpoint_url == credentials.s3.endpoint_url, "the bucket moved");
    let api = Api::open(&again.credentials.base_url)?.with(&format!("ApiKey {}", credentials.api_key));
    api.get("/v1/integrations/hook").await?.json(200)?;
    ensure!(again.signal("INT").await? == Some(0), "SIGINT");
    Ok(())
}

#[cfg(unix)]
#[tokio::test]
async fn secrets_in_the_folder_are_for_its_owner_alone() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir()?;
    let serve = Serve::start(folder.path(), &[]).await?;
    for name in ["credentials.json", "keys.json", "token-keys.json", "s3-keys.json"] {
        let mode = std::fs::metadata(folder.path().join(name))?.permissions().mode();
        ensure!(mode & 0o077 == 0, "{name} has mode {mode:o}");
    }
    let fields = serde_json::to_value(&serve.credentials)?;
    for field in ["base_url", "tenant", "client_id", "client_secret", "api_key"] {
        ensure!(fields[field].as_str().is_some_and(|text| !text.is_empty()), "{field}");
    }
    ensure!(fields["tenant"] == "local");
    let key = fields["api_key"].as_str().and_then(|key| key.strip_prefix("slc_local_")).context("another form")?;
    ensure!(key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit()));
    Ok(())
}

#[tokio::test]
async fn bootstrap_makes_an_operator_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().to_str().context("a path")?;
    let output = run(&["bootstrap", "--tenant", "ops", "--data", data], &[]).await?;
    ensure!(output.status.code() == Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let made: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(made["status"] == "created", "{made}");
    let again = run(&["bootstrap", "--tenant", "ops", "--data", data], &[]).await?;
    let again: Value = serde_json::from_slice(&again.stdout)?;
    ensure!(again == serde_json::json!({"status": "exists", "tenant": "ops"}), "{again}");
    refused(&run(&["bootstrap", "--tenant", "ops", "--data", "/dev/null/x"], &[]).await?, "/dev/null/x")?;

    let serve = Serve::start(folder.path(), &[]).await?;
    refused(&run(&["bootstrap", "--tenant", "ops", "--data", data], &[]).await?, "another process")?;
    let open = Api::open(&serve.credentials.base_url)?;
    let body = serde_json::json!({"client_id": made["client_id"], "client_secret": made["client_secret"]});
    let token = open.post("/v1/auth/token", &body).await?.json(200)?;
    let ops = open.with(&format!("Bearer {}", token["access_token"].as_str().context("a token")?));
    ensure!(ops.get("/v1/tenants").await?.json(200)?["tenants"].as_array().is_some_and(|all| all.len() == 2));
    Ok(())
}

#[tokio::test]
async fn rotated_master_keys_leave_tokens_and_secrets_good() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().to_str().context("a path")?;
    let inbox = Inbox::open().await?;
    let serve = Serve::start(folder.path(), &[]).await?;
    let token = async |serve: &Serve| {
        let key = format!("ApiKey {}", serve.credentials.api_key);
        let token = Api::open(&serve.credentials.base_url)?.with(&key).act("/v1/auth/token").await?.json(200)?;
        anyhow::Ok(format!("Bearer {}", token["access_token"].as_str().context("a token")?))
    };
    let old = token(&serve).await?;
    let hook = serde_json::json!({
        "id": "hook", "integration_type": "permanent", "callback_parameters": {"callback_url": inbox.url()},
    });
    Api::open(&serve.credentials.base_url)?.with(&old).post("/v1/integrations", &hook).await?.json(200)?;
    refused(&run(&["rotate-keys", "--data", data], &[]).await?, "another process")?;
    serve.signal("TERM").await?;
    ensure!(run(&["rotate-keys", "--data", data], &[]).await?.status.success());

    let serve = Serve::start(folder.path(), &[]).await?;
    let new = token(&serve).await?;
    for token in [&old, &new] {
        let api = Api::open(&serve.credentials.base_url)?.with(token);
        api.publish(&serde_json::json!({"name": "a.b", "payload": {}})).await?.json(202)?;
    }
    // Signed with the secret that was sealed under the old key.
    inbox.wait_for(2).await?;
    Ok(())
}

#[tokio::test]
async fn master_keys_that_others_may_read_are_refused() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir()?;
    let data = folder.path().to_str().context("a path")?;
    ensure!(run(&["rotate-keys", "--data", data], &[]).await?.status.success());
    for file in ["keys.json", "token-keys.json"] {
        let mode = |mode| std::fs::set_permissions(folder.path().join(file), std::fs::Permissions::from_mode(mode));
        mode(0o644)?;
        refused(&run(&["serve", "--listen", "127.0.0.1:0", "--data", data], &[]).await?, "chmod 600")?;
        mode(0o600)?;
    }
    Ok(())
}

/// Once there was one ring for both purposes.
#[tokio::test]
async fn a_folder_without_token_keys_gets_them_and_keeps_its_secrets() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let inbox = Inbox::open().await?;
    let serve = Serve::start(folder.path(), &[]).await?;
    let api = Api::open(&serve.credentials.base_url)?.with(&format!("ApiKey {}", serve.credentials.api_key));
    let hook = serde_json::json!({
        "id": "hook", "integration_type": "permanent", "callback_parameters": {"callback_url": inbox.url()},
    });
    api.post("/v1/integrations", &hook).await?.json(200)?;
    ensure!(serve.signal("TERM").await? == Some(0), "SIGTERM");
    let keys = std::fs::read(folder.path().join("keys.json"))?;
    std::fs::remove_file(folder.path().join("token-keys.json"))?;

    let serve = Serve::start(folder.path(), &[]).await?;
    ensure!(std::fs::read(folder.path().join("keys.json"))? == keys, "the old ring has changed");
    let key = format!("ApiKey {}", serve.credentials.api_key);
    let open = Api::open(&serve.credentials.base_url)?;
    let token = open.with(&key).act("/v1/auth/token").await?.json(200)?;
    let api = open.with(&format!("Bearer {}", token["access_token"].as_str().context("a token")?));
    api.publish(&serde_json::json!({"name": "a.b", "payload": {}})).await?.json(202)?;
    inbox.wait_for(1).await?;
    Ok(())
}

#[tokio::test]
async fn the_demo_checks_itself_and_ends_well() -> Result<()> {
    let output = run(&["demo"], &[]).await?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.code() == Some(0), "{text} {}", String::from_utf8_lossy(&output.stderr));
    ensure!(text.contains("Every event arrived once, signed"), "{text}");

    let folder = tempfile::tempdir()?;
    let file = folder.path().join("bad.ndjson");
    std::fs::write(&file, "{\"name\":\"a.b\",\"payload\":{}}\nnot an event\n")?;
    let output = run(&["demo", file.to_str().context("a path")?], &[]).await?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1) && text.contains("line 2"), "{:?}: {text}", output.status);
    Ok(())
}
