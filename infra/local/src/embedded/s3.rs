//! The embedded S3: s3s over a folder.

use std::path::Path;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

use super::{S3Keys, Stop};
use crate::StartError;

/// The service over `root`; each folder below it is a bucket.
pub(super) fn service(root: &Path, keys: &S3Keys) -> Result<S3Service, StartError> {
    let files = FileSystem::new(root).map_err(|e| StartError::new(root.display(), format!("{e:?}")))?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(keys.access_key_id.as_str(), keys.secret_access_key.as_str()));
    Ok(builder.build())
}

/// Serves it until `stop` resolves.
pub(super) async fn serve(listener: TcpListener, service: S3Service, mut stop: Stop) -> Result<(), String> {
    let server = Builder::new(TokioExecutor::new());
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
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
