//! A target that speaks TLS and demands a client certificate, and the authority that issues certificates for it.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// Issues certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        Ok(Self { certificate: params.self_signed(&key)?, issuer: Issuer::new(params, key) })
    }

    /// Its own certificate.
    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    fn issue(&self, name: &str) -> Result<(rcgen::Certificate, KeyPair)> {
        let key = KeyPair::generate()?;
        Ok((self.issue_for(name, &key)?, key))
    }

    fn issue_for(&self, name: &str, key: &KeyPair) -> Result<rcgen::Certificate> {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        Ok(params.signed_by(key, &self.issuer)?)
    }

    /// A certificate for a key, both as PEM.
    pub(crate) fn certify(&self, name: &str, private_key_pem: &str) -> Result<String> {
        Ok(self.issue_for(name, &KeyPair::from_pem(private_key_pem)?)?.pem())
    }

    /// A client certificate as a user writes it.
    pub(crate) fn client_certificate(&self, name: &str) -> Result<Value> {
        let (certificate, key) = self.issue(name)?;
        Ok(json!({"certificate_pem": certificate.pem(), "private_key_pem": key.serialize_pem()}))
    }
}

/// A target that takes everything from clients with a certificate of the authority, and nothing from others.
pub(crate) struct MutualTlsTarget {
    pub(crate) url: String,
    /// Its own, as PEM.
    pub(crate) certificate: String,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl MutualTlsTarget {
    pub(crate) async fn start(authority: &Authority) -> Result<Self> {
        let provider = Arc::new(default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate.der().clone())?;
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider)).build()?;
        let (certificate, key) = authority.issue("target")?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config =
            config.with_client_cert_verifier(clients).with_single_cert(vec![certificate.der().clone()], key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("https://{}", listener.local_addr()?);
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let taking = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(acceptor.clone(), stream, Arc::clone(&taking)));
            }
        });
        Ok(Self { url, certificate: certificate.pem(), requests, task })
    }

    /// The heads of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for MutualTlsTarget {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves one request. An error ends the connection: most are clients without a certificate.
async fn serve(acceptor: TlsAcceptor, stream: TcpStream, requests: Arc<Mutex<Vec<String>>>) -> Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut text = Vec::new();
    let head = loop {
        anyhow::ensure!(stream.read_buf(&mut text).await? > 0, "the client hung up");
        let text = String::from_utf8_lossy(&text);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let fields = head.lines().filter_map(|line| line.split_once(": "));
        let length =
            fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).map(|(_, value)| value).next();
        if body.len() >= length.context("no length")?.parse()? {
            break head.to_owned();
        }
    };
    let body = if head.starts_with("POST /token ") { r#"{"access_token":"token-over-tls"}"# } else { "" };
    requests.lock().unwrap_or_else(PoisonError::into_inner).push(head);
    let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await?;
    Ok(stream.shutdown().await?)
}
