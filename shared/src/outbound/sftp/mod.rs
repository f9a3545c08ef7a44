//! Files on a partner's SFTP server.
//!
//! `client.rs` connects, `session.rs` asks and `packet.rs` is the protocol. The protocol is written by hand, for the
//! library that would do for it takes handles and names for text and breaks off at status codes it does not know.

mod access;
mod client;
mod failure;
mod fetch;
mod host_key;
mod packet;
mod parameters;
mod probe;
mod session;
mod upload;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::kind::{Accepted, Kind, KindSettings, Parcel, PrepareError, Refusal, Target};
use super::moved::Origins;
use super::reach::Reach;
use super::vault::Vault;
use super::written::parse;
use crate::domain::attempt::Attempt;
use crate::domain::partner::{FileNameFacts, Outbound};
use crate::domain::scope::Scope;
use crate::domain::sealed::Sealed;

pub use access::SftpAccess;
pub use client::{Connection, SftpClient};
pub use failure::Failure as SftpFailure;
pub use fetch::Fetched;
pub(crate) use parameters::{check_key, origin};
pub use probe::{Probe, Step, StepReport};
pub use session::Listing;

use failure::Failure;
use upload::Upload;

/// The kind `sftp`.
pub struct Sftp {
    vault: Vault,
    reach: Reach,
    timeout: Duration,
}

impl Sftp {
    /// The kind under these settings.
    #[must_use]
    pub fn new(settings: &KindSettings) -> Self {
        let KindSettings { vault, reach, timeout, .. } = settings.clone();
        Self { vault, reach, timeout }
    }
}

#[async_trait]
impl Kind for Sftp {
    type Parameters = crate::domain::partner::Sftp<Sealed>;

    const NAME: &'static str = "sftp";

    async fn accept(
        &self,
        scope: &Scope,
        written: Value,
        kept: Option<&Self::Parameters>,
    ) -> Result<Accepted<Self::Parameters>, Refusal> {
        parameters::accept(parse(written)?, &self.vault, scope, self.reach, kept).await
    }

    fn origins(&self, parameters: &Self::Parameters, _: &str) -> Origins {
        vec![origin(parameters)]
    }

    fn show(&self, parameters: &Self::Parameters) -> Value {
        parameters::show(parameters)
    }

    fn prepare(&self, scope: &Scope, parameters: &Self::Parameters) -> Result<Arc<dyn Target>, PrepareError> {
        let client = SftpClient::new(self.reach, self.timeout);
        Ok(Arc::new(SftpServer::open(client, &self.vault, scope, parameters)?))
    }
}

/// A server that files are put on.
pub struct SftpServer {
    client: SftpClient,
    access: SftpAccess,
    outbound: Outbound,
}

impl fmt::Debug for SftpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sftp").field(&self.access.label()).finish()
    }
}

impl SftpServer {
    /// A server with its secrets opened.
    ///
    /// # Errors
    /// [`PrepareError`].
    pub fn open(
        client: SftpClient,
        vault: &Vault,
        scope: &Scope,
        sftp: &crate::domain::partner::Sftp<Sealed>,
    ) -> Result<Self, PrepareError> {
        Ok(Self { client, access: SftpAccess::open(vault, scope, sftp)?, outbound: sftp.outbound.clone() })
    }

    /// Puts a document on the server. It is there, under its name and whole, when this is delivered.
    pub async fn put(&self, facts: &FileNameFacts<'_>, body: &[u8]) -> Attempt {
        let started = Instant::now();
        let done = timeout(self.client.longest(body.len() as u64), self.upload(facts, body)).await;
        match done.unwrap_or_else(|_elapsed| Err(Failure::timeout())) {
            Ok(()) => Attempt::delivered(started.elapsed()),
            Err(failure) => failure.attempt(started.elapsed()),
        }
    }

    async fn upload(&self, facts: &FileNameFacts<'_>, body: &[u8]) -> Result<(), Failure> {
        let name = self.outbound.name_of(facts);
        let upload = Upload {
            directory: &self.outbound.directory,
            name: &name,
            temporary: &self.outbound.temporary_name(&name, body),
            unique: self.outbound.names_are_unique(),
            body,
        };
        let mut connection = self.client.connect(&self.access).await?;
        let done = upload.run(&mut connection.session).await;
        connection.close().await;
        done
    }
}

#[async_trait]
impl Target for SftpServer {
    fn label(&self) -> &str {
        self.access.label()
    }

    async fn send(&self, parcel: Parcel<'_>) -> Attempt {
        self.put(&FileNameFacts { transaction_id: parcel.id, ..FileNameFacts::default() }, &parcel.body).await
    }
}
