//! Connections to servers: dialled by the address rules, to pinned host keys alone, each step with a time limit.

use std::borrow::Cow;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream as StdStream};
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::{HashAlg, PrivateKeyWithHashAlg};
use russh::{ChannelMsg, Disconnect, MethodKind, Preferred};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::access::{Credential, SftpAccess};
use super::failure::Failure;
use super::host_key::{HostKey, Kinds, Shown, Verifier};
use super::session::Session;
use crate::outbound::reach::Reach;
use crate::outbound::resolver::SafeResolver;
use crate::outbound::travel_time;

/// Rounds of questions that are answered with the password.
const MAX_ROUNDS: usize = 3;

/// Makes connections. Cheap to clone.
#[derive(Clone, Copy, Debug)]
pub struct SftpClient {
    reach: Reach,
    /// The server's time for each step, and for each answer.
    pub(super) timeout: Duration,
}

/// A server that showed a pinned key.
pub(super) struct Verified {
    handle: Handle<Verifier>,
    pub(super) key: HostKey,
    cut: Cut,
}

/// A connection that speaks SFTP.
pub struct Connection {
    /// What is asked for.
    pub(super) session: Session,
    handle: Handle<Verifier>,
    _cut: Cut,
}

/// Ends a connection when it is dropped: the task behind it may hang in a write to a server that is frozen.
struct Cut(StdStream);

impl Drop for Cut {
    fn drop(&mut self) {
        // It may be closed already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// Why a server was not believed.
pub(super) enum Unverified {
    /// The key it showed first; none of its keys is pinned.
    NotPinned(HostKey),
    Failed(Failure),
}

impl From<Unverified> for Failure {
    fn from(unverified: Unverified) -> Self {
        match unverified {
            Unverified::NotPinned(key) => Self::new(format!("the host key {} is not pinned", key.fingerprint)),
            Unverified::Failed(failure) => failure,
        }
    }
}

impl From<Failure> for Unverified {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl SftpClient {
    /// A client that reaches just this.
    #[must_use]
    pub fn new(reach: impl Into<Reach>, timeout: Duration) -> Self {
        Self { reach: reach.into(), timeout }
    }

    /// The time that a file of this size may take. Each step has its limit; a server that just keeps to all of them is
    /// given up after this.
    #[must_use]
    pub fn longest(&self, bytes: u64) -> Duration {
        4 * self.timeout + travel_time(usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    /// Connects, and begins a session.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn connect(&self, access: &SftpAccess) -> Result<Connection, Failure> {
        let stream = self.dial(access).await?;
        let mut verified = self.verify(access, stream).await?;
        self.authenticate(access, &mut verified).await?;
        self.begin(verified).await
    }

    async fn within<T, E: Into<Failure>>(&self, step: impl Future<Output = Result<T, E>>) -> Result<T, Failure> {
        match timeout(self.timeout, step).await {
            Ok(done) => done.map_err(Into::into),
            Err(_elapsed) => Err(Failure::timeout()),
        }
    }

    /// Opens a TCP connection to one of the server's addresses; one that is forbidden forbids all.
    pub(super) async fn dial(&self, access: &SftpAccess) -> Result<TcpStream, Failure> {
        let addresses = match access.host.parse::<IpAddr>() {
            Ok(literal) => vec![literal],
            Err(_) => self.within(SafeResolver::new(self.reach.policy).lookup(&access.host)).await?,
        };
        let addresses: Vec<_> = addresses.into_iter().map(|ip| SocketAddr::new(ip, access.port)).collect();
        if !addresses.iter().all(|address| self.reach.permits(*address)) {
            return Err(Failure::new("forbidden address"));
        }
        let share = self.timeout / u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        let mut failure = Failure::new("dns failure");
        for address in addresses {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failure = error.into(),
                Err(_elapsed) => failure = Failure::timeout(),
            }
        }
        Err(failure)
    }

    /// Exchanges keys. A server whose key is not pinned may have another one that is.
    pub(super) async fn verify(&self, access: &SftpAccess, stream: TcpStream) -> Result<Verified, Unverified> {
        let (mut kinds, mut first, mut stream) = (Kinds::all(), None, stream);
        loop {
            let shown = Shown::default();
            let error = match self.exchange(access, stream, &kinds, &shown).await {
                Ok(verified) => return Ok(verified),
                Err(error) => error,
            };
            let key = match shown.get() {
                Some(key) if !access.pinned.contains(&key.fingerprint) => key,
                // It has no key of the kinds that are left.
                _ => return Err(first.map_or(Unverified::Failed(error), Unverified::NotPinned)),
            };
            let more = kinds.exclude(&key) && !access.pinned.is_empty();
            let first = first.get_or_insert(key);
            if !more {
                return Err(Unverified::NotPinned(first.clone()));
            }
            stream = self.dial(access).await?;
        }
    }

    async fn exchange(
        &self,
        access: &SftpAccess,
        stream: TcpStream,
        kinds: &Kinds,
        shown: &Shown,
    ) -> Result<Verified, Failure> {
        stream.set_nodelay(true)?;
        let stream = stream.into_std()?;
        let cut = Cut(stream.try_clone()?);
        let verifier = Verifier { pinned: access.pinned.clone(), shown: shown.clone() };
        let connect = client::connect_stream(self.config(kinds), TcpStream::from_std(stream)?, verifier);
        let handle = self.within(connect).await?;
        let key = shown.get().ok_or(Failure::new("ssh failure"))?;
        Ok(Verified { handle, key, cut })
    }

    fn config(&self, kinds: &Kinds) -> Arc<client::Config> {
        let preferred = Preferred { key: Cow::Owned(kinds.list()), ..Preferred::DEFAULT };
        Arc::new(client::Config {
            preferred,
            keepalive_interval: Some(self.timeout),
            keepalive_max: 2,
            ..client::Config::default()
        })
    }

    /// Proves who we are.
    pub(super) async fn authenticate(&self, access: &SftpAccess, verified: &mut Verified) -> Result<(), Failure> {
        let (handle, user) = (&mut verified.handle, &access.username);
        let accepted = match &access.credential {
            Credential::Key(key) => {
                let hash = match key.algorithm().is_rsa() {
                    true => Some(self.rsa_hash(handle).await?),
                    false => None,
                };
                let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
                self.within(handle.authenticate_publickey(user, key)).await?.success()
            }
            Credential::Password(password) => {
                match self.within(handle.authenticate_password(user, password.as_str())).await? {
                    AuthResult::Success => true,
                    // Many servers ask for the password in a dialogue only.
                    AuthResult::Failure { remaining_methods, .. } => {
                        remaining_methods.contains(&MethodKind::KeyboardInteractive)
                            && self.answer(handle, user, password).await?
                    }
                }
            }
        };
        if accepted { Ok(()) } else { Err(Failure::new("the server refuses the credentials")) }
    }

    /// With what an RSA key signs: never with SHA-1.
    async fn rsa_hash(&self, handle: &Handle<Verifier>) -> Result<HashAlg, Failure> {
        match self.within(handle.best_supported_rsa_hash()).await? {
            Some(Some(hash)) => Ok(hash),
            // It does not say: those that know one of the two know this one.
            None => Ok(HashAlg::Sha256),
            Some(None) => Err(Failure::new("the server accepts RSA keys with SHA-1 only")),
        }
    }

    /// Answers what the server asks with the password.
    async fn answer(&self, handle: &mut Handle<Verifier>, user: &str, password: &str) -> Result<bool, Failure> {
        let mut response = self.within(handle.authenticate_keyboard_interactive_start(user, None::<String>)).await?;
        for _ in 0..MAX_ROUNDS {
            let prompts = match response {
                KeyboardInteractiveAuthResponse::Success => return Ok(true),
                KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
            };
            if prompts.len() > 1 || prompts.iter().any(|prompt| prompt.echo) {
                return Err(Failure::new("the server asks for more than a password"));
            }
            let answers = prompts.iter().map(|_| password.to_owned()).collect();
            response = self.within(handle.authenticate_keyboard_interactive_respond(answers)).await?;
        }
        Ok(matches!(response, KeyboardInteractiveAuthResponse::Success))
    }

    /// Begins SFTP.
    pub(super) async fn begin(&self, verified: Verified) -> Result<Connection, Failure> {
        let Verified { handle, cut, .. } = verified;
        let mut channel = self.within(handle.channel_open_session()).await?;
        self.within(channel.request_subsystem(true, "sftp")).await?;
        let started = async {
            loop {
                match channel.wait().await {
                    Some(ChannelMsg::Success) => return Ok(()),
                    Some(ChannelMsg::Failure) => return Err(Failure::new("the server offers no SFTP")),
                    Some(ChannelMsg::Close | ChannelMsg::Eof) | None => return Err(Failure::new("connection closed")),
                    Some(_) => {}
                }
            }
        };
        self.within(started).await?;
        let session = Session::begin(channel.into_stream(), self.timeout).await?;
        Ok(Connection { session, handle, _cut: cut })
    }
}

impl Connection {
    /// Says good-bye, so that the server's log shows no broken connection.
    pub(super) async fn close(self) {
        let Self { session: _session, handle, _cut } = self;
        let goodbye = async {
            handle.disconnect(Disconnect::ByApplication, "", "").await?;
            handle.await
        };
        // It is over either way.
        let _ = timeout(Duration::from_secs(1), goodbye).await;
    }
}
