//! A test of a partner, now: a small message is sent, and its server's directories are listed. Each step's outcome is
//! shown, and nothing is kept.

use std::time::Duration;

use sluice_as2::Headers;
use tokio::time::Instant;

use super::receipts::ReceiptSender;
use super::sealing::SealError;
use super::terms::{Carrier, Terms};
use super::{DocumentError, DocumentParts, Unready, stored};
use crate::domain::document::{Document, DocumentFacts, ID_PREFIX, Message};
use crate::domain::partner::{Mdn, Partner, Sftp};
use crate::domain::scope::Scope;
use crate::domain::sealed::Sealed;
use crate::domain::transaction::Direction;
use crate::engine::EngineError;
use crate::outbound::{
    Answer, Posting, Probe, SftpAccess, SftpClient, Step as SftpStep, StepReport, check_url, of_status,
};

/// The document of a test.
const TEXT: &[u8] = b"This is a test of the connection. Nothing is to be done with it.\r\n";

/// The longest that a partner's answer is waited for: whoever asked for the test waits too.
const LONGEST_REQUEST: Duration = Duration::from_secs(20);
/// The SFTP server's time for each step.
const SFTP_STEP: Duration = Duration::from_secs(4);
/// Entries of a directory that are counted.
const MAX_ENTRIES: usize = 1_000;

/// How a test went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// In their order; the last one is the first that failed.
    pub steps: Vec<Step>,
    /// The host key that the SFTP server showed. It is not pinned by being seen.
    pub host_key_fingerprint: Option<String>,
}

/// A step of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was done: `configuration`, `message`, `request`, `mdn`; `connect`, `host_key`, `authenticate`, `list`.
    pub name: &'static str,
    /// Whether it succeeded.
    pub ok: bool,
    /// What was found, or why it failed.
    pub message: String,
    /// How long it took.
    pub took: Duration,
}

impl From<StepReport> for Step {
    fn from(StepReport { step, ok, message, duration }: StepReport) -> Self {
        let name = match step {
            SftpStep::Connect => "connect",
            SftpStep::HostKey => "host_key",
            SftpStep::Authenticate => "authenticate",
            SftpStep::List => "list",
        };
        Self { name, ok, message, took: duration }
    }
}

/// Tests partners.
#[derive(Clone)]
pub struct PartnerTrial {
    pub(crate) sender: ReceiptSender,
}

/// The steps so far, and when the next one began.
struct Steps {
    steps: Vec<Step>,
    begun: Instant,
}

impl Steps {
    fn add<T, E: ToString>(&mut self, name: &'static str, result: Result<T, E>) -> Option<T> {
        let now = Instant::now();
        let (done, message) = match result {
            Ok(done) => (Some(done), String::new()),
            Err(error) => (None, error.to_string()),
        };
        self.steps.push(Step { name, ok: done.is_some(), message, took: now - self.begun });
        self.begun = now;
        done
    }
}

impl PartnerTrial {
    /// Tries a partner's transport.
    ///
    /// # Errors
    /// [`DocumentError::NotFound`], and our own side's.
    pub async fn run(&self, scope: &Scope, partner: &str) -> Result<Trial, DocumentError> {
        let mut steps = Steps { steps: Vec::new(), begun: Instant::now() };
        let parts = &self.sender.parts;
        let partner = parts.partners.get(scope, partner).await?.ok_or(DocumentError::NotFound)?;
        let carrier = parts.carrier(scope, partner.clone()).await?;
        let server = match steps.add("configuration", carrier) {
            Some(Carrier::As2(terms)) => {
                self.send(scope, (&partner, *terms), &mut steps).await?;
                None
            }
            Some(Carrier::Sftp(sftp)) => match SftpAccess::open(&parts.vault, scope, &sftp) {
                Ok(access) => Some(self.list(&access, &sftp).await),
                Err(error) => {
                    steps.add::<(), _>("authenticate", Err(error));
                    None
                }
            },
            None => None,
        };
        let (found, host_key_fingerprint) = server.map(|probe| (probe.steps, probe.fingerprint)).unwrap_or_default();
        steps.steps.extend(found.into_iter().map(Step::from));
        Ok(Trial { steps: steps.steps, host_key_fingerprint })
    }

    /// Connects to a partner's server step by step, and lists the directories that are used. Nothing is changed there.
    async fn list(&self, access: &SftpAccess, sftp: &Sftp<Sealed>) -> Probe {
        let mut directories = vec![sftp.outbound.directory.as_str()];
        if let Some(inbound) = &sftp.inbound {
            directories.extend([Some(inbound.directory.as_str()), inbound.move_to.as_deref()].into_iter().flatten());
        }
        SftpClient::new(self.sender.reach, SFTP_STEP).probe(access, &directories, MAX_ENTRIES).await
    }

    /// Sends a partner a test message, and reads its receipt.
    async fn send(
        &self,
        scope: &Scope,
        (partner, mut terms): (&Partner, Terms),
        steps: &mut Steps,
    ) -> Result<(), DocumentError> {
        let parts = &self.sender.parts;
        if terms.as2.mdn == Mdn::Async {
            // Somebody waits for the outcome.
            terms.as2.mdn = Mdn::Sync;
        }
        let document = self.document(partner);
        let id = format!("<{}@sluice>", parts.ports.unique("test"));
        let built = match parts.build(scope, &terms, (&document, TEXT.to_vec()), &id).await {
            Err(SealError::Store(error)) => return Err(error.into()),
            Err(SealError::Unready(unready)) => Err(unready),
            Ok(built) => Ok(built),
        };
        let Some((encoded, mic)) = steps.add("message", built) else { return Ok(()) };
        let posting = self.posting(scope, &terms, encoded)?;
        let answer = match posting {
            Ok(posting) => {
                let longest = self.sender.timeout.min(LONGEST_REQUEST);
                self.sender.client.post(posting, Instant::now() + longest).await
            }
            Err(unready) => {
                steps.add::<(), _>("request", Err(unready));
                return Ok(());
            }
        };
        let answer = answer.map_err(str::to_owned).and_then(|answer| match answer.status.is_success() {
            true => Ok(answer),
            false => Err(of_status(answer.status).into_owned()),
        });
        let Some(answer) = steps.add("request", answer) else { return Ok(()) };
        if terms.as2.mdn != Mdn::None {
            let judged = judge(parts, (partner, &terms), (id, mic), answer).await?;
            steps.add("mdn", judged);
        }
        Ok(())
    }

    fn document(&self, partner: &Partner) -> Document {
        let (ports, size) = (&self.sender.parts.ports, TEXT.len() as u64);
        let facts = DocumentFacts {
            content_type: "text/plain".to_owned(),
            file_name: Some("test.txt".to_owned()),
            ..DocumentFacts::default()
        };
        Document {
            id: ports.unique(ID_PREFIX),
            partner_id: partner.id.clone(),
            route: String::new(),
            direction: Direction::Outbound,
            facts,
            size,
            sha256: String::new(),
            base_url: None,
            message: None,
            receipt: None,
            again: false,
            told: false,
            acknowledgments: Vec::new(),
            created_at: ports.now(),
            updated_at: ports.now(),
            revision: 1,
        }
    }

    fn posting(&self, scope: &Scope, terms: &Terms, encoded: Vec<u8>) -> Result<Result<Posting, Unready>, EngineError> {
        let authorization = self.sender.parts.authorization(scope, terms)?;
        let url = check_url(&terms.as2.url, self.sender.reach);
        let url = url.map_err(|error| Unready::Unusable(error.to_string()));
        let both = url.and_then(|url| Ok((url, self.sender.parts.tls(scope, terms)?)));
        let posting = both.map(|(url, tls)| stored::posting(encoded, url, (authorization, tls)));
        posting.map_or_else(|unready| Ok(Err(unready)), |posting| Ok(Ok(posting?)))
    }
}

async fn judge(
    parts: &DocumentParts,
    (partner, terms): (&Partner, &Terms),
    (id, mic): (String, String),
    answer: Answer,
) -> Result<Result<(), String>, EngineError> {
    let message = Message {
        id,
        mic,
        key: None,
        mdn: terms.as2.mdn,
        mdn_signed: terms.as2.mdn_signed,
        mdn_timeout_minutes: 0,
        waits_until: None,
    };
    let headers: Headers = answer.headers.into_iter().collect();
    let judgment = parts.judge(partner, &message, (headers, answer.body)).await?;
    Ok(if judgment.conclusive && judgment.positive { Ok(()) } else { Err(judgment.reason) })
}
