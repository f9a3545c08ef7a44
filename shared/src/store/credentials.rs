//! API clients and API keys. A key is found by its digest; nothing of the key itself is stored.

use serde::{Deserialize, Serialize};

use super::{Db, Key, StoreError};
use crate::domain::credentials::{ApiClient, ApiKey, Digest256};
use crate::domain::scope::TenantId;
use crate::domain::time::Millis;

/// A tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// When it was made.
    pub created_at: Millis,
}

/// The credentials of every tenant.
#[derive(Clone, Debug)]
pub struct Credentials {
    db: Db,
}

// These keys stand outside any scope: a caller has none before it is known.
fn client_key(client_id: &str) -> Key {
    Key::new(format!("client#{client_id}"), "client")
}

fn digest_key(digest: &Digest256) -> Key {
    Key::new(format!("key#{}", digest.as_str()), "key")
}

fn tenant_key(tenant: &TenantId) -> Key {
    Key::new("tenants".to_owned(), tenant.as_str())
}

impl Credentials {
    /// Over the configuration table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Makes a tenant.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where it exists.
    pub async fn create_tenant(&self, tenant: &Tenant) -> Result<(), StoreError> {
        self.db.create(&self.db.tables.config, &tenant_key(&tenant.id), tenant).await
    }

    /// Every tenant.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.db.all(&self.db.tables.config, "tenants").await
    }

    /// Makes a client.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the id is taken.
    pub async fn create_client(&self, client: &ApiClient) -> Result<(), StoreError> {
        self.db.create(&self.db.tables.config, &client_key(&client.client_id), client).await
    }

    /// The client of that id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn client(&self, client_id: &str) -> Result<Option<ApiClient>, StoreError> {
        self.db.get(&self.db.tables.config, &client_key(client_id)).await
    }

    /// Makes a key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where it exists.
    pub async fn create_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        self.db.create(&self.db.tables.config, &digest_key(&key.digest), key).await
    }

    /// The key whose text is `presented`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key(&self, presented: &str) -> Result<Option<ApiKey>, StoreError> {
        let found: Option<ApiKey> = self.db.get(&self.db.tables.config, &digest_key(&Digest256::of(presented))).await?;
        Ok(found.filter(|key| key.digest.matches(presented)))
    }
}
