//! SFTP against OpenSSH's server, and against one that does what OpenSSH's does not.

mod due;
mod memory;
mod pickup;
mod probe;
mod sending;

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;
use sluice::domain::partner::{FileNameFacts, Sftp};
use sluice::domain::scope::{Environment, Scope};
use sluice::domain::sealed::Sealed;
use sluice::outbound::{Destinations, SftpAccess, SftpClient, SftpServer, TargetPolicy, Vault};
use sluice::ports::Ports;
use sluice::secrets::Keyring;

/// Enough for a busy machine.
const PATIENT: Duration = Duration::from_secs(10);
/// For servers that do not answer.
const BRIEF: Duration = Duration::from_millis(700);

fn scope() -> Result<Scope> {
    Ok(Scope { tenant: "acme".parse()?, environment: Environment::Production })
}

/// What seals and opens the secrets of a test.
struct Office {
    destinations: Destinations,
}

impl Office {
    fn new(ports: Ports) -> Result<Self> {
        let keys = Keyring::throwaway(&ports)?;
        Ok(Self { destinations: Destinations::standard(keys, ports, TargetPolicy::AllowLoopback, PATIENT, None)? })
    }

    fn vault(&self) -> &Vault {
        self.destinations.vault()
    }

    /// Parameters as they are stored.
    async fn stored(&self, parameters: Value) -> Result<Sftp<Sealed>> {
        let accepted = self.destinations.accept(&scope()?, "sftp", parameters, None).await;
        Ok(serde_json::from_value(accepted.context("the parameters")?.0.parameters)?)
    }

    async fn server(&self, parameters: Value, timeout: Duration) -> Result<SftpServer> {
        let client = SftpClient::new(TargetPolicy::AllowLoopback, timeout);
        Ok(SftpServer::open(client, self.vault(), &scope()?, &self.stored(parameters).await?)?)
    }

    async fn access(&self, parameters: Value) -> Result<SftpAccess> {
        Ok(SftpAccess::open(self.vault(), &scope()?, &self.stored(parameters).await?)?)
    }
}

/// A server of these parameters.
async fn server(parameters: Value, timeout: Duration) -> Result<SftpServer> {
    Office::new(Ports::system())?.server(parameters, timeout).await
}

/// The facts of the document that is sent here.
fn facts() -> FileNameFacts<'static> {
    FileNameFacts { document_type: Some("850"), control_number: Some("7"), transaction_id: "txn_1" }
}

const NAME: &str = "850-7-txn_1.edi";

/// Bytes that differ everywhere.
fn body(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 251 + at % 251) as u8).collect()
}
