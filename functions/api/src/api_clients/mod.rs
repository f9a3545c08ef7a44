//! OAuth 2.0 clients of the caller's tenant: an id and a secret, for access tokens.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod rotate;

use serde::Serialize;
use sluice::domain::credentials::{Credential, Permission};
use sluice::domain::time::Millis;

/// An OAuth 2.0 client.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ClientCredential {
    #[schema(pattern = "^client_[a-z0-9-]{1,40}_[0-9a-f]{24}$")]
    id: String,
    /// The same id, by its name in token requests.
    #[schema(pattern = "^client_[a-z0-9-]{1,40}_[0-9a-f]{24}$")]
    client_id: String,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    scopes: Vec<Permission>,
    created_at: Millis,
    /// The time from which it is refused; `null` for never.
    expires_at: Option<Millis>,
}

/// An OAuth 2.0 client with its secret, which is shown only here.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ClientCredentialWithSecret {
    #[serde(flatten)]
    client: ClientCredential,
    client_secret: String,
    /// The time until which the previous secret is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_valid_until: Option<Millis>,
}

impl From<Credential> for ClientCredential {
    fn from(client: Credential) -> Self {
        Self {
            id: client.id.clone(),
            client_id: client.id,
            name: client.name,
            scopes: client.scopes.iter().collect(),
            created_at: client.created_at,
            expires_at: client.ends_at,
        }
    }
}
