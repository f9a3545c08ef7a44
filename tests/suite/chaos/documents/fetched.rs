//! A worker that dies while it fetches a partner's file.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde_json::json;
use sluice::domain::document::RECEIVED;
use sluice::domain::partner::STILL;
use sluice::engine::messages::SyncMessage;
use sluice_workers::Worker;

use super::{MANY, SETTINGS, dies, message_of, told_once, transactions};
use crate::e2e::as2::{ACKNOWLEDGMENT, INVOICE};
use crate::support::as2::hand_in;
use crate::support::by_hand::Successor;
use crate::support::mortal::{Last, Life};
use crate::support::sshd::Sshd;
use crate::support::{Ahead, Api, ByHand, Tenant};

/// Servers that are looked at at once: each look mostly waits for its connection.
const AT_ONCE: usize = 3;

/// A partner's server that is looked at.
struct Desk<'a> {
    hand: &'a ByHand,
    tenant: Tenant,
    sshd: Sshd,
    clock: Ahead,
    uid: String,
}

impl<'a> Desk<'a> {
    async fn open(hand: &'a ByHand) -> Result<Self> {
        let (sshd, clock) = (Sshd::start().await?, Ahead::default());
        let tenant = hand.tenant().await?;
        let mut sftp = sshd.parameters()?;
        sftp["outbound"] = json!({"directory": "in"});
        sftp["inbound"] = json!({"directory": "out", "every_minutes": 1, "after": "delete"});
        for directory in ["in/", "out/"] {
            sshd.put(directory, b"")?;
        }
        let partner = json!({"id": "p-1", "name": "Partner", "transport": "sftp", "sftp": sftp});
        tenant.api.post("/v1/partners", &partner).await?.json(201)?;
        let uid = hand.app.stores.partners.get(&tenant.scope(), "p-1").await?.context("a partner")?.uid.clone();
        Ok(Self { hand, tenant, sshd, clock, uid })
    }

    /// Adds a file of its own size, lest it be taken for another that was renamed; gives its name.
    fn add(&self, files: &mut Vec<(String, Vec<u8>)>) -> Result<String> {
        let name = format!("{}.edi", files.len() + 1);
        let content = [ACKNOWLEDGMENT, &b"\n".repeat(files.len())].concat();
        self.sshd.put(&format!("out/{name}"), &content)?;
        files.push((name.clone(), content));
        Ok(name)
    }

    /// Looks at the server by a worker that lives that long; whether it died.
    async fn look(&self, life: &Life) -> Result<bool> {
        let (process, scope) = (self.hand.successor_on(life, self.clock.clone()).await?, self.tenant.scope());
        // What the queue has is asked by others.
        let due = self.hand.app.stores.pickups.due(&scope, &self.uid).await?.context("no look is due")?;
        let look = SyncMessage::Pickup { scope, uid: self.uid.clone(), at: due.next };
        dies(&process.app, Worker::Sync, &message_of(serde_json::to_string(&look)?), life).await
    }

    fn wait(&self) {
        self.clock.by(STILL.as_secs_f64() / 3_600.0);
    }

    /// The API as it is at the clock's time.
    async fn later(&self) -> Result<(Api, Successor)> {
        let process = self.hand.successor_on(&Life::long(), self.clock.clone()).await?;
        Ok((self.tenant.api.at(&process.base), process))
    }

    /// Each of these files is one document, and told of once.
    async fn check(&self, files: &[(String, Vec<u8>)]) -> Result<()> {
        let (api, _process) = self.later().await?;
        let app = self.hand.process_on(self.clock.clone())?;
        let (mut ids, mut came) = (Vec::new(), Vec::new());
        for transaction in transactions(&api, "inbound").await? {
            let id = transaction["id"].as_str().context("an id")?.to_owned();
            let shown = api.get(&format!("/v1/transactions/{id}")).await?.json(200)?;
            let name = shown["document"]["file_name"].as_str().context("a name")?.to_owned();
            let content = api.get(&format!("/v1/transactions/{id}/document")).await?.body;
            let expected = files.iter().find(|(file, _)| *file == name).map(|(_, body)| body);
            ensure!(expected == Some(&content), "{name} has another content");
            ids.push(id);
            came.push(name);
        }
        let mut expected: Vec<&String> = files.iter().map(|(name, _)| name).collect();
        came.sort();
        expected.sort();
        ensure!(came.iter().eq(expected.iter().copied()), "{came:?} instead of {expected:?}");
        told_once(&app, &self.tenant, RECEIVED, &ids).await
    }
}

/// Some calls are the last one once; gives how many there were at most.
async fn some_crashes(hand: &ByHand, last: Last, some: impl Iterator<Item = usize>) -> Result<usize> {
    let desk = Desk::open(hand).await?;
    let mut crashes = 0;
    let ours = hand_in(&desk.tenant.api, INVOICE, "").await?;
    let mut files = Vec::new();
    desk.add(&mut files)?;
    ensure!(!desk.look(&Life::long()).await?);
    for calls in some {
        desk.wait();
        let life = Life::of(calls, last);
        let died = desk.look(&life).await?;
        if !died {
            break;
        }
        crashes = calls;
        // The next look sees the next file as well, which may still be growing.
        let next = desk.add(&mut files)?;
        ensure!(!desk.look(&Life::long()).await?);
        if last == Last::Late {
            life.arrive().await;
            ensure!(!desk.look(&Life::long()).await?);
        }
        ensure!(desk.sshd.names("out")? == [next], "call {calls}: {:?}", desk.sshd.names("out")?);
    }
    ensure!(desk.sshd.names("out")?.is_empty(), "{:?}", desk.sshd.names("out")?);
    desk.check(&files).await?;
    // Each of them says two things of our document.
    let (_, ours) = ours.rsplit_once("doc_").context("a document's id")?;
    let id = format!("doc_{ours}");
    let ours = desk.hand.app.stores.documents.get(&desk.tenant.scope(), &id).await?.context("a document")?;
    let noted = ours.acknowledgments.len();
    ensure!(noted == (2 * files.len()).min(50), "{noted} acknowledgments of {} files", files.len());
    Ok(crashes)
}

/// Every call is the last one once.
async fn every_crash(last: Last) -> Result<()> {
    let hand = ByHand::start(&SETTINGS).await?;
    let desks = (1..=AT_ONCE).map(|first| some_crashes(&hand, last, (first..MANY).step_by(AT_ONCE)));
    let crashes = try_join_all(desks).await?.into_iter().max().unwrap_or_default();
    ensure!((10..MANY - AT_ONCE).contains(&crashes), "{crashes} crashes");
    hand.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_crash_before_any_call_of_a_pickup_leaves_one_document() -> Result<()> {
    every_crash(Last::NotMade).await
}

#[tokio::test]
async fn a_crash_after_any_call_of_a_pickup_leaves_one_document() -> Result<()> {
    every_crash(Last::Made).await
}

#[tokio::test]
async fn what_arrives_after_the_next_look_comes_too_late() -> Result<()> {
    every_crash(Last::Late).await
}

/// Lost without it: a file that may not be deleted is another document for its readers each day.
#[tokio::test]
async fn a_file_that_stays_for_days_is_told_of_once() -> Result<()> {
    let hand = ByHand::start(&SETTINGS).await?;
    let desk = Desk::open(&hand).await?;
    desk.sshd.put("out/1.edi", INVOICE)?;
    let file = [("1.edi".to_owned(), INVOICE.to_vec())];
    let folder = desk.sshd.home().join("out");
    ensure!(!desk.look(&Life::long()).await?);
    fs::set_permissions(&folder, Permissions::from_mode(0o555))?;
    desk.wait();
    for _ in 0..3 {
        ensure!(!desk.look(&Life::long()).await?);
        ensure!(desk.sshd.names("out")? == ["1.edi"]);
        desk.check(&file).await?;
        desk.clock.by(25.0);
    }
    fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
    ensure!(!desk.look(&Life::long()).await?);
    ensure!(desk.sshd.names("out")?.is_empty());
    desk.check(&file).await?;
    drop(desk);
    hand.stop().await;
    Ok(())
}
