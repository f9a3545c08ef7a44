//! Trading partners: registering and changing them, and copying one from the sandbox to production.

mod accept;
mod promote;
mod standing;

use serde_json::Value;

use super::EngineError;
use super::lifecycle::Lifecycle;
use super::pickup;
use crate::domain::partner::{Partner, StoredProfile, WrittenProfile, merge};
use crate::domain::scope::Scope;
use crate::outbound::written::parse;
use crate::outbound::{PrepareError, Reach, Refusal, Vault};
use crate::store::StoreError;
use crate::store::documents::Documents;
use crate::store::partners::{CreateError, Partners};
use crate::store::pickups::Pickups;
use crate::store::transactions::Transactions;

pub use promote::production;

/// Registers, changes and promotes trading partners.
#[derive(Clone)]
pub struct PartnerRegistry {
    pub(crate) partners: Partners,
    pub(crate) pickups: Pickups,
    pub(crate) documents: Documents,
    pub(crate) vault: Vault,
    pub(crate) reach: Reach,
    pub(crate) transactions: Transactions,
    pub(crate) lifecycle: Lifecycle,
}

/// Why something could not be done to a partner.
#[derive(Debug, thiserror::Error)]
pub enum PartnerError {
    /// There is no partner of that id.
    #[error("there is no such partner")]
    NotFound,
    /// The id is taken.
    #[error("a partner of that id exists already")]
    Exists,
    /// The scope has as many as it may.
    #[error("the scope has the most partners")]
    LimitReached,
    /// What uses it.
    #[error("the partner is used by {0:?}")]
    InUse(Vec<String>),
    /// The profile is not accepted.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<CreateError> for PartnerError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Exists => Self::Exists,
            CreateError::LimitReached => Self::LimitReached,
            CreateError::Store(error) => Self::Store(error),
        }
    }
}

impl PartnerRegistry {
    /// Registers a partner; it gets an id if it has none.
    ///
    /// # Errors
    /// [`PartnerError`].
    pub async fn create(
        &self,
        scope: &Scope,
        id: Option<String>,
        written: WrittenProfile,
    ) -> Result<Partner, PartnerError> {
        let profile = self.accept(scope, written, None).await?;
        let partner = self.made(id.unwrap_or_else(|| self.vault.ports().unique("partner")), profile);
        self.arm(scope, &partner).await?;
        self.partners.create(scope, &partner).await?;
        self.settle(scope, &partner).await;
        Ok(partner)
    }

    /// Changes a partner by a JSON merge patch of its profile.
    ///
    /// # Errors
    /// [`PartnerError`]; [`StoreError::Conflict`] if it was changed at the same time.
    pub async fn update(&self, scope: &Scope, id: &str, patch: Value) -> Result<Partner, PartnerError> {
        let mut partner = self.find(scope, id).await?;
        let mut written = serde_json::to_value(partner.profile.written()).map_err(unusable)?;
        merge(&mut written, patch);
        partner.profile = self.accept(scope, parse(written)?, Some(&partner.profile)).await?;
        partner.updated_at = self.vault.ports().now();
        self.arm(scope, &partner).await?;
        self.partners.update(scope, &mut partner).await?;
        self.settle(scope, &partner).await;
        Ok(partner)
    }

    /// Deletes a partner. Unless by `force`, one that is needed stays; by force its callbacks go with it.
    ///
    /// # Errors
    /// [`PartnerError`].
    pub async fn delete(&self, scope: &Scope, id: &str, force: bool) -> Result<(), PartnerError> {
        let partner = self.find(scope, id).await?;
        let uses = if force { Vec::new() } else { self.uses(scope, &partner).await? };
        if !uses.is_empty() {
            return Err(PartnerError::InUse(uses));
        }
        self.delete_callbacks(scope, id).await?;
        let deleted = self.partners.delete(scope, id).await?;
        self.settle(scope, &partner).await;
        if deleted { Ok(()) } else { Err(PartnerError::NotFound) }
    }

    /// The partner of that id.
    ///
    /// # Errors
    /// [`PartnerError::NotFound`], and the database's.
    pub async fn find(&self, scope: &Scope, id: &str) -> Result<Partner, PartnerError> {
        self.partners.get(scope, id).await?.ok_or(PartnerError::NotFound)
    }

    /// Has a partner's server looked at when it is due, before its record is written.
    async fn arm(&self, scope: &Scope, partner: &Partner) -> Result<(), StoreError> {
        pickup::arm(&self.pickups, scope, partner, self.vault.ports().now()).await
    }

    /// The same after its record was written or deleted. That is done, whatever becomes of this: the next look settles it.
    async fn settle(&self, scope: &Scope, partner: &Partner) {
        let (stores, now) = ((&self.partners, &self.pickups), self.vault.ports().now());
        if let Err(error) = pickup::settle(stores, (scope, &partner.id, &partner.uid), now).await {
            tracing::warn!(%scope, partner = partner.id, %error, "the next look settles when there is another");
        }
    }

    /// A new record.
    fn made(&self, id: String, profile: StoredProfile) -> Partner {
        let (uid, now) = (self.vault.ports().unique("ptn"), self.vault.ports().now());
        Partner { id, uid, profile, created_at: now, updated_at: now, revision: 1 }
    }
}

/// What is stored cannot be written as JSON: this does not happen.
fn unusable(error: serde_json::Error) -> Refusal {
    PrepareError::Unusable(error.to_string()).into()
}
