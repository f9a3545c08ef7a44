//! API clients, API keys, and what a caller may do.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::scope::TenantId;
use super::time::Millis;

macro_rules! permissions {
    ($($variant:ident = $text:literal),+ $(,)?) => {
        /// One thing a caller may do: an OAuth 2.0 scope.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        pub enum Permission {
            $(#[doc = concat!("`", $text, "`")] #[serde(rename = $text)] $variant,)+
        }

        impl Permission {
            /// Every permission, in the contract's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The scope as it stands in tokens.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

permissions! {
    EventsWrite = "events:write",
    EventsRead = "events:read",
    IntegrationsRead = "integrations:read",
    IntegrationsWrite = "integrations:write",
    PartnersRead = "partners:read",
    PartnersWrite = "partners:write",
    TransactionsRead = "transactions:read",
    AutomationsRun = "automations:run",
    WebhooksRead = "webhooks:read",
    WebhooksWrite = "webhooks:write",
    PipelinesRead = "pipelines:read",
    PipelinesWrite = "pipelines:write",
    Admin = "admin",
}

/// What a caller may do. Its text form is OAuth 2.0's: scopes parted by spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Permissions(BTreeSet<Permission>);

/// A scope that Sluice does not know.
#[derive(Debug, thiserror::Error)]
#[error("unknown scope {0:?}")]
pub struct UnknownScope(String);

impl Permissions {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self(Permission::ALL.iter().copied().collect())
    }

    /// Whether `permission` is among them; `admin` stands for itself alone.
    #[must_use]
    pub fn allow(&self, permission: Permission) -> bool {
        self.0.contains(&permission)
    }

    /// Whether each of `others` is among these.
    #[must_use]
    pub fn include(&self, others: &Self) -> bool {
        others.0.is_subset(&self.0)
    }
}

impl FromStr for Permissions {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let known = |word: &str| Permission::ALL.iter().copied().find(|p| p.as_str() == word);
        let parse = |word: &str| known(word).ok_or_else(|| UnknownScope(word.chars().take(40).collect()));
        text.split_ascii_whitespace().map(parse).collect::<Result<_, _>>().map(Self)
    }
}

impl TryFrom<String> for Permissions {
    type Error = UnknownScope;

    fn try_from(text: String) -> Result<Self, UnknownScope> {
        text.parse()
    }
}

impl From<Permissions> for String {
    fn from(permissions: Permissions) -> Self {
        permissions.to_string()
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.iter().map(|p| p.as_str()).collect();
        f.write_str(&words.join(" "))
    }
}

/// The SHA-256 of a key or client secret: all that is stored of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Digest256(String);

impl Digest256 {
    /// The digest of a presented secret.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(hex::encode(Sha256::digest(secret.as_bytes())))
    }

    /// The digest in hexadecimal; safe to use as a key of the database.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the digest of `secret`, in a time that does not depend on where they differ.
    #[must_use]
    pub fn matches(&self, secret: &str) -> bool {
        self.0.as_bytes().ct_eq(Self::of(secret).0.as_bytes()).into()
    }
}

/// An OAuth 2.0 client of a tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApiClient {
    /// Its public id.
    pub client_id: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// A name for people.
    pub name: String,
    /// What its tokens may do.
    pub scopes: Permissions,
    /// The secret's digest.
    pub secret: Digest256,
    /// When it was made.
    pub created_at: Millis,
}

/// An API key of a tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its public id.
    pub id: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// A name for people.
    pub name: String,
    /// What it may do.
    pub scopes: Permissions,
    /// The key's digest.
    pub digest: Digest256,
    /// When it was made.
    pub created_at: Millis,
}

/// The text of a new API key: `slc_{tenant}_{64 hex}`.
#[must_use]
pub fn api_key_text(tenant: &TenantId, random: [u8; 32]) -> String {
    format!("slc_{tenant}_{}", hex::encode(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_parse_and_print() {
        let some: Permissions = "events:write  events:read".parse().expect("known");
        assert_eq!(some.to_string(), "events:write events:read");
        assert!(some.allow(Permission::EventsRead) && !some.allow(Permission::Admin));
        assert!(Permissions::all().include(&some) && !some.include(&Permissions::all()));
        assert!("events:everything".parse::<Permissions>().is_err());
    }

    #[test]
    fn digests_compare() {
        let digest = Digest256::of("secret");
        assert!(digest.matches("secret"));
        assert!(!digest.matches("Secret") && !digest.matches(""));
    }
}
