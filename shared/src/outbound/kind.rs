//! The operations of every kind of destination: reading its parameters, and sending.
//!
//! A kind is one folder beside this file and one line in [`super::registry`]. It knows no route and no face: parameters
//! come in and go out as JSON, and the engine hands it finished bodies.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::moved::Origins;
use super::reach::Reach;
use super::vault::Vault;
use crate::domain::attempt::Attempt;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::secrets::KeyError;

/// The parts that kinds are built from.
#[derive(Clone)]
pub struct KindSettings {
    /// Seals and opens secrets.
    pub vault: Vault,
    /// Which addresses may be reached.
    pub reach: Reach,
    /// A target's time to respond, unless its parameters say otherwise.
    pub timeout: Duration,
    /// Sees every AWS call, to count it.
    pub observer: Option<SharedInterceptor>,
}

/// A kind of destination.
#[async_trait]
pub trait Kind: Send + Sync + 'static {
    /// Its parameters as they are stored, secrets sealed.
    type Parameters: Serialize + DeserializeOwned + Send + Sync;

    /// Its name in records.
    const NAME: &'static str;

    /// Reads what a user wrote and checks all of it. `kept` is what is stored already: where a secret is the mask, the
    /// stored one stays. Whether it may stay where it is then sent, is checked for all kinds alike.
    ///
    /// # Errors
    /// [`Refusal`], with every fault.
    async fn accept(
        &self,
        scope: &Scope,
        written: Value,
        kept: Option<&Self::Parameters>,
    ) -> Result<Accepted<Self::Parameters>, Refusal>;

    /// The servers that the secret at a JSON Pointer of the parameters is sent to: a mask does not keep it for others.
    fn origins(&self, parameters: &Self::Parameters, pointer: &str) -> Origins;

    /// The parameters as a user may see them, secrets masked; what [`Kind::accept`] reads.
    fn show(&self, parameters: &Self::Parameters) -> Value;

    /// The same parameters with a new signing secret; the one before it signs too until then. `None` if the kind has
    /// no such secret.
    ///
    /// # Errors
    /// [`KeyError`].
    fn rotate(
        &self,
        _scope: &Scope,
        _parameters: &Self::Parameters,
        _until: Millis,
    ) -> Result<Option<Accepted<Self::Parameters>>, KeyError> {
        Ok(None)
    }

    /// Opens the secrets; the result is kept for as long as the route does not change.
    ///
    /// # Errors
    /// [`PrepareError`] if a stored parameter cannot be used.
    fn prepare(&self, scope: &Scope, parameters: &Self::Parameters) -> Result<Arc<dyn Target>, PrepareError>;
}

/// Parameters that passed every check.
#[derive(Debug)]
pub struct Accepted<P> {
    /// The parameters to store.
    pub parameters: P,
    /// Secrets that were generated, by field: shown to the user this once.
    pub generated: Map<String, Value>,
}

/// A bad field of the parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A JSON Pointer into what the user wrote.
    pub pointer: String,
    /// The error in words.
    pub message: String,
    /// An `error_code` of its own, such as `insecure_url`.
    pub code: Option<&'static str>,
}

/// Why parameters were not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Every field that is wrong.
    #[error("{} bad fields", .0.len())]
    Faults(Vec<Fault>),
    /// A secret could not be sealed or opened.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The stored parameters cannot be used.
    #[error(transparent)]
    Stored(#[from] PrepareError),
}

/// Why a stored destination cannot be used. Its text is for the operator's log.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A stored secret.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// Another stored parameter.
    #[error("a stored destination is not usable: {0}")]
    Unusable(String),
}

/// One thing to send.
#[derive(Clone, Debug)]
pub struct Parcel<'a> {
    /// Stable over all attempts.
    pub id: &'a str,
    /// Its media type.
    pub content_type: &'static str,
    /// The body, as the route's face writes it.
    pub body: Bytes,
    /// The time of this attempt.
    pub sent_at: Millis,
    /// Whether the user asked for it again.
    pub replay: bool,
}

/// A destination that is ready to send to.
#[async_trait]
pub trait Target: Debug + Send + Sync {
    /// How logs name it: no secret, no query of a URL.
    fn label(&self) -> &str;

    /// The most sends in a second.
    fn max_per_second(&self) -> Option<u32> {
        None
    }

    /// Sends one thing; never an error, always a verdict.
    async fn send(&self, parcel: Parcel<'_>) -> Attempt;

    /// The full key of a file of that name, for kinds that take files.
    fn file_key(&self, name: &str) -> Option<String> {
        let _ = name;
        None
    }

    /// Discards what is left of a file that was begun under a key and never finished, where that can be found.
    async fn discard_unfinished(&self, key: &str) {
        let _ = key;
    }

    /// Begins a file under a key from [`Target::file_key`].
    fn create_file(&self, key: &str) -> Option<Box<dyn FileWriter>> {
        let _ = key;
        None
    }
}

/// A file being written: nothing is there before [`FileWriter::finish`].
#[async_trait]
pub trait FileWriter: Send {
    /// Bytes taken so far.
    fn written(&self) -> u64;

    /// Adds a line and its end.
    ///
    /// # Errors
    /// [`FileError`].
    async fn line(&mut self, line: &[u8]) -> Result<(), FileError>;

    /// Closes the file: from now on it is there, whole.
    ///
    /// # Errors
    /// [`FileError`]; then nothing is there.
    async fn finish(self: Box<Self>) -> Result<(), FileError>;

    /// Gives the file up.
    async fn abort(self: Box<Self>);
}

/// Why a file could not be written, in words fit for the route's log: no secrets, no internals.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FileError(pub String);
