//! SFTP: OpenSSH's server, and where that never refuses, one that does.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::fixture::{Arrival, Fixture, ID, Manner};
use crate::support::odd_sftp::{Manners, OddSftp, OnOpen};
use crate::support::sshd::{Sshd, keys};

pub(super) struct Server {
    sshd: Sshd,
    /// Stands in for it.
    odd: Option<OddSftp>,
}

impl Fixture for Server {
    const KIND: &'static str = "sftp";
    const ADDRESS: &'static str = "host";
    const ORIGIN: &'static [&'static str] = &["host", "port"];
    const OPTIONAL: &'static str = "inbound";
    const HAS_RETRY_AFTER: bool = false;

    async fn start(manner: Manner) -> Result<Self> {
        let on_open = match manner {
            Manner::Accept => None,
            // It supports no uploads.
            Manner::Refuse => Some(OnOpen::Status(8)),
            Manner::Fail => Some(OnOpen::Status(4)),
            Manner::Hang => Some(OnOpen::Silence),
        };
        let odd = match on_open {
            Some(on_open) => Some(OddSftp::start(Manners { on_open, ..Manners::default() }).await?),
            None => None,
        };
        let sshd = Sshd::start().await?;
        sshd.put("in/", b"")?;
        Ok(Self { sshd, odd })
    }

    fn parameters(&self) -> Value {
        let parameters = match &self.odd {
            Some(odd) => odd.parameters(),
            None => self.sshd.parameters(),
        };
        let mut parameters = parameters.unwrap_or_default();
        let outbound = json!({"directory": "in", "file_name": "{transaction_id}", "temporary_suffix": ".part"});
        parameters["outbound"] = outbound;
        parameters["inbound"] = json!({"directory": "out", "pattern": "*", "every_minutes": 5, "after": "delete"});
        parameters
    }

    fn secrets(&self) -> Vec<(&'static str, String)> {
        let parameters = self.parameters();
        let secret = |name: &'static str| Some((name, parameters[&name[1..]].as_str()?.to_owned()));
        ["/private_key", "/password"].into_iter().filter_map(secret).collect()
    }

    fn address(host: &str) -> String {
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        host.trim_matches(['[', ']']).to_owned()
    }

    fn move_to(parameters: &mut Value, host: &str) {
        parameters["host"] = Self::address(host).into();
        parameters["port"] = host.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()).into();
    }

    async fn arrived(&self) -> Result<Vec<Arrival>> {
        let mut arrivals = Vec::new();
        for name in self.sshd.names("in")? {
            let content = std::fs::read_to_string(self.sshd.home().join("in").join(&name))?;
            // The id has a character that no file name should have.
            ensure!(name.starts_with("evt_01_conformance-1-") && !name.contains(':'), "{name}");
            arrivals.push(Arrival { name: ID.to_owned(), content });
        }
        Ok(arrivals)
    }
}

/// A secret that was stored for one server is not sent to another.
#[tokio::test]
async fn a_mask_keeps_the_secret_for_its_own_server_alone() -> Result<()> {
    let server = Server::start(Manner::Accept).await?;
    let (destinations, scope) = (super::fixture::local()?, super::fixture::scope()?);
    let (kept, _) = destinations.accept(&scope, "sftp", server.parameters(), None).await?;
    let shown = destinations.show(&kept)?;
    for (name, value) in [("host", json!("localhost")), ("port", json!(2_222))] {
        let mut moved = shown.clone();
        moved[name] = value;
        let Err(sluice::outbound::Refusal::Faults(faults)) =
            destinations.accept(&scope, "sftp", moved.clone(), Some(&kept)).await
        else {
            anyhow::bail!("the key went along to another {name}");
        };
        ensure!(faults.len() == 1 && faults[0].pointer == "/private_key", "{faults:?}");
        moved["private_key"] = keys()?.client.private.clone().into();
        destinations.accept(&scope, "sftp", moved, Some(&kept)).await.context("with the key itself")?;
    }
    Ok(())
}

/// Lost without it: a key that cannot be used is found out at the first delivery.
#[tokio::test]
async fn a_private_key_that_cannot_be_used_is_refused() -> Result<()> {
    let server = Server::start(Manner::Accept).await?;
    let private = &keys()?.client.private;
    let lines: Vec<&str> = private.lines().collect();
    let cut = [lines[0], lines[1], lines[lines.len() - 1]].join("\n");
    for bad in [cut, private.replace("OPENSSH", "EC"), private.replace(lines[2], "!")] {
        let mut parameters = server.parameters();
        parameters["private_key"] = bad.as_str().into();
        let accepted = super::fixture::local()?.accept(&super::fixture::scope()?, "sftp", parameters, None).await;
        let Err(sluice::outbound::Refusal::Faults(faults)) = accepted else { anyhow::bail!("accepted: {bad}") };
        ensure!(faults.len() == 1 && faults[0].pointer == "/private_key", "{faults:?}");
        ensure!(!faults[0].message.contains(lines[1]), "{faults:?}");
    }
    Ok(())
}
