//! Trying a server step by step, to show which one fails.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::access::SftpAccess;
use super::client::{SftpClient, Unverified};
use super::failure::Failure;

/// A step of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Opening a TCP connection.
    Connect,
    /// Comparing the host key with those that are pinned.
    HostKey,
    /// Proving who we are.
    Authenticate,
    /// Listing the directories that are used.
    List,
}

const STEPS: [Step; 4] = [Step::Connect, Step::HostKey, Step::Authenticate, Step::List];

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepReport {
    /// Which one.
    pub step: Step,
    /// Whether it went well.
    pub ok: bool,
    /// In words.
    pub message: String,
    /// How long it took.
    pub duration: Duration,
}

/// What became of a test: its steps up to the first that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// The steps.
    pub steps: Vec<StepReport>,
    /// The fingerprint of the host key that the server showed. It is not pinned by being seen.
    pub fingerprint: Option<String>,
}

impl Probe {
    /// Whether every step went well.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.steps.iter().all(|step| step.ok)
    }

    fn add(&mut self, step: Step, begun: Instant, outcome: Result<String, Failure>) {
        let ok = outcome.is_ok();
        let message = outcome.unwrap_or_else(|failure| failure.reason.into_owned());
        self.steps.push(StepReport { step, ok, message, duration: begun.elapsed() });
    }
}

impl SftpClient {
    /// Connects to a server and lists `directories`, changing nothing there. It takes six times the limit of a step at
    /// most.
    pub async fn probe(&self, access: &SftpAccess, directories: &[&str], most: usize) -> Probe {
        let mut probe = Probe::default();
        let (begun, longest) = (Instant::now(), 6 * self.timeout);
        // The step that fails ends the test, and is in the report.
        if timeout(longest, self.steps(&mut probe, access, directories, most)).await.is_err() {
            let step = STEPS[probe.steps.len().min(STEPS.len() - 1)];
            probe.add(step, begun, Err(Failure::timeout()));
        }
        probe
    }

    async fn steps(&self, probe: &mut Probe, access: &SftpAccess, directories: &[&str], most: usize) -> Option<()> {
        let begun = Instant::now();
        let stream = self.dial(access).await;
        let stream = probe.take(Step::Connect, begun, stream, |_| format!("Connected to {}.", access.label()))?;

        let begun = Instant::now();
        let verified = self.verify(access, stream).await.map_err(|unverified| {
            let Unverified::NotPinned(key) = unverified else { return unverified.into() };
            probe.fingerprint = Some(key.fingerprint.clone());
            if access.pinned.is_empty() {
                let fingerprint = &key.fingerprint;
                return Failure::new(format!(
                    "no host key is pinned; the server showed {fingerprint}: compare it with what the partner says, \
                     and pin it"
                ));
            }
            Unverified::NotPinned(key).into()
        });
        let shown = |fingerprint: &str| format!("The server showed {fingerprint}, which is pinned.");
        let mut verified = probe.take(Step::HostKey, begun, verified, |verified| shown(&verified.key.fingerprint))?;
        probe.fingerprint = Some(verified.key.fingerprint.clone());

        let begun = Instant::now();
        let authenticated = self.authenticate(access, &mut verified).await;
        probe.take(Step::Authenticate, begun, authenticated, |()| format!("Logged in as {}.", access.username))?;

        let begun = Instant::now();
        let listed = async {
            let (mut connection, mut found) = (self.begin(verified).await?, Vec::new());
            for directory in directories {
                let listing = connection.list(directory, most, |_| true).await?;
                let more = if listing.cut { " or more" } else { "" };
                found.push(format!("{directory} has {}{more} files", listing.files.len()));
            }
            connection.close().await;
            Ok(found.join(", "))
        };
        let listed = listed.await;
        probe.take(Step::List, begun, listed, |found| format!("{found}."))?;
        Some(())
    }
}

impl Probe {
    /// Notes a step, and gives what it made.
    fn take<T>(
        &mut self,
        step: Step,
        begun: Instant,
        outcome: Result<T, Failure>,
        message: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        match outcome {
            Ok(made) => {
                self.add(step, begun, Ok(message(&made)));
                Some(made)
            }
            Err(failure) => {
                self.add(step, begun, Err(failure));
                None
            }
        }
    }
}
