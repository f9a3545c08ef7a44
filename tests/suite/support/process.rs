//! The real binary as a child process.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use sluice_local::provision::LocalCredentials;

/// How long a start may take.
const START: Duration = Duration::from_secs(60);

/// The binaries, as the sources are now. They are built once, and copied: another build may replace the originals.
struct Binaries {
    sluice: PathBuf,
    bench: PathBuf,
}

/// The binary `sluice`.
///
/// # Panics
/// Where it cannot be built.
pub(crate) async fn binary() -> &'static Path {
    &binaries().await.sluice
}

/// The binary `sluice-bench`.
///
/// # Panics
/// Where it cannot be built.
pub(crate) async fn bench() -> &'static Path {
    &binaries().await.bench
}

async fn binaries() -> &'static Binaries {
    static BINARIES: OnceLock<Binaries> = OnceLock::new();
    let built = tokio::task::spawn_blocking(|| BINARIES.get_or_init(|| build().expect("the binaries are built")));
    built.await.expect("no panic")
}

fn build() -> Result<Binaries> {
    let mut cargo = Command::new(env!("CARGO"));
    // Named with all the tests, it has the same features as in their build, and shares its libraries.
    cargo.args(["build", "--quiet", "--workspace", "--bins", "--tests", "--message-format", "json"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "cargo build failed");
    let messages = String::from_utf8(output.stdout)?;
    let messages: Vec<serde_json::Value> =
        messages.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Ok(Binaries { sluice: copy(&messages, "sluice")?, bench: copy(&messages, "sluice-bench")? })
}

/// Copies the program of that name that cargo speaks of.
fn copy(messages: &[serde_json::Value], name: &str) -> Result<PathBuf> {
    let program = |message: &&serde_json::Value| {
        message["target"]["name"] == name
            && message["target"]["kind"][0] == "bin"
            && message["profile"]["test"] == false
    };
    let mut executable = messages.iter().filter(program).filter_map(|message| message["executable"].as_str());
    let executable = executable.next_back().context("cargo named no executable")?;
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-under-test"));
    // A new file, never over the old one, which may be running.
    let draft = copy.with_extension(std::process::id().to_string());
    fs::copy(executable, &draft)?;
    fs::rename(&draft, &copy)?;
    Ok(copy)
}

/// A running `sluice serve`; it is killed when dropped.
pub(crate) struct Serve {
    child: Child,
    pub(crate) credentials: LocalCredentials,
}

impl Serve {
    /// Starts over `folder`, and waits until it says that it listens.
    pub(crate) async fn start(folder: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        let command = Command::new(binary().await);
        Self::start_with(command, (folder, settings), "error", Stdio::inherit(), |_| {}).await
    }

    /// The same as a process that may open so many files and connections.
    pub(crate) async fn start_limited(folder: &Path, settings: &[(&str, &str)], descriptors: usize) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"")]).arg(binary().await);
        Self::start_with(command, (folder, settings), "error", Stdio::inherit(), |_| {}).await
    }

    /// The same at the finest level of logs, with all that it says in the file `said`.
    pub(crate) async fn start_talking(folder: &Path, settings: &[(&str, &str)], said: &Path) -> Result<Self> {
        let errors = File::create(said)?;
        let mut lines = errors.try_clone()?;
        // The file is for a test, which will miss a line that was not written.
        let note = move |line: &str| drop(writeln!(lines, "{line}"));
        Self::start_with(Command::new(binary().await), (folder, settings), "trace", errors.into(), note).await
    }

    async fn start_with(
        mut command: Command,
        (folder, settings): (&Path, &[(&str, &str)]),
        level: &str,
        errors: Stdio,
        note: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder);
        command.env("SLUICE_LOG", level).stderr(errors);
        Self::begin(command, settings, note, |_| folder.to_owned()).await
    }

    /// Starts over an empty file system of its own at `folder`, of so many megabytes, which is reached through
    /// [`Serve::reach`]. `None`: this machine does not let an ordinary user make one.
    pub(crate) async fn start_on_small_disk(
        folder: &Path,
        megabytes: u32,
        settings: &[(&str, &str)],
    ) -> Result<Option<Self>> {
        let mount = format!("mount -t tmpfs -o mode=700,size={megabytes}m tmpfs \"$1\"");
        let alone = |script: &str| {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
            command
        };
        let tried = alone(&mount).arg("sh").arg(folder).stderr(Stdio::null()).status();
        if !tried.is_ok_and(|status| status.success()) {
            return Ok(None);
        }
        let script = format!("{mount} && exec \"$0\" serve --listen 127.0.0.1:0 --data \"$1\"");
        let mut command = alone(&script);
        command.arg(binary().await).arg(folder).env("SLUICE_LOG", "off");
        Self::begin(command, settings, |_| {}, |child| reach(child, folder)).await.map(Some)
    }

    /// A path as the process sees it.
    pub(crate) fn reach(&self, path: &Path) -> PathBuf {
        reach(self.id(), path)
    }

    async fn begin(
        mut command: Command,
        settings: &[(&str, &str)],
        mut note: impl FnMut(&str) + Send + 'static,
        folder: impl FnOnce(u32) -> PathBuf,
    ) -> Result<Self> {
        command.envs(settings.iter().copied()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let output = child.stdout.take().context("no output")?;
        let (said, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                note(&line);
                // Nobody listens after the first lines.
                let _ = said.send(line);
            }
        });
        let listens = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            while let Ok(line) = lines.recv_timeout(START.saturating_sub(begun.elapsed())) {
                if line.starts_with("Sluice is listening on http://") {
                    return true;
                }
            }
            false
        });
        if !listens.await? {
            let _ = child.kill();
            bail!("it did not start: {:?}", child.wait()?);
        }
        let credentials = serde_json::from_slice(&fs::read(folder(child.id()).join("credentials.json"))?)?;
        Ok(Self { child, credentials })
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end by that signal; gives the exit code.
    pub(crate) async fn signal(mut self, name: &str) -> Result<Option<i32>> {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status()?;
        ensure!(sent.success(), "the signal was not sent");
        super::eventually("the process ends", super::SOON, async || {
            Ok(self.child.try_wait()?.map(|status| status.code()))
        })
        .await
    }
}

/// A path as a process sees it.
fn reach(process: u32, path: &Path) -> PathBuf {
    let root = Path::new("/proc").join(process.to_string()).join("root");
    root.join(path.strip_prefix("/").unwrap_or(path))
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the binary to its end.
pub(crate) async fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Result<Output> {
    let mut command = Command::new(binary().await);
    command.args(arguments).envs(settings.iter().copied()).stdin(Stdio::null());
    Ok(tokio::task::spawn_blocking(move || command.output()).await??)
}
