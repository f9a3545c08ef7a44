//! The kinds of destination that this process knows, each by its name.
//!
//! A kind has parameters of its own type; here they are JSON, so that routes, faces and the engine
//! know no kind.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::kind::{Accepted, Kind, KindSettings, PrepareError, Refusal, Target};
use super::moved;
use super::reach::Reach;
use super::s3::S3;
use super::sftp::Sftp;
use super::vault::Vault;
use super::webhook::Webhook;
use super::written::Faults;
use crate::domain::destination::Destination;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::ports::Ports;
use crate::secrets::Keyring;

/// The most targets kept prepared; past that the cache starts anew.
const MAX_PREPARED: usize = 1_000;

/// Parameters, and the secrets that were made for them: these are shown this once.
pub type Made<T> = (T, Map<String, Value>);

/// Prepared targets, by the uid and the revision of their route.
type Cache = HashMap<(String, u64), Arc<dyn Target>>;

/// Every kind of destination. Cheap to clone.
#[derive(Clone)]
pub struct Destinations {
    settings: KindSettings,
    kinds: BTreeMap<&'static str, Arc<dyn ErasedKind>>,
    prepared: Arc<Mutex<Cache>>,
}

impl Destinations {
    /// The kinds of the product. Targets have `timeout` to respond, unless they say otherwise; `observer` sees every
    /// AWS call.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    pub fn standard(
        keys: Keyring,
        ports: Ports,
        reach: impl Into<Reach>,
        timeout: Duration,
        observer: Option<SharedInterceptor>,
    ) -> Result<Self, reqwest::Error> {
        let settings = KindSettings { vault: Vault::new(keys, ports), reach: reach.into(), timeout, observer };
        let webhook = Webhook::new(&settings)?;
        Ok(Self { settings, kinds: BTreeMap::new(), prepared: Arc::default() }
            .with(|_| webhook)
            .with(S3::new)
            .with(Sftp::new))
    }

    /// With one more kind.
    #[must_use]
    pub fn with<K: Kind>(mut self, kind: impl FnOnce(&KindSettings) -> K) -> Self {
        self.kinds.insert(K::NAME, Arc::new(kind(&self.settings)));
        self
    }

    /// The parts that kinds are built from.
    #[must_use]
    pub fn settings(&self) -> &KindSettings {
        &self.settings
    }

    /// Seals and opens secrets.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.settings.vault
    }

    /// Reads what a user wrote, and checks all of it. Of `kept`, what is stored already, masked secrets stay. Gives the
    /// destination to store, and secrets that were generated, to be shown this once.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn accept(
        &self,
        scope: &Scope,
        kind: &str,
        written: Value,
        kept: Option<&Destination>,
    ) -> Result<Made<Destination>, Refusal> {
        let kept = kept.filter(|kept| kept.kind == kind).map(|kept| &kept.parameters);
        let (parameters, generated) = self.kind(kind)?.accept(scope, written, kept).await?;
        Ok((Destination { kind: kind.to_owned(), parameters }, generated))
    }

    /// Reads changes to a destination: a field that is missing stays, `null` removes it, a mask keeps its secret where it
    /// is sent.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn patch(
        &self,
        scope: &Scope,
        changes: Map<String, Value>,
        kept: &Destination,
    ) -> Result<Made<Destination>, Refusal> {
        let mut written = self.show(kept)?;
        if let Value::Object(fields) = &mut written {
            for (name, change) in changes {
                if change.is_null() {
                    fields.remove(&name);
                } else {
                    fields.insert(name, change);
                }
            }
        }
        self.accept(scope, &kept.kind, written, Some(kept)).await
    }

    /// Parameters with a new signing secret, and its text; the one before it signs too until then. `None` if the kind
    /// has no such secret.
    ///
    /// # Errors
    /// [`Refusal`] if a stored parameter cannot be read.
    pub fn rotate(
        &self,
        scope: &Scope,
        kept: &Destination,
        until: Millis,
    ) -> Result<Option<Made<Destination>>, Refusal> {
        let rotated = self.kind(&kept.kind)?.rotate(scope, &kept.parameters, until)?;
        let destination = |parameters| Destination { kind: kept.kind.clone(), parameters };
        Ok(rotated.map(|(parameters, generated)| (destination(parameters), generated)))
    }

    /// The parameters as a user may see them, secrets masked.
    ///
    /// # Errors
    /// [`PrepareError`] if they cannot be read.
    pub fn show(&self, destination: &Destination) -> Result<Value, PrepareError> {
        self.kind(&destination.kind)?.show(&destination.parameters)
    }

    /// The target of a route, its secrets opened; kept for as long as the route does not change.
    ///
    /// # Errors
    /// [`PrepareError`].
    pub fn prepare(
        &self,
        scope: &Scope,
        route_uid: &str,
        revision: u64,
        destination: &Destination,
    ) -> Result<Arc<dyn Target>, PrepareError> {
        let key = (route_uid.to_owned(), revision);
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(target) = prepared.get(&key) {
            return Ok(Arc::clone(target));
        }
        let target = self.kind(&destination.kind)?.prepare(scope, &destination.parameters)?;
        if prepared.len() >= MAX_PREPARED {
            prepared.clear();
        }
        prepared.insert(key, Arc::clone(&target));
        Ok(target)
    }

    fn kind(&self, name: &str) -> Result<&dyn ErasedKind, PrepareError> {
        let kind = self.kinds.get(name);
        kind.map(AsRef::as_ref).ok_or_else(|| PrepareError::Unusable(format!("there is no kind {name}")))
    }
}

/// A [`Kind`] whose parameters are JSON.
#[async_trait]
trait ErasedKind: Send + Sync {
    async fn accept(&self, scope: &Scope, written: Value, kept: Option<&Value>) -> Result<Made<Value>, Refusal>;

    fn rotate(&self, scope: &Scope, stored: &Value, until: Millis) -> Result<Option<Made<Value>>, Refusal>;

    fn show(&self, stored: &Value) -> Result<Value, PrepareError>;

    fn prepare(&self, scope: &Scope, stored: &Value) -> Result<Arc<dyn Target>, PrepareError>;
}

/// Reads stored parameters. The error tells nothing of them.
fn stored<K: Kind>(value: &Value) -> Result<K::Parameters, PrepareError> {
    K::Parameters::deserialize(value)
        .map_err(|_| PrepareError::Unusable(format!("these are no parameters of the kind {}", K::NAME)))
}

fn erased<P: Serialize>(accepted: Accepted<P>) -> Result<Made<Value>, PrepareError> {
    let parameters = serde_json::to_value(accepted.parameters);
    let parameters = parameters.map_err(|error| PrepareError::Unusable(error.to_string()))?;
    Ok((parameters, accepted.generated))
}

#[async_trait]
impl<K: Kind> ErasedKind for K {
    async fn accept(&self, scope: &Scope, written: Value, kept: Option<&Value>) -> Result<Made<Value>, Refusal> {
        let kept = kept.map(stored::<K>).transpose()?;
        let masks = moved::masks(&written);
        let accepted = Kind::accept(self, scope, written, kept.as_ref()).await?;
        if let Some(kept) = &kept {
            let mut faults = Faults::default();
            let origins = |parameters| move |pointer: &str| self.origins(parameters, pointer);
            moved::check(&mut faults, masks, origins(kept), origins(&accepted.parameters));
            faults.finish(Some(()))?;
        }
        Ok(erased(accepted)?)
    }

    fn rotate(&self, scope: &Scope, value: &Value, until: Millis) -> Result<Option<Made<Value>>, Refusal> {
        let rotated = Kind::rotate(self, scope, &stored::<K>(value)?, until)?;
        Ok(rotated.map(erased).transpose()?)
    }

    fn show(&self, value: &Value) -> Result<Value, PrepareError> {
        Ok(Kind::show(self, &stored::<K>(value)?))
    }

    fn prepare(&self, scope: &Scope, value: &Value) -> Result<Arc<dyn Target>, PrepareError> {
        Kind::prepare(self, scope, &stored::<K>(value)?)
    }
}
