//! Leases: which worker is at a route. A worker that does not renew its lease has lost it.

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};

use super::{Db, Key, StoreError, was_made};
use crate::domain::partition::RouteFamily;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

/// How long a lease is good after it was taken or renewed.
pub const LEASE: Duration = Duration::from_secs(10);

/// The leases of every route.
#[derive(Clone, Debug)]
pub struct Leases {
    db: Db,
}

fn key(scope: &Scope, route: &str) -> Key {
    Key::new(&scope.route_partition(RouteFamily::Export, route), "lease")
}

impl Leases {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Takes a lease; `false` while another holder has it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take(&self, scope: &Scope, route: &str, holder: &str, now: Millis) -> Result<bool, StoreError> {
        let take = self
            .set(scope, route, holder, now.plus(LEASE))
            .condition_expression("attribute_not_exists(holder) OR holder = :holder OR #until <= :now")
            .expression_attribute_values(":now", AttributeValue::N(self.db.run_out(LEASE, now).0.to_string()));
        was_made(take.send().await)
    }

    /// Renews a lease; `false` if another holder has taken it meanwhile, even if it was given back since.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn renew(&self, scope: &Scope, route: &str, holder: &str, now: Millis) -> Result<bool, StoreError> {
        let renew = self.set(scope, route, holder, now.plus(LEASE)).condition_expression("holder = :holder");
        was_made(renew.send().await)
    }

    /// Gives a lease back, if the holder has it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release(&self, scope: &Scope, route: &str, holder: &str) -> Result<(), StoreError> {
        let give_back = self.set(scope, route, holder, Millis::ZERO).condition_expression("holder = :holder");
        was_made(give_back.send().await).map(drop)
    }

    fn set(&self, scope: &Scope, route: &str, holder: &str, until: Millis) -> UpdateItemFluentBuilder {
        let update = self.db.client.update_item().table_name(&self.db.tables.config);
        update
            .set_key(Some(key(scope, route).attributes()))
            .update_expression("SET holder = :holder, #until = :until")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":holder", AttributeValue::S(holder.to_owned()))
            .expression_attribute_values(":until", AttributeValue::N(until.0.to_string()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }
}
