//! pyas2lib, an AS2 of others, as partner over HTTP in both roles.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::INVOICE;
use crate::deploy::template::root;
use crate::ministack::tools;
use crate::support::as2::{THEM, US, hand_in, keys, reaches, set_up};
use crate::support::{SOON, eventually, shared};

fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// The folder that the tests of `sluice-as2` install it into, too.
fn python() -> Result<PathBuf> {
    let (home, scripts) = (tools()?.join("as2-venv"), root().join("tests/interop"));
    let wanted = fs::read_to_string(scripts.join("requirements.txt"))?;
    let lock = fs::OpenOptions::new().create(true).append(true).open(home.with_extension("lock"))?;
    lock.lock()?;
    let (done, python) = (home.join("installed.txt"), home.join("bin/python"));
    if fs::read_to_string(&done).ok().as_ref() != Some(&wanted) {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
        let list = scripts.join("requirements.txt");
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--no-deps", "-r"]).arg(list))?;
        run(Command::new(&python).arg(scripts.join("patch.py")))?;
        fs::write(done, wanted)?;
    }
    Ok(python)
}

/// The partner's process. It ends when its standard input does.
struct Partner {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Partner {
    /// Starts it; gives its address too.
    fn start() -> Result<(Self, String)> {
        let mut command = Command::new(python()?);
        command.arg(root().join("tests/interop/server.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let output = BufReader::new(child.stdout.take().context("its output")?);
        let mut partner = Self { input: child.stdin.take(), child, output };
        let [ours, theirs, _] = keys();
        let hello = json!({
            "partner": THEM, "sluice": US, "sluice_certificate": ours.certificate().to_pem(),
            "partner_key": format!("{}{}", *theirs.private_key_pem(), theirs.certificate().to_pem()),
        });
        let port = partner.ask(&hello)?["port"].as_u64().context("a port")?;
        Ok((partner, format!("http://127.0.0.1:{port}/as2")))
    }

    fn ask(&mut self, command: &Value) -> Result<Value> {
        writeln!(self.input.as_mut().context("its input")?, "{command}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("{command} was answered with {line:?}"))
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// The shared system has a runtime of its own: this test may block.
#[tokio::test]
async fn documents_go_both_ways_with_every_protection_and_receipt() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    let api = &tenant.api;
    let (mut partner, url) = Partner::start()?;
    set_up(api, &url, json!({"require_signed": false, "require_encrypted": false, "accept_legacy": true})).await?;
    let address = format!("{}/as2/{}", world.system.credentials.base_url, tenant.id);
    let document = String::from_utf8(INVOICE.to_vec())?;
    let mut count = 0;
    for (sign, encrypt, compress) in [
        (Some("sha256"), Some(("aes256-cbc", "aes_256_cbc")), false),
        (Some("sha512"), Some(("aes128-cbc", "aes_128_cbc")), true),
        (Some("sha384"), Some(("3des", "tripledes_192_cbc")), true),
        (Some("sha256"), None, true),
        (None, Some(("aes192-cbc", "aes_192_cbc")), false),
    ] {
        for mdn in ["SYNC", "ASYNC"] {
            let case = format!("{sign:?} {encrypt:?} {compress} {mdn}");
            let send = json!({
                "do": "send", "url": address, "document": document, "sluice": US, "mdn": mdn, "sign": sign,
                "sluice_certificate": keys()[0].certificate().to_pem(), "compress": compress,
                "encrypt": encrypt.map(|(_, theirs)| theirs),
            });
            let answer = partner.ask(&send)?;
            ensure!(answer == json!({"status": "processed", "detail": null}), "{case}: {answer}");
            count += 1;
            // It has no MIC for what is not signed, so nothing would count as delivered.
            let Some(sign) = sign else { continue };
            let as2 = json!({
                "sign": sign, "encrypt": encrypt.map_or("none", |(ours, _)| ours), "compress": compress,
                "mdn": mdn.to_lowercase(),
            });
            api.patch("/v1/partners/p-1", &json!({ "as2": as2 })).await?.json(200)?;
            let id = hand_in(api, INVOICE, "").await?;
            reaches(api, &id, "delivered").await.with_context(|| case.clone())?;
            let came = partner.ask(&json!({"do": "wait"}))?;
            ensure!(came["status"] == "processed" && came["document"] == document, "{case}: {came}");
        }
    }
    eventually("all came", SOON, async || {
        let page = api.get("/v1/transactions?direction=inbound&status=delivered").await?.json(200)?;
        Ok(page["transactions"].as_array().is_some_and(|all| all.len() == count).then_some(()))
    })
    .await
}
