//! Writes to a catalogue: each raises the version, and counts, in one transaction.

use std::time::Duration;

use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnConsumedCapacity, TransactWriteItem, Update};

use super::{Catalogue, Record, Snapshot};
use crate::domain::scope::Scope;
use crate::ports::Ports;
use crate::store::db::put_if;
use crate::store::{Item, StoreError};

/// How often a conflicting write is tried again.
const TRIES: u32 = 8;
/// The longest pause between two tries, before jitter.
const MAX_PAUSE_MILLIS: u32 = 100;

/// Why a record was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The id is taken.
    #[error("a record of that id exists already")]
    Exists,
    /// The scope has as many of the kind as it may.
    #[error("the scope has the most records of this kind")]
    LimitReached,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The result of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// There was no record of that id.
    Created,
    /// There was one.
    Replaced,
    /// There was none, and the scope has as many as it may.
    LimitReached,
}

impl<R: Record> Catalogue<R> {
    /// Creates a record, if the scope has fewer than `limit` of its kind.
    ///
    /// # Errors
    /// [`CreateError`].
    pub async fn create(&self, scope: &Scope, record: &R, limit: usize) -> Result<(), CreateError> {
        self.create_beside(scope, record, limit, None).await
    }

    /// The same, for a record that agrees with those that were seen.
    ///
    /// # Errors
    /// [`CreateError`]; [`StoreError::Conflict`] if any of the scope was written since.
    pub async fn create_beside(
        &self,
        scope: &Scope,
        record: &R,
        limit: usize,
        seen: Option<&Snapshot<R>>,
    ) -> Result<(), CreateError> {
        let put = Put::builder().table_name(self.table()).set_item(Some(self.item(scope, record)?));
        let put = put.condition_expression("attribute_not_exists(pk)").build().map_err(malformed)?;
        let count = self
            .raise(scope, (seen, &["(attribute_not_exists(#count) OR #count < :limit)"]))
            .update_expression("ADD version :one, #count :one")
            .expression_attribute_names("#count", count_attribute(record.kind()))
            .expression_attribute_values(":limit", AttributeValue::N(limit.to_string()))
            .build()
            .map_err(malformed)?;
        match self.transact(scope, TransactWriteItem::builder().put(put).build(), count).await {
            Err(StoreError::Conflict) if self.exists(scope, record).await? => Err(CreateError::Exists),
            Err(StoreError::Conflict) if self.has_moved(scope, seen).await? => Err(StoreError::Conflict.into()),
            Err(StoreError::Conflict) => Err(CreateError::LimitReached),
            other => Ok(other?),
        }
    }

    async fn has_moved(&self, scope: &Scope, seen: Option<&Snapshot<R>>) -> Result<bool, StoreError> {
        let Some(seen) = seen else { return Ok(false) };
        Ok(self.snapshot(scope).await?.version != seen.version)
    }

    /// Whether there is a record of that id, readable or not.
    async fn exists(&self, scope: &Scope, record: &R) -> Result<bool, StoreError> {
        let key = Self::key(scope, record.kind(), record.id());
        Ok(self.db.item(self.table(), &key).await?.is_some())
    }

    /// Writes a record over the revision it was read at, and raises that revision.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it was written in between.
    pub async fn update(&self, scope: &Scope, record: &mut R) -> Result<(), StoreError> {
        self.update_beside(scope, record, None).await
    }

    /// The same, for a record that agrees with those that were seen.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if any of the scope was written since.
    pub async fn update_beside(
        &self,
        scope: &Scope,
        record: &mut R,
        seen: Option<&Snapshot<R>>,
    ) -> Result<(), StoreError> {
        let read = *record.revision_mut();
        *record.revision_mut() = read + 1;
        let written = self.write_over(scope, record, (read, seen)).await;
        if written.is_err() {
            *record.revision_mut() = read;
        }
        written
    }

    async fn write_over(
        &self,
        scope: &Scope,
        record: &R,
        (read, seen): (u64, Option<&Snapshot<R>>),
    ) -> Result<(), StoreError> {
        let put = Put::builder().table_name(self.table()).set_item(Some(self.item(scope, record)?));
        let (condition, values) = unchanged(record, read);
        let put = put.condition_expression(condition).set_expression_attribute_values(Some(values));
        let put = put.build().map_err(malformed)?;
        let raise = self.raise(scope, (seen, &[])).update_expression("ADD version :one").build().map_err(malformed)?;
        self.transact(scope, TransactWriteItem::builder().put(put).build(), raise).await
    }

    /// Deletes a record as it was read.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it was written in between.
    pub async fn delete(&self, scope: &Scope, record: &R) -> Result<(), StoreError> {
        let (condition, values) = unchanged(record, *record.clone().revision_mut());
        let delete = Delete::builder()
            .table_name(self.table())
            .set_key(Some(Self::key(scope, record.kind(), record.id()).attributes()))
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values))
            .build()
            .map_err(malformed)?;
        let raise = self
            .raise(scope, (None, &[]))
            .update_expression("ADD version :one, #count :less")
            .expression_attribute_names("#count", count_attribute(record.kind()))
            .expression_attribute_values(":less", AttributeValue::N("-1".to_owned()))
            .build()
            .map_err(malformed)?;
        self.transact(scope, TransactWriteItem::builder().delete(delete).build(), raise).await
    }

    /// Deletes the record of that id, whatever it has become; gives it as it was. `None`: there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove(&self, scope: &Scope, kind: &str, id: &str) -> Result<Option<R>, StoreError> {
        for attempt in 0..TRIES {
            let Some(record) = self.get(scope, kind, id).await? else { return Ok(None) };
            match self.delete(scope, &record).await {
                Ok(()) => return Ok(Some(record)),
                Err(StoreError::Conflict) => pause(self.ports(), attempt).await,
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// Creates or replaces a record; `inherit` takes over what stays of the one that is replaced.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put(
        &self,
        scope: &Scope,
        record: &mut R,
        limit: usize,
        inherit: impl Fn(&mut R, &R),
    ) -> Result<Placed, StoreError> {
        for attempt in 0..TRIES {
            let known = self.get(scope, record.kind(), record.id()).await?;
            let Some(mut known) = known else {
                *record.revision_mut() = 1;
                match self.create(scope, record, limit).await {
                    Ok(()) => return Ok(Placed::Created),
                    Err(CreateError::LimitReached) => return Ok(Placed::LimitReached),
                    Err(CreateError::Exists) => continue,
                    Err(CreateError::Store(error)) => return Err(error),
                }
            };
            inherit(record, &known);
            *record.revision_mut() = *known.revision_mut();
            match self.update(scope, record).await {
                Ok(()) => return Ok(Placed::Replaced),
                Err(StoreError::Conflict) => pause(self.ports(), attempt).await,
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// Reads a record, applies `change`, and writes it if `change` says that it has changed something; on a conflict
    /// it starts over. Returns the record as it now is; `None` if there is none of that id, or it has another uid.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn change(
        &self,
        scope: &Scope,
        name: (&str, &str),
        uid: Option<&str>,
        change: impl FnMut(&mut R) -> bool,
    ) -> Result<Option<R>, StoreError> {
        self.change_by(scope, name, uid, (change, Version::Raised)).await
    }

    /// The same, without a new version: caches keep the record as it was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn change_quietly(
        &self,
        scope: &Scope,
        name: (&str, &str),
        uid: Option<&str>,
        change: impl FnMut(&mut R) -> bool,
    ) -> Result<Option<R>, StoreError> {
        self.change_by(scope, name, uid, (change, Version::Kept)).await
    }

    async fn write_quietly(&self, scope: &Scope, record: &mut R) -> Result<(), StoreError> {
        let read = *record.revision_mut();
        *record.revision_mut() = read + 1;
        let (condition, values) = unchanged(record, read);
        let put = self.db.client.put_item().table_name(self.table()).condition_expression(condition);
        put_if(put.set_expression_attribute_values(Some(values)), self.item(scope, record)?).await
    }

    async fn change_by(
        &self,
        scope: &Scope,
        (kind, id): (&str, &str),
        uid: Option<&str>,
        (mut change, version): (impl FnMut(&mut R) -> bool, Version),
    ) -> Result<Option<R>, StoreError> {
        for attempt in 0..TRIES {
            let Some(mut record) = self.get(scope, kind, id).await? else { return Ok(None) };
            if uid.is_some() && record.uid() != uid {
                return Ok(None);
            }
            if !change(&mut record) {
                return Ok(Some(record));
            }
            let written = match version {
                Version::Raised => self.update(scope, &mut record).await,
                Version::Kept => self.write_quietly(scope, &mut record).await,
            };
            match written {
                Ok(()) => return Ok(Some(record)),
                Err(StoreError::Conflict) => pause(self.ports(), attempt).await,
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// Deletes the whole catalogue of a scope that is given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        self.db.clear(self.table(), &scope.partition(R::FAMILY)).await
    }

    fn item(&self, scope: &Scope, record: &R) -> Result<Item, StoreError> {
        let mut item = Self::key(scope, record.kind(), record.id()).item(record)?;
        record.seal(&mut item, &self.sealer(scope))?;
        Ok(item)
    }

    /// Raises the version, if it is the one that was seen and these conditions hold.
    fn raise(&self, scope: &Scope, (seen, conditions): (Option<&Snapshot<R>>, &[&str])) -> UpdateBuilder {
        let mut conditions = conditions.to_vec();
        let mut raise = Update::builder()
            .table_name(self.table())
            .set_key(Some(Self::version_key(scope).attributes()))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        match seen.map(|seen| seen.version) {
            Some(0) => conditions.push("attribute_not_exists(version)"),
            Some(version) => {
                conditions.push("version = :seen");
                raise = raise.expression_attribute_values(":seen", AttributeValue::N(version.to_string()));
            }
            None => {}
        }
        raise.set_condition_expression(Some(conditions.join(" AND ")).filter(|all| !all.is_empty()))
    }

    async fn transact(&self, scope: &Scope, write: TransactWriteItem, raise: Update) -> Result<(), StoreError> {
        let raise = TransactWriteItem::builder().update(raise).build();
        let call = self.db.client.transact_write_items().transact_items(write).transact_items(raise);
        let call = call.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let mut sent = call.clone().send().await;
        for attempt in 1..TRIES {
            if !sent.as_ref().is_err_and(is_contended) {
                break;
            }
            pause(self.ports(), attempt).await;
            sent = call.clone().send().await;
        }
        sent?;
        self.cache.changed(scope, self.ports().now());
        Ok(())
    }
}

/// Whether a change makes caches read the records anew.
#[derive(Clone, Copy)]
enum Version {
    Raised,
    Kept,
}

/// The condition that a record is as it was read.
fn unchanged<R: Record>(record: &R, read: u64) -> (&'static str, Item) {
    let mut values = Item::from([(":read".to_owned(), AttributeValue::N(read.to_string()))]);
    let Some(uid) = record.uid() else { return ("revision = :read", values) };
    values.insert(":uid".to_owned(), AttributeValue::S(uid.to_owned()));
    ("revision = :read AND uid = :uid", values)
}

/// Whether another transaction on the version record was under way, and nothing else is wrong.
fn is_contended<R>(error: &SdkError<TransactWriteItemsError, R>) -> bool {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
        return false;
    };
    let mut codes = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).peekable();
    codes.peek().is_some() && codes.all(|code| matches!(code, "None" | "TransactionConflict"))
}

/// Waits a little after a conflict, longer after each, so that writers do not meet again.
async fn pause(ports: &Ports, attempt: u32) {
    let most = (5_u32 << attempt.min(8)).min(MAX_PAUSE_MILLIS);
    tokio::time::sleep(Duration::from_millis(most.into()).mul_f64(0.5 + ports.fraction() / 2.0)).await;
}

/// The attribute of the version record that counts the records of a kind.
fn count_attribute(kind: &str) -> String {
    format!("{kind}_count")
}

fn malformed(error: BuildError) -> StoreError {
    StoreError::Malformed(error.to_string())
}
