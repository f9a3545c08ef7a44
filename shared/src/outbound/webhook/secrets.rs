//! The secrets that sign a webhook: after a rotation the older ones sign too, for a while.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::signature::SigningKey;
use crate::domain::scope::Scope;
use crate::domain::sealed::Sealed;
use crate::domain::time::Millis;
use crate::outbound::kind::PrepareError;
use crate::outbound::vault::Vault;
use crate::secrets::KeyError;

/// How many secrets sign at once, whatever is rotated how often.
const MAX_SECRETS: usize = 4;

/// The secrets as they are stored, newest first.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct SigningSecrets(Vec<SigningSecret>);

#[derive(Clone, Serialize, Deserialize)]
struct SigningSecret {
    secret: Sealed,
    /// When it ends; the newest has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Millis>,
}

impl SigningSecrets {
    /// A secret that its user chose.
    pub(super) fn chosen(vault: &Vault, scope: &Scope, text: &str) -> Result<Self, KeyError> {
        Ok(Self(vec![SigningSecret { secret: vault.seal(scope, text)?, until: None }]))
    }

    /// A new secret, and its text.
    pub(super) fn generated(vault: &Vault, scope: &Scope) -> Result<(Self, Zeroizing<String>), KeyError> {
        let text = SigningKey::generate(vault.ports()).to_secret();
        Ok((Self::chosen(vault, scope, &text)?, text))
    }

    /// A new secret before these, which end at `until` at the latest; and its text.
    pub(super) fn rotated(
        &self,
        vault: &Vault,
        scope: &Scope,
        until: Millis,
    ) -> Result<(Self, Zeroizing<String>), KeyError> {
        let (Self(mut secrets), text) = Self::generated(vault, scope)?;
        let now = vault.ports().now();
        let older = self.0.iter().filter(|old| old.until.is_none_or(|end| end > now)).cloned();
        let ending =
            |old: SigningSecret| SigningSecret { until: Some(old.until.map_or(until, |end| end.min(until))), ..old };
        secrets.extend(older.map(ending));
        secrets.truncate(MAX_SECRETS);
        Ok((Self(secrets), text))
    }

    /// The keys, ready to sign.
    pub(super) fn open(&self, vault: &Vault, scope: &Scope) -> Result<SigningKeys, PrepareError> {
        let (mut keys, mut ends) = (Vec::with_capacity(self.0.len()), Vec::with_capacity(self.0.len()));
        for SigningSecret { secret, until } in &self.0 {
            let key = vault.open(scope, secret)?.parse();
            keys.push(key.map_err(|error| PrepareError::Unusable(format!("signing secret: {error}")))?);
            ends.push(until.unwrap_or(Millis::MAX));
        }
        Ok(SigningKeys { keys, ends })
    }
}

/// Keys that sign, newest first: the older one ends no later.
pub(super) struct SigningKeys {
    keys: Vec<SigningKey>,
    ends: Vec<Millis>,
}

impl SigningKeys {
    /// Those that sign at a time.
    pub(super) fn at(&self, now: Millis) -> &[SigningKey] {
        let good = self.ends.iter().take_while(|end| **end > now).count();
        &self.keys[..good]
    }
}
