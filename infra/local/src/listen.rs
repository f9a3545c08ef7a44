//! The accept loop of both listeners: how many connections there are, and how long a client may keep us waiting.
//!
//! A client that sends nothing, sends slowly or does not read its answer is cut off. When all connections are taken, a
//! new one displaces the one whose client has kept us waiting longest: on one machine all clients have one address, so
//! refusing newcomers would shut everybody out.

mod connections;
mod stream;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ConnectInfo;
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::MissedTickBehavior;

use connections::{Connection, Connections, Room};
use stream::{Answer, Stream};

pub(crate) use stream::RequestBody;

/// Connections that wait to be accepted. Beyond that a client tries again after a second.
const BACKLOG: u32 = 1_024;
/// The most bytes of a request's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// How long to wait where no descriptor is left for a new connection.
const PAUSE: Duration = Duration::from_millis(20);
/// Say that none is left no more often than this.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// What clients may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections in all.
    pub(crate) connections: usize,
    /// Connections of one address, unless it is of this machine.
    pub(crate) per_peer: usize,
    /// For the head of a request, once it has begun, and for the first one from the start.
    pub(crate) head: Duration,
    /// Between two requests.
    pub(crate) idle: Duration,
    /// How long we may wait for the bytes of a body; each [`bytes_per_second`](Self::bytes_per_second) earns a second.
    pub(crate) reading: Duration,
    /// The same for a client to take the bytes of an answer. Its system takes megabytes at once, and then none for long.
    pub(crate) writing: Duration,
    /// The least speed of a client.
    pub(crate) bytes_per_second: usize,
}

impl Limits {
    /// Those of a listener that may have this many connections.
    pub(crate) const fn of(connections: usize) -> Self {
        Self {
            connections,
            per_peer: connections / 2,
            head: Duration::from_secs(10),
            // Above the 60 s of most clients and load balancers: they should be the ones to hang up.
            idle: Duration::from_secs(75),
            reading: Duration::from_secs(10),
            writing: Duration::from_secs(30),
            bytes_per_second: 8 * 1024,
        }
    }

    /// How often to look for clients that keep us waiting too long.
    fn interval(&self) -> Duration {
        (self.head.min(self.reading).min(self.writing).min(self.idle) / 4).min(Duration::from_secs(1))
    }
}

/// How many connections the two listeners may have. Files, databases and requests to targets need descriptors too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    pub(crate) api: usize,
    pub(crate) s3: usize,
}

impl Shares {
    /// The shares of what the process may open.
    pub(crate) fn of_process() -> Self {
        Self::of(getrlimit(Resource::Nofile).current)
    }

    fn of(descriptors: Option<u64>) -> Self {
        let descriptors = descriptors.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        Self { api: (descriptors / 4).clamp(16, 4_096), s3: (descriptors / 16).clamp(16, 512) }
    }
}

/// Lets the process open as many files and connections as the system allows it.
pub fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // The lower limit is good too: the shares follow from it.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// A listener at an address; port 0 takes any.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves HTTP/1 by `handle` until `stop`; then ends once the requests under way have their answers. A request's
/// extensions have its peer, as `ConnectInfo`.
pub(crate) async fn serve<H, F, B, E>(listener: TcpListener, limits: Limits, handle: H, stop: impl Future<Output = ()>)
where
    H: Fn(Request<RequestBody>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let connections = Connections::new(limits);
    let graceful = GracefulShutdown::new();
    let mut looks = tokio::time::interval(limits.interval());
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop = pin!(stop);
    let mut said: Option<Instant> = None;
    // A connection for which there is no room while everybody else is being answered: the rest wait behind it.
    let mut waits: Option<(TcpStream, SocketAddr)> = None;
    loop {
        tokio::select! {
            () = &mut stop => break,
            _ = looks.tick() => connections.cut_overdue(Instant::now()),
            () = connections.ended(), if waits.is_some() => {}
            accepted = listener.accept(), if waits.is_none() => match accepted {
                Ok(accepted) => waits = Some(accepted),
                Err(error) if is_of_connection(&error) => {}
                Err(error) => {
                    if said.is_none_or(|said| said.elapsed() > SAY_EVERY) {
                        said = Some(Instant::now());
                        tracing::warn!(%error, connections = connections.len(), "a connection was not accepted");
                    }
                    connections.cut_longest_waiting();
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
        let Some((stream, peer)) = waits.take() else { continue };
        match connections.admit(peer.ip(), Instant::now()) {
            Room::Here(connection) => {
                // Without it each answer in two segments waits 40 ms for the client's delayed ACK.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY was not set");
                }
                tokio::spawn(connect((stream, peer), connection, handle.clone(), &graceful));
            }
            Room::Later => waits = Some((stream, peer)),
            Room::No => drop(stream),
        }
    }
    drop((listener, waits));
    let mut ended = pin!(graceful.shutdown());
    loop {
        tokio::select! {
            () = &mut ended => return,
            _ = looks.tick() => connections.cut_overdue(Instant::now()),
        }
    }
}

/// Serves one connection until it ends or is cut.
fn connect<H, F, B, E>(
    (stream, peer): (TcpStream, SocketAddr),
    connection: Arc<Connection>,
    handle: H,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + use<H, F, B, E>
where
    H: Fn(Request<RequestBody>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let of = Arc::clone(&connection);
    let service = service_fn(move |request: Request<Incoming>| {
        let exchange = of.begin();
        let mut request = request.map(|body| RequestBody::new(body, Arc::clone(&of)));
        request.extensions_mut().insert(ConnectInfo(peer));
        let answered = handle(request);
        async move { answered.await.map(|answer| answer.map(|body| Answer::new(body, exchange))) }
    });
    let io = TokioIo::new(Stream::new(stream, Arc::clone(&connection)));
    let served = http1::Builder::new().max_header_size(MAX_HEAD_BYTES).serve_connection(io, service);
    let served = graceful.watch(served);
    async move {
        tokio::select! {
            ended = served => if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended");
            },
            () = connection.is_cut() => tracing::debug!(%peer, "a connection was cut: its client kept us waiting"),
        }
        connection.end();
    }
}

/// Whether an error of `accept` is the connection's, not ours.
fn is_of_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests;
