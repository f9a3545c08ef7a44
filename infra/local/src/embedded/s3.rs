//! The embedded S3: s3s over a folder.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Result, s3_error};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::S3Keys;
use crate::StartError;

/// The longest key in bytes. S3's is 1,024; here the key stands in the name of a file of its own, with a third more.
const MAX_KEY_BYTES: usize = 110;

/// Allows requests with the right keys, to existing buckets.
struct Access {
    root: PathBuf,
}

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, request: &mut S3AccessContext<'_>) -> S3Result<()> {
        if request.credentials().is_none() {
            return Err(s3_error!(AccessDenied, "Signature is required"));
        }
        let Some((bucket, key)) = request.s3_path().as_object() else { return Ok(()) };
        // The object would be written into a folder that is made for it.
        if !self.root.join(bucket).is_dir() {
            return Err(s3_error!(NoSuchBucket, "The specified bucket does not exist"));
        }
        if key.len() > MAX_KEY_BYTES {
            return Err(s3_error!(KeyTooLongError, "The embedded S3 takes keys of 110 bytes at most"));
        }
        Ok(())
    }
}

/// The running server.
pub(super) struct Server {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Serves `root` on a thread and runtime of its own: its files block, and must not hold up the handlers.
    pub(super) fn start(listener: std::net::TcpListener, root: &Path, keys: &S3Keys) -> Result<Self, StartError> {
        let fail = |e| StartError::new("embedded S3", e);
        let service = service(root, keys)?;
        listener.set_nonblocking(true).map_err(fail)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fail)?;
        let (stop, stopped) = oneshot::channel();
        let body = move || {
            let served = runtime.block_on(async { serve(TcpListener::from_std(listener)?, service, stopped).await });
            if let Err(error) = served {
                tracing::error!(%error, "the embedded S3 failed");
            }
        };
        let thread = std::thread::Builder::new().name("s3".to_owned()).spawn(body).map_err(fail)?;
        Ok(Self { stop, thread })
    }

    /// Finishes the requests under way; `false` where its thread has panicked.
    pub(super) fn stop(self) -> bool {
        // Fails only where the thread has ended.
        let _ = self.stop.send(());
        self.thread.join().is_ok()
    }
}

/// The service over `root`; each folder below it is a bucket.
fn service(root: &Path, keys: &S3Keys) -> Result<S3Service, StartError> {
    let files = FileSystem::new(root).map_err(|e| StartError::new(root.display(), format!("{e:?}")))?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(keys.access_key_id.as_str(), keys.secret_access_key.as_str()));
    builder.set_access(Access { root: root.to_owned() });
    Ok(builder.build())
}

/// Serves it until it is told to stop, or nobody is left who could.
async fn serve(listener: TcpListener, service: S3Service, mut stop: oneshot::Receiver<()>) -> std::io::Result<()> {
    let server = Builder::new(TokioExecutor::new());
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stop => break,
        };
        let Ok((stream, _)) = accepted else { continue };
        // Without it each answer in two segments waits 40 ms for the client's delayed ACK.
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        let connection = server.serve_connection(TokioIo::new(stream), service.clone());
        let connection = graceful.watch(connection.into_owned());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an S3 connection ended");
            }
        });
    }
    graceful.shutdown().await;
    Ok(())
}
