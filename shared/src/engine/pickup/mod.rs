//! Fetching the files that partners leave for us on their servers.
//!
//! A file is deleted or moved only after it is durable. A crash between the two has it fetched again, and its key shows
//! that it is no new document.

mod intake;
mod schedule;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::EngineError;
use super::leases::Leases;
use crate::deadline::Deadline;
use crate::domain::partner::{AfterPickup, Inbound, ListedFile, Look, Partner};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::outbound::{Connection, SftpAccess, SftpClient, SftpFailure, Vault};
use crate::store::partners::Partners;
use crate::store::pickups::Pickups;
use crate::store::{Stores, leases};

pub use intake::{InboundFile, Intake, Taken};
pub use schedule::{arm, settle};

/// Files of a directory that one look takes in. The others have their turn when these are gone.
pub const MAX_FILES: usize = 2_000;
/// What a look keeps back to remember what it saw.
const SETTLING: Duration = Duration::from_secs(10);
/// Connections that one look makes anew after a file that failed.
const MAX_FAILURES: usize = 3;

/// Looks at partners' servers.
#[derive(Clone)]
pub struct Pickup {
    partners: Partners,
    pickups: Pickups,
    leases: Leases,
    vault: Vault,
    client: SftpClient,
    intake: Arc<dyn Intake>,
    max_bytes: u64,
}

/// What a look came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PickupReport {
    /// Files that became documents.
    pub new: usize,
    /// Files that were documents already.
    pub known: usize,
    /// Files that may still be growing, and those for which there was no time.
    pub waiting: usize,
    /// Files that are left alone for a while, because they failed before.
    pub failing: usize,
    /// Entries that are no files with plain names.
    pub ignored: usize,
    /// What failed: the file's name, or nothing if it was the server as a whole; and why.
    pub failures: Vec<(Option<String>, Cow<'static, str>)>,
}

/// What became of a file that was ready.
enum Outcome {
    Done(Taken),
    /// It is no longer as it was listed: the next look decides.
    Changed,
}

/// Why a file was not fetched.
enum Fault {
    File(SftpFailure),
    Engine(EngineError),
}

impl From<SftpFailure> for Fault {
    fn from(failure: SftpFailure) -> Self {
        Self::File(failure)
    }
}

impl Pickup {
    /// Over these parts; a file of more than `max_bytes` is not fetched.
    #[must_use]
    pub fn new(stores: &Stores, vault: Vault, client: SftpClient, intake: Arc<dyn Intake>, max_bytes: u64) -> Self {
        let leases = Leases { leases: leases::Leases::clone(&stores.leases), ports: vault.ports().clone() };
        let (partners, pickups) = (stores.partners.clone(), stores.pickups.clone());
        Self { partners, pickups, leases, vault, client, intake, max_bytes }
    }

    /// Looks at a partner's server once. `None`: there is none to look at, or another worker does.
    ///
    /// # Errors
    /// [`EngineError`]; what was not fetched comes again.
    pub async fn run(
        &self,
        scope: &Scope,
        partner: &Partner,
        deadline: Deadline,
    ) -> Result<Option<PickupReport>, EngineError> {
        let inbound = schedule::inbound(partner);
        let Some((inbound, sftp)) = inbound.zip(partner.profile.sftp.as_ref()) else { return Ok(None) };
        let access = SftpAccess::open(&self.vault, scope, sftp)?;
        let look = Round { pickup: self, scope, partner, inbound, access, deadline };
        self.leases.hold(scope, &partner.uid, look.run()).await?.transpose()
    }
}

/// One look at one server.
struct Round<'a> {
    pickup: &'a Pickup,
    scope: &'a Scope,
    partner: &'a Partner,
    inbound: &'a Inbound,
    access: SftpAccess,
    deadline: Deadline,
}

impl Round<'_> {
    fn now(&self) -> Millis {
        self.pickup.vault.ports().now()
    }

    async fn run(&self) -> Result<PickupReport, EngineError> {
        let mut report = PickupReport::default();
        let listed = async {
            let mut connection = self.pickup.client.connect(&self.access).await?;
            let listing = connection.list(&self.inbound.directory, MAX_FILES, |name| self.inbound.wants(name)).await?;
            Ok::<_, SftpFailure>((connection, listing))
        };
        let listed = timeout(self.pickup.client.longest(0), listed).await;
        let (connection, listing) = match listed.unwrap_or_else(|_elapsed| Err(SftpFailure::timeout())) {
            Ok(listed) => listed,
            Err(failure) => {
                report.failures.push((None, failure.reason));
                return Ok(report);
            }
        };
        let before = self.pickup.pickups.look(self.scope, &self.partner.uid).await?;
        let mut look = before.clone();
        let decision = look.update(self.inbound, &listing.files, self.now());
        (report.waiting, report.failing, report.ignored) = (decision.unsettled, decision.failing, listing.others);
        let done = self.fetch_all(connection, decision.ready, &mut look, &mut report).await;
        if look != before {
            self.pickup.pickups.remember(self.scope, &self.partner.uid, &look).await?;
        }
        done.map(|()| report)
    }

    /// Fetches what is ready, one after the other: one file is in memory at a time.
    async fn fetch_all(
        &self,
        connection: Connection,
        ready: Vec<ListedFile>,
        look: &mut Look,
        report: &mut PickupReport,
    ) -> Result<(), EngineError> {
        let mut connection = Some(connection);
        for file in ready {
            // A large one may need more time than is left, by servers that are as slow as they may be: few are.
            let (least, most) = (self.pickup.client.longest(0), self.pickup.client.longest(file.size));
            if report.failures.len() > MAX_FAILURES || !self.deadline.allows(least) {
                report.waiting += 1;
                continue;
            }
            let longest = most.min(self.deadline.left().saturating_sub(SETTLING));
            let done = timeout(longest, self.fetch(&mut connection, &file)).await;
            match done.unwrap_or_else(|_elapsed| Err(Fault::File(SftpFailure::timeout()))) {
                Ok(Outcome::Done(taken)) => {
                    let count = if taken == Taken::New { &mut report.new } else { &mut report.known };
                    *count += 1;
                    look.forget(&file.name);
                }
                Ok(Outcome::Changed) => report.waiting += 1,
                Err(Fault::File(failure)) => {
                    // What it sends now may belong to what failed.
                    connection = None;
                    look.failed(&file.name, self.now());
                    report.failures.push((Some(file.name), failure.reason));
                }
                Err(Fault::Engine(error)) => return Err(error),
            }
        }
        if let Some(connection) = connection {
            connection.end().await;
        }
        Ok(())
    }

    async fn fetch(&self, connection: &mut Option<Connection>, file: &ListedFile) -> Result<Outcome, Fault> {
        if file.size > self.pickup.max_bytes {
            let most = self.pickup.max_bytes;
            return Err(Fault::File(SftpFailure::of_file(format!("the file is larger than {most} bytes"))));
        }
        let connection = match connection {
            Some(connection) => connection,
            None => connection.insert(self.pickup.client.connect(&self.access).await?),
        };
        let directory = &self.inbound.directory;
        let Some(fetched) = connection.fetch(directory, file).await? else { return Ok(Outcome::Changed) };
        let key = self.key(file, &fetched.sha256);
        let other_name = format!("{}.{}", file.name, &key[..12]);
        let inbound = InboundFile { key, listed: file.clone(), sha256: fetched.sha256, body: fetched.body.into() };
        let taken = self.pickup.intake.take(self.scope, self.partner, inbound).await.map_err(Fault::Engine)?;
        // If it was changed meanwhile, it stays: then it is another document.
        let gone = match (self.inbound.after, &self.inbound.move_to) {
            (AfterPickup::Move, Some(to)) => connection.set_aside((directory, to), file, &other_name).await?,
            _ => connection.delete(directory, file).await?,
        };
        Ok(if gone { Outcome::Done(taken) } else { Outcome::Changed })
    }

    fn key(&self, file: &ListedFile, sha256: &[u8; 32]) -> String {
        let (directory, name) = (self.inbound.directory.as_bytes(), file.name.as_bytes());
        let mut digest = Sha256::new();
        for field in [self.partner.uid.as_bytes(), directory, name] {
            digest.update((field.len() as u64).to_be_bytes());
            digest.update(field);
        }
        digest.update(file.size.to_be_bytes());
        digest.update(file.modified_at.to_be_bytes());
        digest.update(sha256);
        hex::encode(digest.finalize())
    }
}
