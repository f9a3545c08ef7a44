//! Why a document cannot be taken or sent.

use crate::domain::problems::Problems;
use crate::engine::EngineError;
use crate::engine::lifecycle::LifecycleError;
use crate::secrets::KeyError;
use crate::store::StoreError;
use crate::store::routes::CreateError;

/// What a partner lacks before documents can be exchanged with it. For users to read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unready {
    /// It is inactive.
    #[error("The partner is inactive.")]
    Inactive,
    /// Documents are not sent over its transport.
    #[error("Documents are sent by the transports `as2` and `sftp`, and the partner has another.")]
    Transport,
    /// It is not said how it is reached.
    #[error("The partner has no `as2` configuration.")]
    NoAs2,
    /// The same.
    #[error("The partner has no `sftp` configuration.")]
    NoSftp,
    /// The identity that it names is gone, or it names none and there is not just one.
    #[error("The partner names no identity that exists; without a name there must be exactly one.")]
    NoIdentity,
    /// It has no certificate to encrypt for.
    #[error("The partner has no valid certificate of the usage `encryption`.")]
    NoEncryptionCertificate,
    /// It has none that its receipts are signed with.
    #[error("The partner has no certificate of the usage `signing`, and its MDNs must be signed.")]
    NoSigningCertificate,
    /// Something of it cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// A secret cannot be opened here and now.
    #[error(transparent)]
    Locked(#[from] KeyError),
}

/// Why a document was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// There is no such partner.
    #[error("there is no such partner")]
    NotFound,
    /// What is said of it is wrong.
    #[error("{} bad parameters", .0.0.len())]
    Facts(Problems),
    /// The partner is not ready.
    #[error(transparent)]
    Unready(#[from] Unready),
    /// The scope has as many routes as it may.
    #[error("the scope has the most routes of partners")]
    LimitReached,
    /// Our own side.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for DocumentError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<LifecycleError> for DocumentError {
    fn from(error: LifecycleError) -> Self {
        match error {
            LifecycleError::Create(CreateError::LimitReached) => Self::LimitReached,
            LifecycleError::Create(CreateError::Exists) => StoreError::Conflict.into(),
            LifecycleError::Create(CreateError::Store(error)) => error.into(),
            LifecycleError::Engine(error) => Self::Engine(error),
        }
    }
}
