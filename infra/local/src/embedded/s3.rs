//! The embedded S3: s3s over a folder.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use http::{HeaderValue, Method, Request, header};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::dto::{CopyObjectInput, CopySource, DeleteObjectsInput, UploadPartCopyInput};
use s3s::path::S3Path;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError, HttpResponse, S3Request, S3Result, s3_error};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::S3Keys;
use crate::StartError;
use crate::listen::{self, Limits, RequestBody, Shares};

/// The longest key in bytes. S3's is 1,024; here the key stands in the name of a file of its own, with a third more.
const MAX_KEY_BYTES: usize = 110;

/// The type of a form, with which a browser uploads.
const FORM: &[u8] = b"multipart/form-data";

/// What a browser may do with an answer: nothing.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

/// Allows requests with the right keys, to existing buckets, for keys that name one file each.
struct Access {
    root: PathBuf,
}

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, request: &mut S3AccessContext<'_>) -> S3Result<()> {
        if request.credentials().is_none() {
            return Err(s3_error!(AccessDenied, "Signature is required"));
        }
        match request.s3_path() {
            S3Path::Root => Ok(()),
            S3Path::Bucket { bucket } => no_link(&self.root.join(&**bucket)),
            S3Path::Object { bucket, key } => self.check_object(bucket, key),
        }
    }

    async fn copy_object(&self, request: &mut S3Request<CopyObjectInput>) -> S3Result<()> {
        self.check_source(&request.input.copy_source)
    }

    async fn upload_part_copy(&self, request: &mut S3Request<UploadPartCopyInput>) -> S3Result<()> {
        self.check_source(&request.input.copy_source)
    }

    async fn delete_objects(&self, request: &mut S3Request<DeleteObjectsInput>) -> S3Result<()> {
        let DeleteObjectsInput { bucket, delete, .. } = &request.input;
        delete.objects.iter().try_for_each(|object| self.check_object(bucket, &object.key))
    }
}

impl Access {
    fn check_object(&self, bucket: &str, key: &str) -> S3Result<()> {
        let mut path = self.root.join(bucket);
        // The object would be written into a folder that is made for it.
        if !path.is_dir() {
            return Err(s3_error!(NoSuchBucket, "The specified bucket does not exist"));
        }
        if key.len() > MAX_KEY_BYTES {
            return Err(s3_error!(KeyTooLongError, "The embedded S3 takes keys of 110 bytes at most"));
        }
        no_link(&path)?;
        // A key with a slash at its end is a folder's.
        let folder = key.strip_suffix('/');
        for part in folder.unwrap_or(key).split('/') {
            // As paths, they name another object or leave the bucket.
            if matches!(part, "" | "." | "..") {
                return Err(s3_error!(InvalidArgument, "The embedded S3 takes no empty, . or .. parts in a key"));
            }
            path.push(part);
            no_link(&path)?;
        }
        if folder.is_some() && path.is_file() {
            return Err(s3_error!(InvalidArgument, "In the embedded S3 a key is an object's or a folder's"));
        }
        Ok(())
    }

    fn check_source(&self, source: &CopySource) -> S3Result<()> {
        match source {
            CopySource::Bucket { bucket, key, .. } => self.check_object(bucket, key),
            CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => {
                Err(s3_error!(NotImplemented, "The embedded S3 has no access points"))
            }
        }
    }
}

/// A link leads out of the bucket; nobody but the operator can have made it.
fn no_link(path: &Path) -> S3Result<()> {
    match path.symlink_metadata() {
        Ok(found) if found.is_symlink() => Err(s3_error!(AccessDenied, "The embedded S3 follows no links")),
        _ => Ok(()),
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
            let served = runtime.block_on(async {
                let limits = Limits::of(Shares::of_process().s3);
                // Nobody is left to tell it to stop if its sender is gone.
                let stopped = async { drop(stopped.await) };
                listen::serve(
                    TcpListener::from_std(listener)?,
                    limits,
                    move |request| answer(&service, request),
                    stopped,
                )
                .await;
                Ok::<_, std::io::Error>(())
            });
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

/// Whether a request uploads a form. Its key and its signature are fields of the body, which is read into memory before
/// [`Access`] is asked.
fn is_form<B>(request: &Request<B>) -> bool {
    let begins = |value: &HeaderValue| value.as_bytes().get(..FORM.len()).is_some_and(|b| b.eq_ignore_ascii_case(FORM));
    request.method() == Method::POST && request.headers().get_all(header::CONTENT_TYPE).iter().any(begins)
}

/// Answers a request. A browser that is led to an object must not run what is in it.
fn answer(
    service: &S3Service,
    request: Request<RequestBody>,
) -> impl Future<Output = Result<HttpResponse, HttpError>> + Send + use<> {
    let service = service.clone();
    async move {
        let mut answer = if is_form(&request) {
            let refusal = s3_error!(NotImplemented, "The embedded S3 takes no forms");
            refusal.to_http_response().map_err(|error| HttpError::new(Box::new(error)))?
        } else {
            service.call(request.map(Body::http_body)).await?
        };
        let headers = answer.headers_mut();
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        Ok(answer)
    }
}
