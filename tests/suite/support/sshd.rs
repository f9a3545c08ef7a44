//! A real OpenSSH server on loopback: one `sshd -i` for each connection, with keys of its own.
//!
//! It logs its own user in, by key alone: passwords need a server that runs as root. Where no server is installed, the
//! distribution's package is unpacked below `target/tools`.

use std::fs;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::ministack::tools;

/// The program and the libraries that its package needs, some of them on some releases only.
const PACKAGES: [&str; 4] = ["openssh-server", "libwrap0", "libnsl2", "libtirpc3"];
/// The user whom root runs it as: it must not run as root itself, where it needs more of the machine.
const OTHER_USER: &str = "games";

/// A key pair of `ssh-keygen`, made once a process.
#[derive(Clone, Debug)]
pub(crate) struct KeyPair {
    pub(crate) private: String,
    pub(crate) public: String,
    pub(crate) fingerprint: String,
}

/// The keys of the tests.
pub(crate) struct Keys {
    pub(crate) client: KeyPair,
    pub(crate) rsa_client: KeyPair,
    pub(crate) hosts: [KeyPair; 2],
    pub(crate) rsa_host: KeyPair,
}

/// The keys of the tests.
pub(crate) fn keys() -> Result<&'static Keys> {
    static KEYS: OnceLock<Result<Keys, String>> = OnceLock::new();
    let made = KEYS.get_or_init(|| make_keys().map_err(|error| format!("{error:#}")));
    made.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
}

fn make_keys() -> Result<Keys> {
    let folder = tempfile::tempdir()?;
    let make = |name: &str, arguments: &[&str]| {
        let path = folder.path().join(name);
        run(Command::new("ssh-keygen").args(["-q", "-N", "", "-C", "test"]).args(arguments).arg("-f").arg(&path))?;
        let shown = run(Command::new("ssh-keygen").args(["-l", "-E", "sha256", "-f"]).arg(&path))?;
        let fingerprint = shown.split_whitespace().nth(1).context("a fingerprint")?.to_owned();
        let public = fs::read_to_string(path.with_extension("pub"))?;
        anyhow::Ok(KeyPair { private: fs::read_to_string(&path)?, public, fingerprint })
    };
    let (ed25519, rsa) = (["-t", "ed25519"], ["-t", "rsa", "-b", "2048"]);
    Ok(Keys {
        client: make("client", &ed25519)?,
        rsa_client: make("rsa_client", &rsa)?,
        hosts: [make("host", &ed25519)?, make("other_host", &ed25519)?],
        rsa_host: make("rsa_host", &rsa)?,
    })
}

fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("{name} cannot be run: is it installed?"))?;
    ensure!(output.status.success(), "{name} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The server's program.
#[derive(Clone, Debug)]
struct Program {
    path: PathBuf,
    /// Where its libraries are, if it was unpacked.
    libraries: String,
}

fn program() -> Result<&'static Program> {
    static PROGRAM: OnceLock<Result<Program, String>> = OnceLock::new();
    let found = PROGRAM.get_or_init(|| find().map_err(|error| format!("{error:#}")));
    found.as_ref().map_err(|error| anyhow::anyhow!("these tests need OpenSSH's server: {error}"))
}

fn find() -> Result<Program> {
    let installed = Path::new("/usr/sbin/sshd");
    if installed.exists() {
        return Ok(Program { path: installed.to_owned(), libraries: String::new() });
    }
    let tools = tools()?;
    let lock = fs::File::create(tools.join("openssh.lock"))?;
    lock.lock().context("the lock of the server's folder")?;
    let (folder, done) = (tools.join("openssh"), tools.join("openssh/done"));
    if !done.exists() {
        unpack(&folder)?;
        fs::write(done, "")?;
    }
    let libraries = run(Command::new("find").arg(&folder).args(["-name", "*.so.*", "-printf", "%h\\n"]))?;
    let libraries: Vec<&str> = libraries.lines().collect();
    Ok(Program { path: folder.join("usr/sbin/sshd"), libraries: libraries.join(":") })
}

fn unpack(folder: &Path) -> Result<()> {
    let packages = folder.join("packages");
    fs::create_dir_all(&packages)?;
    for package in PACKAGES {
        let downloaded = run(Command::new("apt-get").args(["download", "-qq", package]).current_dir(&packages));
        // A library that this release does not have is not needed there.
        ensure!(downloaded.is_ok() || package != PACKAGES[0], "{downloaded:?}");
    }
    for entry in fs::read_dir(&packages)? {
        run(Command::new("dpkg").arg("-x").arg(entry?.path()).arg(folder))?;
    }
    Ok(())
}

/// A user of the machine.
#[derive(Clone, Debug)]
struct User {
    name: String,
    uid: u32,
    gid: u32,
}

fn user() -> Result<User> {
    let own = fs::metadata("/proc/self")?.uid();
    let users = fs::read_to_string("/etc/passwd")?;
    let user = |line: &str| {
        let mut fields = line.split(':');
        let (name, _, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        Some(User { name: name.to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()? })
    };
    let wanted = |user: &User| if own == 0 { user.name == OTHER_USER } else { user.uid == own };
    users.lines().filter_map(user).find(wanted).context("no user to run the server as")
}

/// A running server.
pub(crate) struct Sshd {
    pub(crate) address: SocketAddr,
    folder: TempDir,
    user: User,
    children: Arc<Mutex<Vec<Child>>>,
    task: JoinHandle<()>,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.task.abort();
        self.hang_up();
    }
}

impl Sshd {
    /// A server with the first host key.
    pub(crate) async fn start() -> Result<Self> {
        Self::with(&[&keys()?.hosts[0]]).await
    }

    /// A server with these host keys.
    pub(crate) async fn with(hosts: &[&KeyPair]) -> Result<Self> {
        let (folder, user, keys) = (tempfile::tempdir()?, user()?, keys()?);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        fs::create_dir(folder.path().join("home"))?;
        fs::write(folder.path().join("authorized"), [&*keys.client.public, &*keys.rsa_client.public].concat())?;
        let server = Self {
            address: listener.local_addr()?,
            task: tokio::spawn(async {}),
            children: Arc::default(),
            folder,
            user,
        };
        server.show(hosts)?;
        let (children, launcher) = (Arc::clone(&server.children), server.launcher()?);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                match launcher.launch(stream) {
                    Ok(child) => children.lock().unwrap_or_else(PoisonError::into_inner).push(child),
                    Err(error) => eprintln!("sshd was not started: {error:#}"),
                }
            }
        });
        Ok(Self::running(server, task))
    }

    fn running(mut server: Self, task: JoinHandle<()>) -> Self {
        server.task = task;
        server
    }

    /// From now on the server has these host keys.
    pub(crate) fn show(&self, hosts: &[&KeyPair]) -> Result<()> {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        let mut lines = vec![
            format!("AuthorizedKeysFile {}", at("authorized")),
            format!("ForceCommand internal-sftp -d {}", at("home")),
            "Subsystem sftp internal-sftp\nStrictModes no\nUsePAM no\nPidFile none\nLogLevel ERROR".to_owned(),
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nUseDNS no".to_owned(),
        ];
        for (number, host) in hosts.iter().enumerate() {
            let path = at(&format!("host_{number}"));
            fs::write(&path, &host.private)?;
            run(Command::new("chmod").args(["600", &path]))?;
            lines.push(format!("HostKey {path}"));
        }
        fs::write(at("config"), lines.join("\n"))?;
        for path in [self.folder.path().to_owned(), self.home()] {
            self.give(&path)?;
        }
        for entry in fs::read_dir(self.folder.path())? {
            self.give(&entry?.path())?;
        }
        Ok(())
    }

    /// Makes the server's user the owner.
    fn give(&self, path: &Path) -> Result<()> {
        Ok(chown(path, Some(self.user.uid), Some(self.user.gid))?)
    }

    fn launcher(&self) -> Result<Launcher> {
        let (program, config) = (program()?.clone(), self.folder.path().join("config"));
        Ok(Launcher { program, config, log: self.folder.path().join("log"), user: self.user.clone() })
    }

    /// The directory that a login begins in.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Puts a file or, with a trailing slash, a directory below the home.
    pub(crate) fn put(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.home().join(name);
        if name.ends_with('/') {
            fs::create_dir_all(&path)?;
        } else {
            fs::write(&path, content)?;
        }
        self.give(&path)
    }

    /// The names of a directory below the home, in order.
    pub(crate) fn names(&self, directory: &str) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.home().join(directory))? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    /// The parameters of this server.
    pub(crate) fn parameters(&self) -> Result<Value> {
        let keys = keys()?;
        Ok(json!({
            "host": "127.0.0.1", "port": self.address.port(), "username": self.user.name,
            "private_key": keys.client.private, "host_key_fingerprints": [keys.hosts[0].fingerprint],
        }))
    }

    /// Stops every connection's process where it stands, and those it started.
    pub(crate) fn freeze(&self) -> Result<()> {
        let processes = self.signal("STOP")?;
        ensure!(processes > 0, "there is no connection");
        Ok(())
    }

    /// Sends a signal to every connection's process and those it started; gives how many there are.
    fn signal(&self, signal: &str) -> Result<usize> {
        let mut processes: Vec<u32> =
            self.children.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Child::id).collect();
        let mut count = 0;
        while let Some(process) = processes.pop() {
            count += 1;
            let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
            processes.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
            let _ = Command::new("kill").args([format!("-{signal}"), process.to_string()]).status()?;
        }
        Ok(count)
    }

    /// Ends every connection, in the middle of what it does.
    pub(crate) fn hang_up(&self) {
        let _ = self.signal("KILL");
        for mut child in self.children.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // It may be gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What the servers have logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// Starts a server for a connection.
struct Launcher {
    program: Program,
    config: PathBuf,
    log: PathBuf,
    user: User,
}

impl Launcher {
    fn launch(&self, stream: TcpStream) -> Result<Child> {
        let stream = stream.into_std()?;
        stream.set_nonblocking(false)?;
        let log = fs::File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.program.path);
        command.args(["-i", "-e", "-f"]).arg(&self.config).stderr(log);
        command.stdin(Stdio::from(OwnedFd::from(stream.try_clone()?))).stdout(Stdio::from(OwnedFd::from(stream)));
        if !self.program.libraries.is_empty() {
            command.env("LD_LIBRARY_PATH", &self.program.libraries);
        }
        if fs::metadata("/proc/self")?.uid() != self.user.uid {
            command.uid(self.user.uid).gid(self.user.gid);
        }
        match command.spawn() {
            Ok(child) => Ok(child),
            Err(error) => bail!("{}: {error}", self.program.path.display()),
        }
    }
}
