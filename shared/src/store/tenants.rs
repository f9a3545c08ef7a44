//! Tenants. One partition holds all: there are few, and they are listed together.

use aws_sdk_dynamodb::types::{Put, ReturnConsumedCapacity, TransactWriteItem};
use serde::Serialize;

use super::{Db, Key, StoreError, credentials};
use crate::domain::credentials::Credential;
use crate::domain::partition::GlobalPartition;
use crate::domain::scope::TenantId;
use crate::domain::tenant::Tenant;

/// Every tenant.
#[derive(Clone, Debug)]
pub struct Tenants {
    db: Db,
}

fn key(tenant: &TenantId) -> Key {
    Key::global(GlobalPartition::Tenants, &tenant.sort_key())
}

impl Tenants {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Creates a tenant together with its first credential, or neither: without one it could not be used.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it exists or has existed.
    pub async fn create(&self, tenant: &Tenant, first: &Credential) -> Result<(), StoreError> {
        let tenant = self.put(&key(&tenant.id), tenant)?;
        let first = self.put(&credentials::key(&first.tenant, &first.id), first)?;
        let write = self.db.client.transact_write_items().transact_items(tenant).transact_items(first);
        write.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await?;
        Ok(())
    }

    fn put(&self, key: &Key, record: &impl Serialize) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(&self.db.tables.config).set_item(Some(key.item(record)?));
        let put = put.condition_expression("attribute_not_exists(pk)").build();
        let put = put.map_err(|e| StoreError::Malformed(e.to_string()))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// The tenant of that id, even if it is deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, tenant: &TenantId) -> Result<Option<Tenant>, StoreError> {
        self.db.get(&self.db.tables.config, &key(tenant)).await
    }

    /// Every tenant by id, also those deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn all(&self) -> Result<Vec<Tenant>, StoreError> {
        self.db.all(&self.db.tables.config, &GlobalPartition::Tenants).await
    }

    /// Writes a tenant over the revision it was read at, and raises that revision.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it has changed since.
    pub async fn update(&self, tenant: &mut Tenant) -> Result<(), StoreError> {
        let read = tenant.revision;
        tenant.revision += 1;
        self.db.replace(&self.db.tables.config, &key(&tenant.id), tenant, read).await
    }
}
