//! The deployment's bucket: bytes that are too large for the database, each sealed for its scope and its key.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata as _};
use aws_sdk_s3::primitives::ByteStream;

use crate::domain::scope::Scope;
use crate::ports::Ports;
use crate::secrets::Keyring;
use crate::store::StoreError;
use crate::store::catalogue::unopenable;

/// How long a call may take: what is kept can be large.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The bytes of every scope.
#[derive(Clone)]
pub struct Blobs {
    client: Client,
    bucket: String,
    keys: Keyring,
    ports: Ports,
}

/// What bytes are: a folder of the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folder {
    /// Documents as they were handed in, or came.
    Documents,
    /// Messages as they are sent.
    Messages,
    /// Receipts as they came, or were sent.
    Receipts,
}

impl Folder {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Documents => "documents",
            Self::Messages => "messages",
            Self::Receipts => "receipts",
        }
    }

    /// The key of a blob of that name.
    #[must_use]
    pub fn key(self, name: &str) -> String {
        format!("{}/{name}", self.as_str())
    }
}

impl Blobs {
    /// Over a bucket.
    #[must_use]
    pub fn new(client: Client, bucket: String, keys: Keyring, ports: Ports) -> Self {
        Self { client, bucket, keys, ports }
    }

    /// Keeps bytes under a key; durable once it returns.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn put(&self, scope: &Scope, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let sealed = self.keys.seal_blob(scope, key, bytes, &self.ports).map_err(unavailable)?;
        let put = self.client.put_object().bucket(&self.bucket).key(object(scope, key)).body(ByteStream::from(sealed));
        match tokio::time::timeout(TIMEOUT, put.send()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(unavailable(DisplayErrorContext(&error))),
            Err(elapsed) => Err(unavailable(elapsed)),
        }
    }

    /// The bytes under a key; none if they were never kept, or not any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, scope: &Scope, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let read = async {
            let get = self.client.get_object().bucket(&self.bucket).key(object(scope, key));
            match get.send().await {
                Ok(answer) => answer.body.collect().await.map(|body| Some(body.to_vec())).map_err(unavailable),
                Err(error) if error.code() == Some("NoSuchKey") => Ok(None),
                Err(error) => Err(unavailable(DisplayErrorContext(&error))),
            }
        };
        let sealed = tokio::time::timeout(TIMEOUT, read).await.map_err(unavailable)??;
        let open = |sealed: Vec<u8>| self.keys.open_blob(scope, key, &sealed).map_err(unopenable);
        sealed.map(open).transpose()
    }
}

fn object(scope: &Scope, key: &str) -> String {
    // `acme#p` is the folder `acme/p`.
    format!("{}/{key}", scope.to_string().replace('#', "/"))
}

fn unavailable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("bucket: {error}"))
}
