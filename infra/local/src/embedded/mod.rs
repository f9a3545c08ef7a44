//! The embedded DynamoDB, SQS and S3, durable under the data folder.
//!
//! DynamoDB and SQS are reached in the process alone: they ask for no credentials, so they have no socket. S3 is for the
//! operator's own programs too; it listens on loopback, and checks signatures.

mod dynamodb;
mod in_process;
mod s3;
pub mod sqs;
mod syncer;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::JoinHandle;

use aws_config::SdkConfig;
use serde::{Deserialize, Serialize};
use sluice::ports::Ports;

use crate::StartError;
use crate::folder::Folder;
use crate::listen;

/// The region that the embedded servers play.
pub(crate) const REGION: &str = "us-east-1";
/// Where the S3's port is chosen: below the ports that systems give to outgoing connections, one of which could
/// otherwise hold it at a later start.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// How many of them are tried.
const TRIES: usize = 50;
const PORT_FILE: &str = "ports.json";

/// The keys of the embedded S3, made once a data folder.
#[derive(Clone, Serialize, Deserialize)]
pub struct S3Keys {
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
}

/// Where the embedded S3 listens. Kept: an integration that was registered with its address must find it again after a
/// restart.
#[derive(Serialize, Deserialize)]
struct KeptPorts {
    s3: u16,
}

/// The running servers.
pub struct Servers {
    /// Where S3 listens.
    pub s3_address: SocketAddr,
    dynamodb: dynamodb::Server,
    sqs: sluice_sqs::Server,
    s3: s3::Server,
}

impl Servers {
    /// Starts all three.
    ///
    /// # Errors
    /// A port or a file that cannot be had.
    pub async fn start(folder: &Folder, keys: &S3Keys, ports: &Ports) -> Result<Self, StartError> {
        let listener = listener(folder, ports)?;
        let address = listener.local_addr().map_err(|e| StartError::new("embedded S3", e))?;
        let dynamodb = dynamodb::Server::open(&folder.file("dynamodb.sqlite"))?;
        let sqs = sqs::open(&folder.file("sqs.sqlite")).await?;
        let s3 = s3::Server::start(listener, &folder.file("s3"), keys)?;
        Ok(Self { s3_address: address, dynamodb, sqs, s3 })
    }

    /// How clients reach DynamoDB and SQS.
    pub async fn configs(&self) -> (SdkConfig, SdkConfig) {
        let dynamodb = in_process::config(dynamodb::HOST, self.dynamodb.connector()).await;
        (dynamodb, sqs::config(self.sqs.queues()).await)
    }

    /// S3's URL.
    #[must_use]
    pub fn s3_url(&self) -> String {
        format!("http://{}", self.s3_address)
    }

    /// Stops them, and returns once their files are closed.
    pub async fn stop(self) {
        let sqs = self.sqs.stop().await.is_ok();
        let (dynamodb, s3) = (self.dynamodb, self.s3);
        let others = tokio::task::spawn_blocking(move || dynamodb.stop() & s3.stop());
        if !(sqs & others.await.unwrap_or(false)) {
            tracing::error!("an embedded server ended by a panic");
        }
    }
}

/// The S3's listener: on the port of the earlier starts, or on one that it will have from now on.
fn listener(folder: &Folder, ports: &Ports) -> Result<TcpListener, StartError> {
    let bind = |port| listen::bind((Ipv4Addr::LOCALHOST, port).into())?.into_std();
    if let Some(KeptPorts { s3 }) = folder.read(PORT_FILE)? {
        return bind(s3).map_err(|e| {
            let file = folder.file(PORT_FILE);
            let doing = format!("the embedded S3 cannot listen on 127.0.0.1:{s3}, where its clients look for it");
            StartError::new(doing, format!("{e}; free the port, or remove {} to move the S3", file.display()))
        });
    }
    let random = || PORTS.start + u16::from_be_bytes(ports.bytes()) % (PORTS.end - PORTS.start);
    let free = (0..TRIES).find_map(|_| bind(random()).ok());
    let listener = free.map_or_else(|| bind(0), Ok).map_err(|e| StartError::new("embedded S3", e))?;
    let s3 = listener.local_addr().map_err(|e| StartError::new("embedded S3", e))?.port();
    folder.write(PORT_FILE, &KeptPorts { s3 })?;
    Ok(listener)
}

fn thread(name: &'static str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    std::thread::Builder::new().name(name.to_owned()).spawn(body).map_err(|e| StartError::new(name, e))
}
