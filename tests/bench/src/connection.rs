//! A publisher's connection: kept alive, one request at a time, as lean as can be.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::http::request::Builder;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// An open connection to the API.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    authorization: String,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr, authorization: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting to the API")?;
        stream.set_nodelay(true).context("TCP_NODELAY")?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.context("connecting to the API")?;
        // Its end shows in the next request.
        tokio::spawn(connection);
        Ok(Self { sender, host: address.to_string(), authorization: authorization.to_owned() })
    }

    /// Posts JSON; gives status and answer.
    pub(crate) async fn post(&mut self, path: &str, body: Bytes) -> Result<(StatusCode, Bytes)> {
        self.send(Request::post(path).header("content-type", "application/json"), body).await
    }

    /// Gets; gives status and answer.
    pub(crate) async fn get(&mut self, path: &str) -> Result<(StatusCode, Bytes)> {
        self.send(Request::get(path), Bytes::new()).await
    }

    async fn send(&mut self, request: Builder, body: Bytes) -> Result<(StatusCode, Bytes)> {
        let mut request = request.header("host", &self.host);
        if !self.authorization.is_empty() {
            request = request.header("authorization", &self.authorization);
        }
        self.sender.ready().await.context("the API hung up")?;
        let answer = self.sender.send_request(request.body(Full::new(body))?).await.context("asking the API")?;
        let status = answer.status();
        let body = answer.into_body().collect().await.context("reading the API's answer")?.to_bytes();
        Ok((status, body))
    }

    /// Publishes; gives the answer.
    pub(crate) async fn publish(&mut self, body: Bytes) -> Result<Bytes> {
        let (status, answer) = self.post("/v1/events", body).await?;
        ensure!(
            status == StatusCode::ACCEPTED,
            "publishing was answered {status}: {}",
            String::from_utf8_lossy(&answer)
        );
        Ok(answer)
    }
}
