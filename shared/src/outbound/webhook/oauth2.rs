//! OAuth 2.0 client credentials (RFC 6749, section 4.4): as a user writes them, as they are stored, as they are shown.

mod token_response;
mod tokens;

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::domain::scope::Scope;
use crate::domain::sealed::{MASK, Sealed};
use crate::outbound::moved::origin;
use crate::outbound::reach::Reach;
use crate::outbound::vault::{Secret, Vault};
use crate::outbound::webhook::client::WebhookClient;
use crate::outbound::written::Faults;
use crate::ports::Ports;
use crate::secrets::KeyError;

pub(crate) use tokens::{AccessToken, AccessTokens, TokenFailure};

const MAX_CLIENT_ID: usize = 256;
const MAX_TEXT: usize = 1024;

/// An OAuth 2.0 client, whose access tokens authenticate the requests: they are fetched with the client credentials
/// grant, and sent as `Authorization: Bearer`.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth2Client {
    /// The token endpoint: `https`, and a public address.
    #[schema(example = "https://auth.example.com/oauth2/token", max_length = 2048)]
    token_url: String,
    /// Sent to the token endpoint with the secret, as HTTP Basic authentication.
    #[schema(min_length = 1, max_length = 256)]
    client_id: String,
    /// Secret. Where the origin of `token_url` or of the target changes, it must be given again.
    #[schema(min_length = 1, max_length = 1024)]
    client_secret: String,
    /// The scopes to ask for, separated by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 1024)]
    scope: Option<String>,
    /// Sent as the parameter `audience`, which some token endpoints ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 1024)]
    audience: Option<String>,
}

impl fmt::Debug for OAuth2Client {
    // The query of the URL may be a secret too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth2Client").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// A client as it is stored; `S` is how its secret is held.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct StoredClient<S = Sealed> {
    /// Checked against the address rules when it was registered, and again at each request.
    token_url: Url,
    client_id: String,
    client_secret: S,
    scope: Option<String>,
    audience: Option<String>,
}

impl OAuth2Client {
    /// Checks everything; the result has still to be [sealed](StoredClient::seal). `None` if there is a fault.
    pub(super) async fn check(
        self,
        faults: &mut Faults,
        reach: Reach,
        kept: Option<&StoredClient>,
    ) -> Option<StoredClient<Secret<Sealed>>> {
        let Self { token_url, client_id, client_secret, scope, audience } = self;
        let client_secret = Secret::read(client_secret, kept.map(|kept| kept.client_secret.clone()));
        if !is_text(&client_id, MAX_CLIENT_ID) {
            faults.add("/oauth2/client_id", "must be 1 to 256 printable ASCII characters");
        }
        if client_secret.text().is_some_and(|text| !is_text(text, MAX_TEXT)) {
            faults.add("/oauth2/client_secret", "must be 1 to 1024 printable ASCII characters");
        }
        if scope.as_deref().is_some_and(|scope| !is_scope(scope)) {
            faults.add(
                "/oauth2/scope",
                "must be scopes of printable ASCII characters without \" and \\, one space apart",
            );
        }
        if audience.as_deref().is_some_and(|audience| !is_text(audience, MAX_TEXT)) {
            faults.add("/oauth2/audience", "must be 1 to 1024 printable ASCII characters");
        }
        let token_url = faults.url("/oauth2/token_url", &token_url, reach).await?;
        Some(StoredClient { token_url, client_id, client_secret, scope, audience })
    }
}

/// The access tokens of a client whose secret is open. Nothing is fetched yet.
pub(crate) fn access_tokens(
    client: WebhookClient,
    ports: Ports,
    token_url: Url,
    (client_id, client_secret): (&str, &str),
    scope: Option<&str>,
) -> AccessTokens {
    let (client_id, scope) = (client_id.to_owned(), scope.map(str::to_owned));
    let stored = StoredClient { token_url, client_id, client_secret: (), scope, audience: None };
    AccessTokens::new(client, ports, &stored, client_secret)
}

/// Printable ASCII (RFC 6749, appendix A.1 and A.2).
fn is_text(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Scope tokens with a space between them (RFC 6749, appendix A.4).
fn is_scope(text: &str) -> bool {
    let is_token = |token: &str| !token.is_empty() && !token.contains(['"', '\\']);
    is_text(text, MAX_TEXT) && text.split(' ').all(is_token)
}

impl StoredClient<Secret<Sealed>> {
    /// Seals the secret.
    pub(super) fn seal(self, vault: &Vault, scope: &Scope) -> Result<StoredClient, KeyError> {
        Ok(StoredClient {
            client_secret: vault.store(scope, self.client_secret)?,
            token_url: self.token_url,
            client_id: self.client_id,
            scope: self.scope,
            audience: self.audience,
        })
    }
}

impl StoredClient {
    /// The client's access tokens. Nothing is fetched yet.
    pub(super) fn tokens(&self, client: WebhookClient, vault: &Vault, scope: &Scope) -> Result<AccessTokens, KeyError> {
        let client_secret = vault.open(scope, &self.client_secret)?;
        Ok(AccessTokens::new(client, vault.ports().clone(), self, &client_secret))
    }

    /// Where the secret is sent.
    pub(super) fn origin(&self) -> String {
        origin(self.token_url.as_str())
    }

    /// As a user may see it; reads as [`OAuth2Client`].
    pub(super) fn show(&self) -> OAuth2Client {
        OAuth2Client {
            token_url: self.token_url.to_string(),
            client_id: self.client_id.clone(),
            client_secret: MASK.to_owned(),
            scope: self.scope.clone(),
            audience: self.audience.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_tokens_with_one_space_between_them() {
        for good in ["a", "orders:read orders:write", "https://example.com/.default", "!#[]~"] {
            assert!(is_scope(good), "{good:?}");
        }
        for bad in ["", " ", "a  b", " a", "a ", "a\"b", "a\\b", "a\tb", "é", &"a".repeat(MAX_TEXT + 1)] {
            assert!(!is_scope(bad), "{bad:?}");
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let client = OAuth2Client {
            token_url: "https://example.com/?key=hush".to_owned(),
            client_id: "shown".to_owned(),
            client_secret: "hush".to_owned(),
            scope: None,
            audience: None,
        };
        let printed = format!("{client:?}");
        assert!(printed.contains("shown") && !printed.contains("hush"), "{printed}");
    }
}
