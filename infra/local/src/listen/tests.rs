//! The accept loop over real sockets, with limits of a fraction of a second.

use std::convert::Infallible;
use std::net::SocketAddr;

use http_body_util::{BodyExt as _, Full};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;

const SHORT: Duration = Duration::from_millis(200);
/// More than the systems of both sides take for a client that does not read.
const LARGE: usize = 32 * 1024 * 1024;
const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
const BEGUN: &[u8] = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nbody";

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

fn limits() -> Limits {
    Limits { head: SHORT, idle: SHORT, reading: SHORT, writing: SHORT, ..Limits::of(8) }
}

/// Reads the body, then answers: much under `/large`.
async fn answer(request: Request<RequestBody>) -> Result<Response<Full<Bytes>>, Infallible> {
    let large = request.uri().path() == "/large";
    let read = request.into_body().collect().await.map(|body| body.to_bytes().len());
    let text = if large { vec![b'x'; LARGE] } else { format!("{read:?}").into_bytes() };
    Ok(Response::new(Full::new(text.into())))
}

async fn start(limits: Limits) -> Server {
    let listener = bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(async move { serve(listener, limits, answer, async { drop(stopped.await) }).await });
    Server { address, stop, task }
}

impl Server {
    async fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(bytes).await.expect("sent");
        stream
    }

    async fn is_answered(&self) -> bool {
        let mut stream = self.send(GET).await;
        let mut answer = [0; 15];
        stream.read_exact(&mut answer).await.is_ok() && &answer == b"HTTP/1.1 200 OK"
    }
}

/// Whether the server hangs up soon.
async fn is_cut(mut stream: TcpStream) -> bool {
    let all = async { while matches!(stream.read(&mut [0; 1024]).await, Ok(1..)) {} };
    tokio::time::timeout(20 * SHORT, all).await.is_ok()
}

#[tokio::test]
async fn clients_that_keep_us_waiting_are_cut_off() {
    let server = start(limits()).await;
    for (what, bytes) in [("silent", &b""[..]), ("half a head", &GET[..10]), ("half a body", BEGUN), ("idle", GET)] {
        assert!(is_cut(server.send(bytes).await).await, "{what}");
    }
    assert!(server.is_answered().await);
}

#[tokio::test]
async fn a_client_that_drips_is_cut_off() {
    let server = start(Limits { head: 100 * SHORT, ..limits() }).await;
    let mut stream = server.send(BEGUN).await;
    let drip = async {
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    assert!(tokio::time::timeout(20 * SHORT, drip).await.is_ok());
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let server = start(limits()).await;
    let mut slow = server.send(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
    tokio::time::sleep(3 * SHORT).await;
    let (mut read, mut buffer) = (0, vec![0; 64 * 1024]);
    while let Ok(bytes @ 1..) = slow.read(&mut buffer).await {
        read += bytes;
    }
    assert!(read < LARGE, "all of it came");
    // One that reads gets it all, however large it is.
    let mut quick = server.send(b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let mut all = Vec::new();
    quick.read_to_end(&mut all).await.expect("the answer");
    assert!(all.len() > LARGE);
}

#[tokio::test]
async fn newcomers_displace_those_who_keep_us_waiting() {
    let long = Duration::from_secs(60);
    let server = start(Limits { head: long, idle: long, reading: long, ..limits() }).await;
    let mut open = Vec::new();
    for n in 0..40 {
        open.push(server.send([&b""[..], &GET[..10], BEGUN, GET][n % 4]).await);
    }
    assert!(server.is_answered().await);
    assert!(is_cut(open.remove(0)).await);
}

#[tokio::test]
async fn stopping_waits_for_the_requests_under_way() {
    let server = start(limits()).await;
    let mut stream = server.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\nabc").await;
    tokio::time::sleep(SHORT / 10).await;
    server.stop.send(()).expect("it runs");
    stream.write_all(b"def").await.expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("the answer");
    assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("Ok(6)"), "{text}");
    server.task.await.expect("no panic");
}

#[test]
fn the_shares_leave_descriptors_for_everything_else() {
    for descriptors in [256, 1_024, 20_000, 1_000_000] {
        let Shares { api, s3 } = Shares::of(Some(descriptors));
        let both = u64::try_from(api + s3).expect("a number");
        assert!(2 * both <= descriptors, "{both} of {descriptors}");
    }
}
