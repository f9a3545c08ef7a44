//! The embedded DynamoDB, SQS and S3: real servers on loopback, durable under the data folder.

mod dynamodb;
mod s3;

use std::path::PathBuf;
use std::thread::JoinHandle;

use futures::future::{BoxFuture, FutureExt as _};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::StartError;
use crate::folder::Folder;

/// The keys of the embedded S3, made once a data folder.
#[derive(Clone, Serialize, Deserialize)]
pub struct S3Keys {
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
}

/// Where the embedded servers listen. Kept: an integration that was registered with the S3's address must find it
/// again after a restart.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Ports {
    s3: u16,
}

/// The running servers.
pub struct Servers {
    /// DynamoDB's URL.
    pub dynamodb: String,
    /// SQS's URL.
    pub sqs: String,
    /// S3's URL.
    pub s3: String,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

/// A running server.
type Serving = BoxFuture<'static, Result<(), String>>;
/// Resolves when the servers are to stop.
type Stop = BoxFuture<'static, ()>;

impl Servers {
    /// Starts all three.
    ///
    /// # Errors
    /// A port or a file that cannot be had.
    pub async fn start(folder: &Folder, keys: &S3Keys) -> Result<Self, StartError> {
        let (stop, stopped) = watch::channel(false);
        let stopping = || -> Stop {
            let mut stopped = stopped.clone();
            async move {
                // An error means that the sender is gone: stop then, too.
                let _ = stopped.wait_for(|stop| *stop).await;
            }
            .boxed()
        };
        let mut ports: Ports = folder.read("ports.json")?.unwrap_or_default();
        let (dynamodb, sqs, s3) = (bind(0)?, bind(0)?, bind(ports.s3).or_else(|_| bind(0))?);
        let url = |listener: &std::net::TcpListener| {
            listener.local_addr().map(|at| format!("http://{at}")).map_err(|e| StartError::new("embedded servers", e))
        };
        let urls = (url(&dynamodb)?, url(&sqs)?, url(&s3)?);
        ports.s3 = s3.local_addr().map_err(|e| StartError::new("embedded S3", e))?.port();
        folder.write("ports.json", &ports)?;

        let queues: PathBuf = folder.file("sqs.sqlite");
        sluice_sqs::release_in_flight(&queues).map_err(|e| StartError::new(queues.display(), e))?;
        let database = dynamodb::open(&folder.file("dynamodb.sqlite"))?;
        let files = s3::service(&folder.file("s3"), keys)?;
        let stops = (stopping(), stopping(), stopping());
        let threads = vec![
            run("dynamodb", dynamodb, move |listener| dynamodb::serve(listener, database, stops.0).boxed())?,
            run("sqs", sqs, move |listener| serve_sqs(listener, queues, stops.1).boxed())?,
            run("s3", s3, move |listener| s3::serve(listener, files, stops.2).boxed())?,
        ];
        Ok(Self { dynamodb: urls.0, sqs: urls.1, s3: urls.2, stop, threads })
    }

    /// Stops them, and returns once their files are closed.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let join =
            tokio::task::spawn_blocking(move || self.threads.into_iter().map(JoinHandle::join).all(|r| r.is_ok()));
        if !join.await.unwrap_or(false) {
            tracing::error!("an embedded server ended by a panic");
        }
    }
}

async fn serve_sqs(listener: TcpListener, path: PathBuf, stop: Stop) -> Result<(), String> {
    sluice_sqs::serve(listener, &path, stop).await.map_err(|e| e.to_string())
}

fn bind(port: u16) -> Result<std::net::TcpListener, StartError> {
    let listener =
        std::net::TcpListener::bind(("127.0.0.1", port)).map_err(|e| StartError::new("embedded servers", e))?;
    listener.set_nonblocking(true).map_err(|e| StartError::new("embedded servers", e))?;
    Ok(listener)
}

/// Each server has a thread and runtime of its own: SQLite blocks, and must not hold up the handlers.
fn run(
    name: &'static str,
    listener: std::net::TcpListener,
    serve: impl FnOnce(TcpListener) -> Serving + Send + 'static,
) -> Result<JoinHandle<()>, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| StartError::new(name, e))?;
    let body = move || {
        let served = runtime.block_on(async {
            let listener = TcpListener::from_std(listener).map_err(|e| e.to_string())?;
            serve(listener).await
        });
        if let Err(error) = served {
            tracing::error!(server = name, %error, "an embedded server failed");
        }
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(body).map_err(|e| StartError::new(name, e))
}
