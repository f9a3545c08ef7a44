//! A partner: another program, installed below `target/tools`, that answers commands, one JSON a line.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use sluice_as2::keys::generate;
use sluice_as2::receipt::{Disposition, Receipt};
use sluice_as2::{As2Name, Cipher, Digest, Envelope, Headers, Identity, Policy, Received};

pub(crate) const AT: &str = "2026-11-27T10:00:00Z";

/// The scripts and lists of packages.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop")
}

fn tools() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target folder");
    let tools = target.join("tools");
    fs::create_dir_all(&tools).expect("target/tools");
    tools
}

/// Runs a set-up unless it was done with the same list before. Other test processes wait at the lock meanwhile.
pub(crate) fn installed(folder: &str, list: &str, set_up: impl FnOnce(&Path)) -> PathBuf {
    let home = tools().join(folder);
    let wanted = fs::read_to_string(scripts().join(list)).expect("the list of packages");
    let lock = fs::OpenOptions::new().create(true).append(true).open(home.with_extension("lock")).expect("a lock");
    lock.lock().expect("the lock");
    // Written last, so that an installation that was cut off is done anew.
    let done = home.join("installed.txt");
    if fs::read_to_string(&done).ok().as_ref() != Some(&wanted) {
        set_up(&home);
        fs::write(done, wanted).expect("the mark");
    }
    home
}

pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
}

/// The partner's process. It ends when its standard input does.
pub(crate) struct Partner {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Partner {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the partner starts");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        Self { input: child.stdin.take(), child, output }
    }

    pub(crate) fn ask(&mut self, command: &Value) -> Value {
        let input = self.input.as_mut().expect("its input");
        writeln!(input, "{command}").expect("the partner listens");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the partner answers");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{command} was answered with {line:?}"))
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// Our key and the partner's: the first and the second of two, made once.
pub(crate) fn identities() -> &'static [Identity; 2] {
    static IDENTITIES: OnceLock<[Identity; 2]> = OnceLock::new();
    let (from, until) = ("2020-01-01T00:00:00Z", "2049-01-01T00:00:00Z");
    let date = |text: &str| text.parse().expect("a date");
    let make = |name| generate(name, date(from), date(until)).expect("a key");
    IDENTITIES.get_or_init(|| [make("Sluice"), make("Partner & Söhne")])
}

/// A key and its certificate in one text.
pub(crate) fn key_file(identity: &Identity) -> String {
    format!("{}{}", *identity.private_key_pem(), identity.certificate().to_pem())
}

/// The names of both.
pub(crate) struct Names {
    pub(crate) ours: As2Name,
    pub(crate) theirs: As2Name,
}

pub(crate) fn names(ours: &str, theirs: &str) -> Names {
    let name = |text| As2Name::new(text).expect("a name");
    Names { ours: name(ours), theirs: name(theirs) }
}

pub(crate) fn plain_names() -> Names {
    names("sluice", "partner")
}

/// The headers and the body of a message in a file.
pub(crate) fn split(path: &Path) -> (Headers, Vec<u8>) {
    let raw = fs::read(path).expect("the message");
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of the headers");
    let text = String::from_utf8(raw[..end].to_vec()).expect("headers");
    // As an HTTP server would join them.
    let text = text.replace("\r\n ", " ").replace("\r\n\t", " ");
    let headers = text.lines().filter_map(|line| line.split_once(": ")).collect();
    (headers, raw[end + 4..].to_vec())
}

pub(crate) fn join(headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut raw: Vec<u8> =
        headers.iter().flat_map(|(name, value)| format!("{name}: {value}\r\n").into_bytes()).collect();
    raw.extend_from_slice(b"\r\n");
    raw.extend_from_slice(body);
    raw
}

pub(crate) fn everything() -> Policy {
    Policy {
        require_signed: false,
        require_encrypted: false,
        digests: Digest::ALL.to_vec(),
        ciphers: Cipher::ALL.to_vec(),
    }
}

pub(crate) fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_owned();
    (folder, path)
}

/// Our receipt for a message of the partner's, in a file.
pub(crate) fn write_receipt(folder: &Path, names: &Names, envelope: &Envelope, received: &Received) {
    let asked = envelope.receipt.as_ref().expect("it asks for a receipt");
    let receipt = Receipt {
        from: &names.ours,
        to: &names.theirs,
        message_id: "<two@sluice.example>",
        at: AT.parse().expect("a time"),
        original_message_id: &envelope.message_id,
        disposition: &Disposition::Processed,
        mic: Some(&received.mic),
        text: "The document was received.",
        reporting_agent: "sluice.example; Sluice",
        sign: Some((asked.signing_digest(), &identities()[0])),
    };
    let built = receipt.build().expect("a receipt");
    fs::write(folder.join("receipt"), join(&built.headers, &built.body)).expect("a file");
}
