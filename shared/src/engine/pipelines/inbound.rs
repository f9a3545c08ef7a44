//! Inbound webhooks: durable before they are answered, worked on after.

use sha2::{Digest as _, Sha256};

use super::{Pipelines, Standing};
use crate::domain::json::{JsonFault, MAX_PAYLOAD_DEPTH, Scanner};
use crate::domain::pipeline::config::Config;
use crate::domain::pipeline::instance::{EffectiveStatus, Instance};
use crate::domain::pipeline::run::{Job, Run, Trigger};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::domain::value::{NotJson, Value};
use crate::engine::EngineError;

/// A webhook that came in.
#[derive(Clone, Debug)]
pub struct Inbound<'a> {
    /// The body.
    pub body: &'a [u8],
    /// The kind of its records; missing: the instance's only one.
    pub entity_type: Option<&'a str>,
    /// The sender's id of it: a second one of the same id changes nothing.
    pub id: Option<&'a str>,
    /// When the sender says that it happened.
    pub triggered_at: Option<Millis>,
}

/// Why a webhook was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum InboundError {
    /// The instance does not run.
    #[error("the instance does not run")]
    Inactive(EffectiveStatus),
    /// The instance has no such entity type, or several and none was named.
    #[error("no such entity type")]
    EntityType(Vec<String>),
    /// The body is no JSON, or nests too deep.
    #[error(transparent)]
    Body(#[from] NotJson),
    /// The body is JSON that its readers do not read alike.
    #[error(transparent)]
    Ambiguous(#[from] JsonFault),
    /// Our own side.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Pipelines {
    /// Accepts a webhook: gives the id of its run, and whether it was new.
    ///
    /// # Errors
    /// [`InboundError`].
    pub async fn accept(
        &self,
        scope: &Scope,
        instance: &Config<Instance>,
        inbound: &Inbound<'_>,
    ) -> Result<(String, bool), InboundError> {
        check(inbound.body)?;
        let Standing { status, entity_types } = self.standing(scope, &instance.body).await?;
        if status != EffectiveStatus::Active {
            return Err(InboundError::Inactive(status));
        }
        let entity_type = named(entity_types, inbound.entity_type)?;
        let now = self.ports.now();
        let mut id = self.new_id();
        if let Some(webhook) = inbound.id {
            let first = self.stores.runs.claim(scope, &subject(instance, webhook), &id).await;
            id = first.map_err(EngineError::from)?;
        }
        let job = Job::Inbound { triggered_at: inbound.triggered_at };
        let run = Run::new(id, &instance.id, &entity_type, (Trigger::Inbound, job), now);
        let known = self.stores.runs.get(scope, &run.id).await.map_err(EngineError::from)?;
        if known.is_some() {
            return Ok((run.id, false));
        }
        self.stores.payloads.keep(scope, &run.id, inbound.body).await.map_err(EngineError::from)?;
        let new = self.start(scope, &run).await?;
        Ok((run.id, new))
    }
}

/// Checks a body: a record of it may become an event.
fn check(body: &[u8]) -> Result<(), InboundError> {
    Value::parse_within(body, MAX_PAYLOAD_DEPTH)?;
    // What is JSON is UTF-8.
    let text = std::str::from_utf8(body).unwrap_or_default();
    Ok(Scanner::within(MAX_PAYLOAD_DEPTH).check(text)?)
}

/// The entity type that is asked for; the only one if none is.
fn named(types: Vec<String>, asked: Option<&str>) -> Result<String, InboundError> {
    let found = match (asked, &types[..]) {
        (Some(asked), types) => types.iter().find(|known| known.eq_ignore_ascii_case(asked)).cloned(),
        (None, [only]) => Some(only.clone()),
        (None, _) => None,
    };
    found.ok_or(InboundError::EntityType(types))
}

/// What a webhook of that id is known by.
fn subject(instance: &Config<Instance>, id: &str) -> String {
    hex::encode(Sha256::new().chain_update(&instance.id).chain_update([0]).chain_update(id).finalize())
}
