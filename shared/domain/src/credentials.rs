//! API clients, API keys, and what a caller may do.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::scope::TenantId;
use super::time::Millis;

macro_rules! permissions {
    ($($variant:ident = $text:literal),+ $(,)?) => {
        /// An OAuth 2.0 scope.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

impl utoipa::PartialSchema for Permission {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(Self::ALL.iter().map(|permission| permission.as_str())))
            .description(Some("An OAuth 2.0 scope."))
            .into()
    }
}

impl utoipa::ToSchema for Permission {}

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

/// A set of scopes. Its text form is OAuth 2.0's: scopes separated by spaces.
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

    /// Those of `others` that are not among these.
    #[must_use]
    pub fn lacking(&self, others: &Self) -> Self {
        Self(others.0.difference(&self.0).copied().collect())
    }

    /// Each of them, in the contract's order.
    pub fn iter(&self) -> impl Iterator<Item = Permission> {
        self.0.iter().copied()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().collect())
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

    /// Whether it is the digest of `secret`, in a time that does not depend on where they differ.
    #[must_use]
    pub fn matches(&self, secret: &str) -> bool {
        self.0.as_bytes().ct_eq(Self::of(secret).0.as_bytes()).into()
    }
}

/// Which secret of a credential somebody presented: a digest of its digest, as it stands in access tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretId(String);

impl SecretId {
    /// As it stands in tokens.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Digest256 {
    fn id(&self) -> SecretId {
        SecretId(hex::encode(&Sha256::digest(self.0.as_bytes())[..SECRET_ID_BYTES]))
    }
}

/// How a credential is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// An OAuth 2.0 client: an id and a secret, for an access token.
    Client,
    /// An API key: one text that says whose it is.
    Key,
}

/// An OAuth 2.0 client or an API key of a tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Credential {
    /// Its public id.
    pub id: String,
    /// How it is presented.
    pub kind: CredentialKind,
    /// Whose it is.
    pub tenant: TenantId,
    /// A name for people.
    pub name: String,
    /// Its scopes.
    pub scopes: Permissions,
    /// The secret's digest.
    secret: Digest256,
    /// Secrets that were rotated out, as long as each is still good.
    retired: Vec<Retired>,
    /// When it was made.
    pub created_at: Millis,
    /// From when it is refused. Not `expires_at`: that is the database's own, and would delete the record.
    pub ends_at: Option<Millis>,
    /// When it was revoked.
    pub revoked_at: Option<Millis>,
    /// Goes up with each write.
    pub revision: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Retired {
    secret: Digest256,
    until: Millis,
}

/// The most secrets of one credential that are good at a time besides the newest.
const MAX_RETIRED: usize = 10;
/// No two secrets of one credential have the same id in this many bytes.
const SECRET_ID_BYTES: usize = 8;
/// Hexadecimal digits of a key that tell which one it is; the rest is its secret.
const PUBLIC_DIGITS: usize = 24;
/// Hexadecimal digits of a key.
const KEY_DIGITS: usize = 64;
/// The part of a key that lists show.
const PREFIX_DIGITS: usize = 8;

/// A credential to create.
#[derive(Clone, Debug)]
pub struct Grant {
    /// How it is presented.
    pub kind: CredentialKind,
    /// Whose it is.
    pub tenant: TenantId,
    /// A name for people.
    pub name: String,
    /// Its scopes.
    pub scopes: Permissions,
    /// From when it is refused.
    pub ends_at: Option<Millis>,
}

impl Grant {
    /// The credential, and its secret, which is shown once and not stored.
    #[must_use]
    pub fn issue(self, id: [u8; 12], secret: [u8; 32], now: Millis) -> (Credential, Zeroizing<String>) {
        let public = hex::encode(id);
        let id = match self.kind {
            CredentialKind::Client => format!("client_{}_{public}", self.tenant),
            CredentialKind::Key => format!("key_{public}"),
        };
        let text = secret_text(self.kind, &self.tenant, &id, secret);
        let credential = Credential {
            id,
            kind: self.kind,
            tenant: self.tenant,
            name: self.name,
            scopes: self.scopes,
            secret: Digest256::of(&text),
            retired: Vec::new(),
            created_at: now,
            ends_at: self.ends_at,
            revoked_at: None,
            revision: 1,
        };
        (credential, text)
    }
}

/// `sls_{64 hex}`, or `slc_{tenant}_{64 hex}`, of which the first 24 are the key's id: so it is found without an index.
fn secret_text(kind: CredentialKind, tenant: &TenantId, id: &str, random: [u8; 32]) -> Zeroizing<String> {
    let random = Zeroizing::new(hex::encode(random));
    Zeroizing::new(match kind {
        CredentialKind::Client => format!("sls_{}", *random),
        CredentialKind::Key => {
            let public = id.trim_start_matches("key_");
            format!("slc_{tenant}_{public}{}", &random[..KEY_DIGITS - PUBLIC_DIGITS])
        }
    })
}

impl Credential {
    /// Whether it is neither revoked nor past its end.
    #[must_use]
    pub fn is_good(&self, now: Millis) -> bool {
        self.revoked_at.is_none() && self.ends_at.is_none_or(|end| now < end)
    }

    /// The secret that `presented` is, if it and the credential are good; the time it takes does not depend on where
    /// they differ.
    #[must_use]
    pub fn accepts(&self, presented: &str, now: Millis) -> Option<SecretId> {
        let matching = |found, digest: &Digest256| if digest.matches(presented) { Some(digest.id()) } else { found };
        self.secrets(now).fold(None, matching).filter(|_| self.is_good(now))
    }

    /// Whether it is good, and that secret still one of its own: a token ends with the secret that it was issued for.
    #[must_use]
    pub fn has(&self, secret: &SecretId, now: Millis) -> bool {
        self.is_good(now) && self.secrets(now).any(|digest| digest.id() == *secret)
    }

    /// The secrets that are good: the newest, and those within their grace.
    fn secrets(&self, now: Millis) -> impl Iterator<Item = &Digest256> {
        let retired = self.retired.iter().filter(move |retired| now < retired.until).map(|retired| &retired.secret);
        std::iter::once(&self.secret).chain(retired)
    }

    /// Gives it a new secret, which is shown once; the previous one stays valid for at most `grace`.
    pub fn rotate(&mut self, secret: [u8; 32], grace: Duration, now: Millis) -> Zeroizing<String> {
        let text = secret_text(self.kind, &self.tenant, &self.id, secret);
        let last = std::mem::replace(&mut self.secret, Digest256::of(&text));
        self.retired.insert(0, Retired { secret: last, until: Millis::MAX });
        for retired in &mut self.retired {
            retired.until = retired.until.min(now.plus(grace));
        }
        self.retired.retain(|retired| now < retired.until);
        self.retired.truncate(MAX_RETIRED);
        text
    }

    /// Has it refused from now on; `false` where it was already.
    pub fn revoke(&mut self, now: Millis) -> bool {
        let first = self.revoked_at.is_none();
        self.revoked_at.get_or_insert(now);
        first
    }

    /// The beginning of a key, to recognize it by.
    #[must_use]
    pub fn prefix(&self) -> String {
        let public = self.id.trim_start_matches("key_");
        format!("slc_{}_{}", self.tenant, public.get(..PREFIX_DIGITS).unwrap_or(public))
    }
}

/// Whose a key says that it is, and the id of its record; `None` for a text that is no key.
#[must_use]
pub fn key_parts(text: &str) -> Option<(TenantId, String)> {
    let (tenant, digits) = text.strip_prefix("slc_")?.split_once('_')?;
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let fits = digits.len() == KEY_DIGITS && digits.bytes().all(is_hex);
    fits.then(|| Some((tenant.parse().ok()?, format!("key_{}", &digits[..PUBLIC_DIGITS]))))?
}

/// Whose client an id says that it is.
#[must_use]
pub fn client_tenant(client_id: &str) -> Option<TenantId> {
    client_id.strip_prefix("client_")?.split_once('_')?.0.parse().ok()
}

#[cfg(test)]
mod tests;
