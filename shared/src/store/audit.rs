//! The audit log: actor, action, object and source address of every change.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::db::first;
use super::{Db, Key, StoreError};
use crate::domain::partition::{Partition, ScopeFamily};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

/// Thirteen months: a year, and time to look at it.
const KEPT: Duration = Duration::from_secs(400 * 86_400);

/// An entry: one change.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditEntry {
    /// The entry's own id.
    #[schema(example = "aud_0199c2f1e0a17c3f8b1d2e3f4a5b6c7d", pattern = "^aud_[0-9a-f]{32}$")]
    pub id: String,
    /// The time of the change.
    pub time: Millis,
    /// The client or key that made the change.
    pub actor: String,
    /// The operation's id.
    #[schema(example = "integrations.create")]
    pub action: String,
    /// The kind of object that it changed.
    #[schema(example = "integration")]
    pub entity_type: String,
    /// The object's id; empty if the response names none.
    #[schema(max_length = 256)]
    pub entity_id: String,
    /// Further facts: the request's id, the other parts of the path, what the endpoint adds. Never a secret.
    pub details: Map<String, Value>,
    /// The source address of the request.
    pub source_ip: Option<String>,
}

#[derive(Serialize)]
struct Record<'a> {
    #[serde(flatten)]
    entry: &'a AuditEntry,
    expires_at: i64,
}

/// The audit logs of every scope.
#[derive(Clone, Debug)]
pub struct AuditLog {
    db: Db,
}

fn partition(scope: &Scope) -> Partition {
    scope.partition(ScopeFamily::Audit)
}

impl AuditEntry {
    /// Where it stands in the log; sorts by time.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{:013}#{}", self.time.0, self.id)
    }
}

impl AuditLog {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// A new entry's id.
    #[must_use]
    pub fn new_id(&self) -> String {
        self.db.ports.unique("aud")
    }

    /// Adds an entry; once this returns, it is durable.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add(&self, scope: &Scope, entry: &AuditEntry) -> Result<(), StoreError> {
        let record = Record { entry, expires_at: entry.time.plus(KEPT).as_secs() };
        self.db.put(&self.db.tables.activity, &Key::new(&partition(scope), entry.place()), &record).await
    }

    /// The newest entries, or those before a [`AuditEntry::place`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn page(&self, scope: &Scope, before: Option<&str>, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let mut query = self.db.query(&self.db.tables.activity, &partition(scope));
        if let Some(before) = before {
            query = query
                .key_condition_expression("pk = :pk AND sk < :before")
                .expression_attribute_values(":before", AttributeValue::S(before.to_owned()));
        }
        first(query.scan_index_forward(false).consistent_read(true), limit).await
    }
}
