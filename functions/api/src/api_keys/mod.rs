//! API keys of the caller's tenant: one text that says whose it is.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod revoke;
pub(crate) mod rotate;

use serde::Serialize;
use sluice::domain::credentials::{Credential, Permission};
use sluice::domain::time::Millis;

/// Whether a key was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyStatus {
    Active,
    Revoked,
}

/// An API key.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ApiKey {
    #[schema(pattern = "^key_[0-9a-f]{24}$")]
    id: String,
    /// The beginning of the key, to recognize it.
    #[schema(example = "slc_acme_3f2a9c1e")]
    prefix: String,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    scopes: Vec<Permission>,
    status: KeyStatus,
    created_at: Millis,
    /// The time from which it is refused; `null` for never.
    expires_at: Option<Millis>,
}

/// An API key with its secret, which is shown only here.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ApiKeyWithSecret {
    #[serde(flatten)]
    info: ApiKey,
    /// `slc_{tenant}_{64 hex}`: send it as `Authorization: ApiKey`.
    key: String,
    /// The time until which the previous key is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_valid_until: Option<Millis>,
}

impl From<Credential> for ApiKey {
    fn from(key: Credential) -> Self {
        let status = if key.revoked_at.is_some() { KeyStatus::Revoked } else { KeyStatus::Active };
        Self {
            prefix: key.prefix(),
            id: key.id,
            name: key.name,
            scopes: key.scopes.iter().collect(),
            status,
            created_at: key.created_at,
            expires_at: key.ends_at,
        }
    }
}
