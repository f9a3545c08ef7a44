//! Reads one transaction, with its attempts.

use super::headers::Header;
use super::query::{MAX_QUERIES, Pages};
use super::{SPAN, Transactions, entry_key};
use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::domain::transaction::{Outcome, TransactionFilter, TransactionId};
use crate::store::db::first;
use crate::store::{Item, StoreError, read};

/// Attempts of one transaction that are shown.
const MAX_ATTEMPTS: usize = 100;

/// A transaction and where it stands.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its last attempt.
    pub last: Outcome,
    /// Its attempts, the first one first.
    pub attempts: Vec<Outcome>,
    /// The header that it stands under; none if it has an entry.
    pub header: Option<String>,
}

impl Transactions {
    /// One transaction with its attempts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(&self, scope: &Scope, id: &TransactionId) -> Result<Option<Found>, StoreError> {
        if let Some(item) = self.db.item(self.table(), &entry_key(scope, id)).await? {
            let attempts = self.attempts(scope, id).await?;
            return Ok(Some(Found { last: read(item)?, attempts, header: None }));
        }
        let bounds = (format!("{:013}", id.logged_at.0), format!("{:013}", id.logged_at.plus(SPAN).0));
        let query = self.query(scope, ScopeFamily::Deliveries, bounds);
        let mut pages = Pages::new(query, false);
        let asked = TransactionFilter { route: Some(id.route.clone()), ..TransactionFilter::default() };
        let mut missing = Ok(None);
        for _ in 0..MAX_QUERIES {
            for item in pages.next().await? {
                match self.find_in(scope, item, id, &asked).await {
                    Ok(None) => {}
                    // Another header may have it; if none has, it may be in this one.
                    Err(error @ StoreError::Malformed(_)) => missing = Err(error),
                    found => return found,
                }
            }
            if pages.done {
                break;
            }
        }
        missing
    }

    async fn find_in(
        &self,
        scope: &Scope,
        header: Item,
        id: &TransactionId,
        asked: &TransactionFilter,
    ) -> Result<Option<Found>, StoreError> {
        let header = Header::read(header)?;
        if !header.lists(&asked.keys(), Millis(id.logged_at.0 + 1)) {
            return Ok(None);
        }
        let outcomes = self.load(scope, &header, asked).await?;
        let found = outcomes.into_iter().find(|(_, outcome)| outcome.id() == *id);
        Ok(found.map(|(_, last)| Found { attempts: vec![last.clone()], last, header: Some(header.at) }))
    }

    /// The attempts of a transaction that has an entry, the first one first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attempts(&self, scope: &Scope, id: &TransactionId) -> Result<Vec<Outcome>, StoreError> {
        let partition = scope.partition(ScopeFamily::Attempts(&id.to_string()));
        first(self.db.query(self.table(), &partition).consistent_read(true), MAX_ATTEMPTS).await
    }
}
