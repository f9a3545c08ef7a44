//! Fetching: each file becomes one document, and is gone only after it is durable.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use serde_json::{Value, json};
use sluice::deadline::Deadline;
use sluice::domain::partner::{Partner, STILL};
use sluice::domain::scope::Scope;
use sluice::engine::EngineError;
use sluice::engine::pickup::{InboundFile, Intake, MAX_FILES, Pickup, PickupReport, Taken};
use sluice::outbound::{SftpClient, TargetPolicy};
use sluice::ports::{Ports, System};
use sluice::secrets::Keyring;
use sluice::store::documents::Blobs;
use sluice::store::pickups::PickupDue;
use sluice::store::{Db, Retention, StoreError, Stores};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::{Office, PATIENT, body, scope};
use crate::store::Store;
use crate::support::odd_sftp::{Manners, OddSftp};
use crate::support::sshd::Sshd;
use crate::support::{Ahead, SOON, eventually};

const LONG: Duration = Duration::from_secs(86_400);

/// Documents in memory, one for each key.
#[derive(Default)]
pub(super) struct Documents {
    files: Mutex<BTreeMap<String, InboundFile>>,
    fails: AtomicBool,
    /// Whoever has it, keeps them from being taken.
    pub(super) hold: tokio::sync::Mutex<()>,
    pub(super) asked: Notify,
}

#[async_trait]
impl Intake for Documents {
    async fn take(&self, _: &Scope, _: &Partner, file: InboundFile) -> Result<Taken, EngineError> {
        self.asked.notify_one();
        drop(self.hold.lock().await);
        if self.fails.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("it is down".to_owned()).into());
        }
        let before = self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(file.key.clone(), file);
        Ok(if before.is_some() { Taken::Known } else { Taken::New })
    }
}

/// A worker that looks at one partner's server, with a clock of its own.
pub(super) struct Desk {
    store: Store,
    pub(super) documents: Arc<Documents>,
    pickup: Pickup,
    pub(super) partner: Partner,
    pub(super) stores: Stores,
    pub(super) clock: Ahead,
}

impl Desk {
    async fn open(mut parameters: Value, inbound: Value) -> Result<Self> {
        let (store, clock) = (Store::start().await?, Ahead::default());
        let ports = Ports::new(clock.clone(), System);
        let office = Office::new(ports.clone())?;
        parameters["inbound"] = json!({"directory": "out", "after": "delete"});
        for (name, value) in inbound.as_object().context("an object")? {
            parameters["inbound"][name] = value.clone();
        }
        let sftp = serde_json::to_value(office.stored(parameters).await?)?;
        let profile = json!({"name": "n", "transport": "sftp", "sftp": sftp});
        let at = "2026-01-01T00:00:00.000Z";
        let partner = json!({
            "id": "p", "uid": "ptn_1", "profile": profile, "created_at": at, "updated_at": at, "revision": 1,
        });
        let db = Db::new(store.client.clone(), store.tables.clone(), ports.clone());
        let (keys, s3) = (Keyring::throwaway(&ports)?, store.clients.s3.clone());
        let blobs = Blobs::new(s3, store.resources.documents.clone(), keys.clone(), ports.clone());
        let stores = Stores::new(&db, blobs, &keys, Retention { log: LONG, transactions: LONG, documents: LONG });
        let (documents, client) = (Arc::<Documents>::default(), SftpClient::new(TargetPolicy::AllowLoopback, PATIENT));
        let intake: Arc<dyn Intake> = documents.clone();
        let pickup = Pickup::new(&stores, office.vault().clone(), client, intake, 1_000_000);
        Ok(Self { store, documents, pickup, partner: serde_json::from_value(partner)?, stores, clock })
    }

    /// A desk before OpenSSH's server, whose directory `out` is there.
    pub(super) async fn before(sshd: &Sshd, inbound: Value) -> Result<Self> {
        sshd.put("out/", b"")?;
        Self::open(sshd.parameters()?, inbound).await
    }

    async fn run(&self) -> Result<PickupReport> {
        let report = self.pickup.run(&scope()?, &self.partner, Deadline::after(Duration::from_secs(600))).await?;
        report.context("another worker looks")
    }

    pub(super) async fn fire(&self, due: &PickupDue) -> Result<Option<PickupReport>> {
        let deadline = Deadline::after(Duration::from_secs(600));
        Ok(self.pickup.fire(&due.scope, &due.uid, due.next, deadline).await?)
    }

    /// Looks when what is there has stood still.
    async fn run_later(&self) -> Result<PickupReport> {
        self.run().await?;
        self.wait();
        self.run().await
    }

    fn wait(&self) {
        self.clock.by(STILL.as_secs_f64() / 3_600.0);
    }

    /// The documents by name and content, in order.
    fn documents(&self) -> Vec<(String, Vec<u8>)> {
        let files = self.documents.files.lock().unwrap_or_else(PoisonError::into_inner);
        let mut documents: Vec<_> = files.values().map(|file| (file.listed.name.clone(), file.body.to_vec())).collect();
        documents.sort();
        documents
    }

    pub(super) async fn close(self) {
        self.store.servers.stop().await;
    }
}

fn document(name: &str, body: &[u8]) -> (String, Vec<u8>) {
    (name.to_owned(), body.to_owned())
}

#[tokio::test]
async fn a_file_is_fetched_once_it_stands_still_and_then_deleted() -> Result<()> {
    let sshd = Sshd::start().await?;
    let desk = Desk::before(&sshd, json!({"pattern": "*.edi"})).await?;
    sshd.put("out/a.edi", &body(100))?;
    sshd.put("out/note.txt", b"not asked for")?;
    sshd.put("out/.a.edi", b"hidden")?;
    sshd.put("out/empty.edi", b"")?;
    let first = desk.run().await?;
    ensure!((first.new, first.waiting) == (0, 2), "{first:?}");
    // It grows.
    desk.wait();
    sshd.put("out/a.edi", &body(300_000))?;
    ensure!(desk.run().await?.new == 0);
    desk.wait();
    let taken = desk.run().await?;
    ensure!((taken.new, taken.waiting) == (1, 1) && taken.failures.is_empty(), "{taken:?} {}", sshd.log());
    ensure!(desk.documents() == [document("a.edi", &body(300_000))]);
    ensure!(sshd.names("out")? == [".a.edi", "empty.edi", "note.txt"]);
    ensure!(desk.run_later().await?.new == 0);
    desk.close().await;
    Ok(())
}

#[tokio::test]
async fn a_file_that_was_renamed_is_fetched_at_once() -> Result<()> {
    let sshd = Sshd::start().await?;
    let desk = Desk::before(&sshd, json!({"pattern": "*.edi"})).await?;
    sshd.put("out/a.edi.filepart", b"whole")?;
    ensure!(desk.run().await?.waiting == 0);
    desk.wait();
    fs::rename(sshd.home().join("out/a.edi.filepart"), sshd.home().join("out/a.edi"))?;
    ensure!(desk.run().await?.new == 1);
    desk.close().await;
    Ok(())
}

#[tokio::test]
async fn a_file_is_moved_and_never_over_another() -> Result<()> {
    let sshd = Sshd::start().await?;
    sshd.put("done/", b"")?;
    let desk = Desk::before(&sshd, json!({"after": "move", "move_to": "done"})).await?;
    for content in [&b"first"[..], b"second"] {
        sshd.put("out/a.edi", content)?;
        let report = desk.run_later().await?;
        ensure!(report.new == 1 && report.failures.is_empty(), "{report:?}");
    }
    let names = sshd.names("done")?;
    ensure!(names.len() == 2 && names[0] == "a.edi" && names[1].starts_with("a.edi."), "{names:?}");
    ensure!(fs::read(sshd.home().join("done/a.edi"))? == b"first" && sshd.names("out")?.is_empty());
    ensure!(desk.documents() == [document("a.edi", b"first"), document("a.edi", b"second")]);
    desk.close().await;
    Ok(())
}

/// Lost without it: the partner's only copy of a document that we do not have.
#[tokio::test]
async fn what_is_not_durable_stays_where_it_is() -> Result<()> {
    let sshd = Sshd::start().await?;
    let desk = Desk::before(&sshd, json!({})).await?;
    sshd.put("out/a", b"1")?;
    desk.documents.fails.store(true, Ordering::Relaxed);
    ensure!(desk.run_later().await.is_err() && sshd.names("out")? == ["a"]);
    desk.documents.fails.store(false, Ordering::Relaxed);
    ensure!(desk.run().await?.new == 1 && sshd.names("out")?.is_empty());
    desk.close().await;
    Ok(())
}

/// Lost without it: a document twice, where it could not be deleted or a worker died before that.
#[tokio::test]
async fn what_could_not_be_deleted_is_no_second_document() -> Result<()> {
    let sshd = Sshd::start().await?;
    let desk = Desk::before(&sshd, json!({})).await?;
    sshd.put("out/a", b"1")?;
    let (out, mode) = (sshd.home().join("out"), |mode| fs::Permissions::from_mode(mode));
    fs::set_permissions(&out, mode(0o500))?;
    let report = desk.run_later().await?;
    let expected = (Some("a".to_owned()), "cannot delete the file: permission denied".into());
    ensure!(report.failures == [expected], "{report:?}");
    // It is left alone for a while.
    ensure!(desk.run().await?.failing == 1);
    fs::set_permissions(&out, mode(0o700))?;
    desk.clock.by(1.0);
    let report = desk.run().await?;
    ensure!((report.new, report.known) == (0, 1) && sshd.names("out")?.is_empty(), "{report:?}");
    ensure!(desk.documents().len() == 1);
    // The same name and content at another time is another document.
    sshd.put("out/a", b"1")?;
    let file = fs::File::options().write(true).open(out.join("a"))?;
    file.set_modified(SystemTime::now() - Duration::from_secs(3_600))?;
    ensure!(desk.run_later().await?.new == 1 && desk.documents().len() == 2);
    desk.close().await;
    Ok(())
}

/// Lost without it: a partner has us read files of its server that it may not read itself, or ours.
#[tokio::test]
async fn links_and_names_that_lead_elsewhere_are_not_followed() -> Result<()> {
    let sshd = Sshd::start().await?;
    let desk = Desk::before(&sshd, json!({})).await?;
    let out = sshd.home().join("out");
    symlink("/etc/passwd", out.join("link"))?;
    sshd.put("out/folder/", b"")?;
    sshd.put("out/plain", b"1")?;
    let report = desk.run_later().await?;
    ensure!((report.new, report.ignored) == (1, 2), "{report:?}");
    ensure!(sshd.names("out")? == ["folder", "link"]);
    // A file that becomes a link between the listing and the reading.
    sshd.put("out/late", b"1")?;
    desk.run().await?;
    fs::remove_file(out.join("late"))?;
    symlink("/etc/passwd", out.join("late"))?;
    desk.wait();
    ensure!(desk.run().await?.new == 0);
    ensure!(desk.documents() == [document("plain", b"1")]);
    desk.close().await;

    let listing = vec![
        (&b".."[..], 0o100_644, 1),
        (b".", 0o100_644, 1),
        (b"../up", 0o100_644, 1),
        (b"/etc/passwd", 0o100_644, 1),
        (b"a\\b", 0o100_644, 1),
        (b"a\nb", 0o100_644, 1),
        (b"", 0o100_644, 1),
        (b"\xff\xfe", 0o100_644, 1),
        (b"link", 0o120_777, 1),
        (b"pipe", 0o010_644, 1),
        (b"out/good", 0o100_644, 4),
        (b"good", 0o100_644, 4),
    ];
    let odd = OddSftp::start(Manners { listing, ..Manners::default() }).await?;
    odd.put("out/good", b"good");
    let desk = Desk::open(odd.parameters()?, json!({})).await?;
    let report = desk.run_later().await?;
    ensure!((report.new, report.ignored) == (1, 9), "{report:?}");
    ensure!(desk.documents() == [document("good", b"good")] && odd.files().is_empty());
    desk.close().await;
    Ok(())
}

#[tokio::test]
async fn a_listing_without_end_and_a_file_too_large_are_bounded() -> Result<()> {
    let listing = vec![(&b"large"[..], 0o100_644, 1 << 40), (b"gone", 0o100_644, 4)];
    let odd = OddSftp::start(Manners { listing, endless: true, ..Manners::default() }).await?;
    let desk = Desk::open(odd.parameters()?, json!({})).await?;
    let report = desk.run_later().await?;
    // Those that are listed again and again were one, and it is not there.
    ensure!(report.new == 0 && !report.failures.is_empty(), "{report:?}");
    ensure!(report.failures.iter().all(|(_, reason)| reason == "the file is larger than 1000000 bytes"), "{report:?}");
    desk.close().await;
    Ok(())
}

/// Lost without it: a directory where files of others pile up, and ours is never seen.
#[tokio::test]
async fn what_is_wanted_is_found_among_many_others() -> Result<()> {
    let sshd = Sshd::start().await?;
    let desk = Desk::before(&sshd, json!({"pattern": "*.edi"})).await?;
    let out = sshd.home().join("out");
    for number in 0..MAX_FILES + 500 {
        fs::write(out.join(format!("{number}.txt")), b"1")?;
    }
    sshd.put("out/zzz.edi", b"1")?;
    let report = desk.run_later().await?;
    ensure!(report.new == 1 && report.failures.is_empty(), "{report:?}");
    desk.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_worker_looks_at_a_time() -> Result<()> {
    let sshd = Sshd::start().await?;
    let desk = Desk::before(&sshd, json!({})).await?;
    for number in 0..5 {
        sshd.put(&format!("out/{number}"), &body(number + 1))?;
    }
    desk.run().await?;
    desk.wait();
    let deadline = Deadline::after(Duration::from_secs(600));
    let scope = scope()?;
    let look = || desk.pickup.run(&scope, &desk.partner, deadline);
    let (one, two, three) = tokio::join!(look(), look(), look());
    let reports: Vec<PickupReport> = [one?, two?, three?].into_iter().flatten().collect();
    ensure!(reports.iter().map(|report| report.new).sum::<usize>() == 5, "{reports:?}");
    ensure!(reports.iter().all(|report| report.known == 0) && desk.documents().len() == 5, "{reports:?}");
    desk.close().await;
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_down_and_a_partner_that_is_inactive_cost_nothing() -> Result<()> {
    let sshd = Sshd::start().await?;
    let mut desk = Desk::open(sshd.parameters()?, json!({"directory": "missing"})).await?;
    let report = desk.run().await?;
    let expected = (None, "cannot open the directory: there is no such file or directory".into());
    ensure!(report.failures == [expected], "{report:?}");
    let address = sshd.address;
    drop(sshd);
    // Its task ends, and its socket with it.
    eventually("nobody listens", SOON, async || Ok(TcpStream::connect(address).await.is_err().then_some(()))).await?;
    let report = desk.run().await?;
    ensure!(report.failures == [(None, "connection refused".into())], "{report:?}");
    desk.partner.profile.status = sluice::domain::partner::Activity::Inactive;
    let deadline = Deadline::after(Duration::from_secs(600));
    ensure!(desk.pickup.run(&scope()?, &desk.partner, deadline).await?.is_none());
    desk.close().await;
    Ok(())
}
