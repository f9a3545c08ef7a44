//! How many attempts of each route have failed in a row.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, ReturnValue};

use super::{Routes, Snapshot};
use crate::domain::route::Route;
use crate::domain::scope::Scope;
use crate::store::catalogue::Catalogue;
use crate::store::{Item, StoreError};

/// How often an update is tried again while a transaction writes the version record.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// How many attempts in a row have failed, by route. The counts stand in the version record: it is read for each
/// message anyway, and is written only when something fails.
#[derive(Clone, Debug, Default)]
pub struct Failures(HashMap<String, u32>);

impl Failures {
    fn attribute(uid: &str) -> String {
        format!("failures#{uid}")
    }

    fn of(item: &Item) -> Self {
        let count =
            |(name, value): (&String, _)| Some((name.strip_prefix("failures#")?.to_owned(), number(Some(value))));
        Self(item.iter().filter_map(count).collect())
    }

    /// Those of one route.
    #[must_use]
    pub fn of_route(&self, uid: &str) -> u32 {
        self.0.get(uid).copied().unwrap_or_default()
    }
}

fn number(value: Option<&AttributeValue>) -> u32 {
    value.and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or_default()
}

impl Routes {
    /// The routes as they are now, and how many attempts of each have failed in a row: both by the same small read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn snapshot_and_failures(&self, scope: &Scope) -> Result<(Arc<Snapshot>, Failures), StoreError> {
        let (snapshot, item) = self.catalogue.snapshot_and_version_record(scope).await?;
        Ok((snapshot, Failures::of(&item)))
    }

    /// Counts failures of a route's target; gives how many there are now in a row.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_failures(&self, scope: &Scope, uid: &str, failed: u32) -> Result<u32, StoreError> {
        let attribute = Failures::attribute(uid);
        let update = self.change_failures(scope, "ADD #failures :failed", &attribute);
        let update = update.expression_attribute_values(":failed", AttributeValue::N(failed.to_string()));
        let answer = send(update.return_values(ReturnValue::UpdatedNew)).await?;
        Ok(answer.attributes.as_ref().map_or(0, |item| number(item.get(&attribute))))
    }

    /// Forgets the failures of a route whose target has answered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear_failures(&self, scope: &Scope, uid: &str) -> Result<(), StoreError> {
        send(self.change_failures(scope, "REMOVE #failures", &Failures::attribute(uid))).await?;
        Ok(())
    }

    fn change_failures(&self, scope: &Scope, change: &str, attribute: &str) -> UpdateItemFluentBuilder {
        let (db, key) = (&self.catalogue.db, Catalogue::<Route>::version_key(scope).attributes());
        let update = db.client.update_item().table_name(&db.tables.config).set_key(Some(key));
        update
            .update_expression(change)
            .expression_attribute_names("#failures", attribute)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }
}

/// Sends an update; again, if it met a transaction.
async fn send(update: UpdateItemFluentBuilder) -> Result<UpdateItemOutput, StoreError> {
    for attempt in 1..TRIES {
        match update.clone().send().await {
            Err(error) if met_transaction(&error) => tokio::time::sleep(PAUSE * attempt).await,
            sent => return Ok(sent?),
        }
    }
    Ok(update.send().await?)
}

fn met_transaction<R>(error: &SdkError<UpdateItemError, R>) -> bool {
    matches!(error.as_service_error(), Some(UpdateItemError::TransactionConflictException(_)))
}
