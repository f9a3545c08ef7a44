//! Consumers: a catalogue, for a scope has a limited number of them. Acknowledgements do not raise its version: each is
//! a single conditional write to the consumer's own record.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
};

pub use super::catalogue::CreateError;
use super::catalogue::{Catalogue, Record};
use super::key::version;
use super::{Db, StoreError, read};
use crate::domain::consumer::{AckToken, Consumer, MAX_CONSUMERS};
use crate::domain::export::Position;
use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::secrets::Keyring;

const KIND: &str = "consumer";

impl Record for Consumer {
    type Compiled = ();

    const FAMILY: ScopeFamily<'static> = ScopeFamily::Consumers;

    fn kind(&self) -> &'static str {
        KIND
    }

    fn id(&self) -> &str {
        &self.name
    }

    fn uid(&self) -> Option<&str> {
        Some(&self.uid)
    }

    fn revision_mut(&mut self) -> &mut u64 {
        &mut self.revision
    }

    fn compile(self, _known: Option<&()>) -> Option<()> {
        None
    }
}

/// A consumer, and whether it was there before.
#[derive(Debug)]
pub enum Opened {
    /// It was there.
    Known(Consumer),
    /// It is new.
    Created(Consumer),
}

/// The consumers of every scope.
#[derive(Clone)]
pub struct Consumers {
    catalogue: Catalogue<Consumer>,
}

impl Consumers {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db, keys: Keyring) -> Self {
        Self { catalogue: Catalogue::new(db, keys) }
    }

    /// The consumer of that name. If there is none, it is created, to begin at `from`, or now.
    ///
    /// # Errors
    /// [`CreateError`]; the limit is [`MAX_CONSUMERS`].
    pub async fn open(&self, scope: &Scope, name: &str, from: Option<Millis>) -> Result<Opened, CreateError> {
        if let Some(known) = self.catalogue.get(scope, KIND, name).await? {
            return Ok(Opened::Known(known));
        }
        let ports = &self.catalogue.db.ports;
        let now = ports.now();
        let new = Consumer {
            uid: ports.unique("csm"),
            name: name.to_owned(),
            position: Position::at(from.map_or(now, |from| from.min(now))),
            created_at: now,
            updated_at: now,
            revision: 1,
        };
        match self.catalogue.create(scope, &new, MAX_CONSUMERS).await {
            Ok(()) => Ok(Opened::Created(new)),
            // Another request was first, or this one has been carried out although its response was lost.
            Err(CreateError::Exists) => {
                let known = self.catalogue.get(scope, KIND, name).await?;
                Ok(Opened::Known(known.ok_or(StoreError::Conflict)?))
            }
            Err(error) => Err(error),
        }
    }

    /// Every consumer, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, scope: &Scope) -> Result<Vec<Consumer>, StoreError> {
        self.catalogue.list(scope).await
    }

    /// Moves a consumer's position forward to that of a token; never backwards, and only if the token is its own. Gives
    /// the consumer of that name as it then is; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn acknowledge(
        &self,
        scope: &Scope,
        name: &str,
        token: &AckToken,
        now: Millis,
    ) -> Result<Option<Consumer>, StoreError> {
        let (db, key) = (&self.catalogue.db, Catalogue::<Consumer>::key(scope, KIND, name));
        let update = db.client.update_item().table_name(&db.tables.config).set_key(Some(key.attributes()));
        let answer = update
            .update_expression("SET #position = :position, updated_at = :now")
            .condition_expression("uid = :uid AND #position < :position AND (attribute_not_exists(v) OR v <= :v)")
            .expression_attribute_names("#position", "position")
            .expression_attribute_values(":position", AttributeValue::S(token.position.to_string()))
            .expression_attribute_values(":v", version())
            .expression_attribute_values(":uid", AttributeValue::S(token.consumer.clone()))
            .expression_attribute_values(":now", AttributeValue::S(now.to_string()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        let item = match answer {
            Ok(answer) => answer.attributes,
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => failed.item().cloned(),
                _ => return Err(error.into()),
            },
        };
        item.filter(|item| !item.is_empty()).map(read).transpose()
    }

    /// Deletes a consumer; `false` if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete(&self, scope: &Scope, name: &str) -> Result<bool, StoreError> {
        Ok(self.catalogue.remove(scope, KIND, name).await?.is_some())
    }

    /// Deletes the consumers of a scope that is given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        self.catalogue.clear(scope).await
    }
}
