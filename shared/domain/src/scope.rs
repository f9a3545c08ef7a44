//! The boundary of isolation: a tenant and an environment inside it.
//!
//! Every key in the database, every queue message and every cache entry begins with a [`Scope`]; the keys are made in
//! [`crate::partition`].

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A tenant's identifier: 1–40 of `[a-z0-9-]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Not a tenant identifier.
#[derive(Debug, thiserror::Error)]
#[error("a tenant is 1 to 40 of [a-z0-9-]")]
pub struct NotATenant;

impl FromStr for TenantId {
    type Err = NotATenant;

    fn from_str(text: &str) -> Result<Self, NotATenant> {
        let fits = (1..=40).contains(&text.len());
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits && plain { Ok(Self(text.into())) } else { Err(NotATenant) }
    }
}

impl TryFrom<String> for TenantId {
    type Error = NotATenant;

    fn try_from(text: String) -> Result<Self, NotATenant> {
        text.parse()
    }
}

impl From<TenantId> for String {
    fn from(id: TenantId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The two halves of a tenant: separate data under the same credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// `/v1/...`
    Production,
    /// `/sandbox/v1/...`
    Sandbox,
}

impl Environment {
    /// Which environment a request path speaks of.
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        if path.starts_with("/sandbox/") { Self::Sandbox } else { Self::Production }
    }

    /// What its request paths begin with.
    #[must_use]
    pub const fn path_prefix(self) -> &'static str {
        match self {
            Self::Production => "",
            Self::Sandbox => "/sandbox",
        }
    }

    /// The letter that stands for it in keys.
    const fn letter(self) -> char {
        match self {
            Self::Production => 'p',
            Self::Sandbox => 's',
        }
    }
}

/// A tenant's environment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// Whose data.
    pub tenant: TenantId,
    /// Which half of it.
    pub environment: Environment,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.tenant, self.environment.letter())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::partition::{AnyPartition, ScopeFamily, TenantFamily};

    proptest! {
        #[test]
        fn no_two_scopes_share_a_prefix(
            a in "[a-z0-9-]{1,40}", b in "[a-z0-9-]{1,40}", sandbox: bool, other_sandbox: bool,
        ) {
            let scope = |tenant: &str, sandbox| Scope {
                tenant: tenant.parse().expect("a tenant"),
                environment: if sandbox { Environment::Sandbox } else { Environment::Production },
            };
            let (one, two) = (scope(&a, sandbox), scope(&b, other_sandbox));
            let of_scope = |scope: &Scope| scope.partition(ScopeFamily::Routes).as_str().to_owned();
            let shared = of_scope(&two).starts_with(&format!("{one}#"));
            prop_assert_eq!(shared, one == two);
            let both = two.tenant.partition(TenantFamily::Credentials);
            let of_both = both.as_str().starts_with(&format!("{one}#"));
            prop_assert!(!of_both);
        }

        #[test]
        fn a_tenant_is_its_text_wherever_it_is_written(text in "[a-z0-9-]{1,40}") {
            let tenant: TenantId = text.parse().expect("a tenant");
            prop_assert_eq!((tenant.as_str(), &tenant.to_string()), (text.as_str(), &text));
            let json = serde_json::to_string(&tenant).expect("JSON");
            prop_assert_eq!(&json, &format!("\"{text}\""));
            prop_assert_eq!(serde_json::from_str::<TenantId>(&json).ok(), Some(tenant));
        }
    }

    #[test]
    fn a_key_begins_with_tenant_and_environment() {
        let scope = Scope { tenant: "acme".parse().expect("valid"), environment: Environment::Sandbox };
        assert_eq!(scope.partition(ScopeFamily::Routes).as_str(), "acme#s#routes");
        assert_eq!(scope.tenant.partition(TenantFamily::Credentials).as_str(), "acme#both#credentials");
        for bad in ["", "Acme", "a#b", "a/b", &"a".repeat(41)] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad}");
            assert!(serde_json::from_value::<TenantId>(bad.into()).is_err(), "{bad}");
        }
        assert_eq!(Environment::of_path("/sandbox/v1/events"), Environment::Sandbox);
        assert_eq!(Environment::of_path("/v1/events"), Environment::Production);
        for environment in [Environment::Production, Environment::Sandbox] {
            let path = format!("{}/v1/events", environment.path_prefix());
            assert_eq!(Environment::of_path(&path), environment, "{path}");
        }
    }
}
