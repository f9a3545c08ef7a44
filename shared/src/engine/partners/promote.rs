//! Copies a partner's configuration from the sandbox to production.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{PartnerError, PartnerRegistry, unusable};
use crate::domain::partner::{Change, Partner, SECRETS, StoredProfile, changes};
use crate::domain::scope::{Environment, Scope};
use crate::outbound::Refusal;
use crate::store::partners::Placed;

/// The tenant's production.
#[must_use]
pub fn production(sandbox: &Scope) -> Scope {
    Scope { tenant: sandbox.tenant.clone(), environment: Environment::Production }
}

impl PartnerRegistry {
    /// Copies the configuration of a partner of the sandbox to production; over one that is there only to `overwrite`.
    ///
    /// # Errors
    /// [`PartnerError`].
    pub async fn promote(&self, sandbox: &Scope, id: &str, overwrite: bool) -> Result<Partner, PartnerError> {
        let target = production(sandbox);
        let Partner { id, profile, .. } = self.find(sandbox, id).await?;
        let certificates = profile.certificates.clone();
        let sealed = profile.convert(certificates, |_, secret| {
            let text = self.vault.open(sandbox, &secret)?;
            self.vault.seal(&target, &text)
        });
        let mut partner = self.made(id, sealed.map_err(Refusal::from)?);
        if overwrite && let Some(there) = self.partners.get(&target, &partner.id).await? {
            // It stays who it is.
            partner.uid = there.uid;
        }
        self.arm(&target, &partner).await?;
        if !overwrite {
            self.partners.create(&target, &partner).await?;
        } else if self.partners.put(&target, &mut partner).await? == Placed::LimitReached {
            return Err(PartnerError::LimitReached);
        }
        self.settle(&target, &partner).await;
        Ok(partner)
    }

    /// What promoting a partner would change in production.
    ///
    /// # Errors
    /// [`PartnerError`].
    pub async fn difference(&self, sandbox: &Scope, id: &str) -> Result<Vec<Change>, PartnerError> {
        let target = production(sandbox);
        let wanted = self.comparable(sandbox, self.find(sandbox, id).await?.profile)?;
        let there = match self.partners.get(&target, id).await? {
            Some(partner) => self.comparable(&target, partner.profile)?,
            None => Value::Null,
        };
        Ok(changes(&there, &wanted, &SECRETS))
    }

    /// A profile as JSON, a digest in place of each secret: sealed, no two texts are alike.
    fn comparable(&self, scope: &Scope, profile: StoredProfile) -> Result<Value, Refusal> {
        let certificates = profile.certificates.clone();
        let digests = profile.convert(certificates, |_, secret| {
            let text = self.vault.open(scope, &secret)?;
            Ok::<_, Refusal>(hex::encode(Sha256::digest(text.as_bytes())))
        })?;
        serde_json::to_value(digests).map_err(unusable)
    }
}
