//! The public keys of access tokens. The function that issues tokens writes them, and no other may; all that
//! authenticate callers read them.

use aws_sdk_dynamodb::types::AttributeValue;

use super::db::put_or_find;
use super::{Db, Key, StoreError};
use crate::domain::partition::{GlobalPartition, SortKey};
use crate::tokens::PublishedKeys;

/// The one record of the deployment.
#[derive(Clone, Debug)]
pub struct VerificationKeys {
    db: Db,
}

fn key() -> Key {
    Key::global(GlobalPartition::TokenKeys, &SortKey::of_unique("published"))
}

impl VerificationKeys {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// The keys as they are now; none before the first token.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self) -> Result<PublishedKeys, StoreError> {
        Ok(self.db.get(&self.db.tables.config, &key()).await?.unwrap_or_default())
    }

    /// Publishes the keys of a ring, unless those of a newer one are there. Returns what is published then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn publish(&self, keys: &PublishedKeys) -> Result<PublishedKeys, StoreError> {
        let known = self.get().await?;
        if known.keys == keys.keys || known.made_at > keys.made_at {
            return Ok(known);
        }
        let put = self.db.client.put_item().table_name(&self.db.tables.config).set_item(Some(key().item(keys)?));
        let put = put
            .condition_expression("attribute_not_exists(pk) OR made_at <= :made_at")
            .expression_attribute_values(":made_at", AttributeValue::S(keys.made_at.to_string()));
        let newer = put_or_find(put, |found| found == keys).await?;
        Ok(newer.unwrap_or_else(|| keys.clone()))
    }
}
