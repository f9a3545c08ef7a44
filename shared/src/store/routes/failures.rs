//! How many attempts of a route have failed in a row: an item of its own, which is written only when something fails.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, ReturnValue};
use serde::Deserialize;

use super::Routes;
use crate::domain::partition::RouteFamily;
use crate::domain::scope::Scope;
use crate::store::{Key, StoreError};

#[derive(Deserialize)]
struct Record {
    failures: u32,
}

fn key(scope: &Scope, uid: &str) -> Key {
    Key::new(&scope.route_partition(RouteFamily::Health, uid), "failures")
}

impl Routes {
    /// How many attempts of a route have failed in a row.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn failures(&self, scope: &Scope, uid: &str) -> Result<u32, StoreError> {
        let db = &self.catalogue.db;
        let record: Option<Record> = db.get(&db.tables.activity, &key(scope, uid)).await?;
        Ok(record.map_or(0, |record| record.failures))
    }

    /// Counts failures of a route's target; gives how many there are now in a row.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_failures(&self, scope: &Scope, uid: &str, failed: u32) -> Result<u32, StoreError> {
        let update = self.change_failures(scope, uid, "ADD failures :failed");
        let update = update.expression_attribute_values(":failed", AttributeValue::N(failed.to_string()));
        let answer = update.return_values(ReturnValue::UpdatedNew).send().await?;
        let count = answer.attributes.and_then(|item| item.get("failures")?.as_n().ok()?.parse().ok());
        count.ok_or_else(|| StoreError::Malformed("failures in a row".to_owned()))
    }

    /// Forgets the failures of a route whose target has answered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear_failures(&self, scope: &Scope, uid: &str) -> Result<(), StoreError> {
        let update = self.change_failures(scope, uid, "SET failures = :none");
        update.expression_attribute_values(":none", AttributeValue::N("0".to_owned())).send().await?;
        Ok(())
    }

    fn change_failures(&self, scope: &Scope, uid: &str, change: &str) -> UpdateItemFluentBuilder {
        let db = &self.catalogue.db;
        let update = db.client.update_item().table_name(&db.tables.activity);
        let update = update.set_key(Some(key(scope, uid).attributes())).update_expression(change);
        update.return_consumed_capacity(ReturnConsumedCapacity::Total)
    }
}
