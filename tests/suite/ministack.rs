//! `ministack`, an independent emulator of AWS, as the second opinion: one process for the whole run.
//!
//! It is installed once into `target/tools/venv`, listens on a free loopback port, and dies with this
//! process however that ends: it watches its standard input, whose other end only we hold.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

const START_LIMIT: Duration = Duration::from_secs(90);
/// Its first word once it listens.
const READY: &str = "Running on http://";

/// Runs ministack in a session of its own, with everything it starts, until standard input ends.
const WRAPPER: &str = r#"
import os, runpy, signal, sys, threading

os.setsid()
os.dup2(1, 2)

def watch(parent):
    while os.read(parent, 4096):
        pass
    os.killpg(0, signal.SIGKILL)

parent = os.dup(0)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
threading.Thread(target=watch, args=(parent,), daemon=True).start()
sys.argv = ["ministack"]
runpy.run_module("ministack", run_name="__main__")
"#;

struct Running {
    endpoint: String,
    /// Holds the pipe that keeps the process alive.
    _child: Mutex<Child>,
}

/// The endpoint of the shared ministack; the first caller installs and starts it.
///
/// # Panics
/// When it cannot be installed or started: without the second opinion the test has not passed.
pub(crate) async fn endpoint() -> String {
    static RUNNING: OnceLock<Result<Running, String>> = OnceLock::new();
    let start = || RUNNING.get_or_init(|| start().map_err(|error| format!("{error:#}")));
    match tokio::task::spawn_blocking(start).await.expect("the starter does not panic") {
        Ok(running) => running.endpoint.clone(),
        Err(error) => panic!("ministack is needed by this test: {error}"),
    }
}

fn start() -> Result<Running> {
    let tools = tools()?;
    let python = install(&tools)?.join("python");
    // Another process may take the free port before ministack does.
    let mut last = None;
    for _ in 0..3 {
        match launch(&tools, &python) {
            Ok(running) => return Ok(running),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| anyhow::anyhow!("it was not started")))
}

/// `target/tools`, wherever the target folder is.
pub(crate) fn tools() -> Result<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().context("no target folder")?;
    let tools = target.join("tools");
    fs::create_dir_all(&tools)?;
    Ok(tools)
}

/// The `bin` of the virtual environment with everything in `infra/requirements.txt`: `python`, `sam`, ministack.
///
/// Installs once; other test processes wait at the lock meanwhile.
pub(crate) fn install(tools: &Path) -> Result<PathBuf> {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/requirements.txt");
    let wanted = fs::read_to_string(&requirements)?;
    let lock = File::create(tools.join("venv.lock"))?;
    lock.lock().context("the lock of the virtual environment")?;
    let venv = tools.join("venv");
    // Written last, so that an installation that was cut off is done anew.
    let done = venv.join("installed.txt");
    if fs::read_to_string(&done).ok().as_deref() != Some(&wanted) {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        run(Command::new(venv.join("bin/python")).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&requirements))?;
        fs::write(done, wanted)?;
    }
    Ok(venv.join("bin"))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("{} cannot be run: is it installed?", command.get_program().display()))?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {text}");
    Ok(())
}

fn launch(tools: &Path, python: &Path) -> Result<Running> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let endpoint = format!("http://127.0.0.1:{port}");
    let mut child = Command::new(python)
        .args(["-u", "-c", WRAPPER])
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port.to_string())
        // What it runs (Lambdas) is to call it back, not AWS.
        .env("AWS_ENDPOINT_URL", &endpoint)
        // A Lambda may do what the policies of its role allow; whoever calls as `test` is the account's owner.
        .env("AUTH", "true")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env_remove("AWS_SESSION_TOKEN")
        .env("IOT_MTLS_ENABLED", "0")
        .env("TMPDIR", tools)
        .current_dir(tools)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .context("the virtual environment's python cannot be run")?;
    let output = child.stdout.take().context("no standard output")?;
    let mut log = File::create(tools.join(format!("ministack-{port}.log")))?;
    let (ready, is_ready) = mpsc::channel();
    // Goes on for the whole run: a full pipe would stop the server.
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if line.contains(READY) {
                // Said twice; by the second time nobody listens.
                let _ = ready.send(());
            }
            if writeln!(log, "{line}").is_err() {
                return;
            }
        }
    });
    if is_ready.recv_timeout(START_LIMIT).is_err() {
        let _ = child.kill();
        let _ = child.wait();
        bail!("it did not start: see {}/ministack-{port}.log", tools.display());
    }
    Ok(Running { endpoint, _child: Mutex::new(child) })
}
