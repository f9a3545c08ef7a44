//! Any HTTP API that speaks JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::urls::{check, check_base, is_header_name, is_path};
use super::{MAX_SECRET, check_secret};
use crate::problems::{Problems, is_text};
use crate::sealed::MASK;

const KEY: &str = "/auth/key";
const TOKEN: &str = "/auth/token";
const PASSWORD: &str = "/auth/password";
const CLIENT_SECRET: &str = "/auth/clientSecret";
/// The most headers of its own.
const MAX_HEADERS: usize = 20;
/// Headers that the connector sets itself, or that carry credentials: these have their own fields.
const RESERVED: [&str; 12] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

// There is no `Debug`: it is never printed.
/// Any HTTP API that speaks JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = GenericApi)]
pub struct GenericApi<S> {
    /// What paths are appended to: `https`, and a public address.
    #[schema(example = "https://erp.example.com/api/v2", max_length = 2048)]
    pub base_url: String,
    /// How requests are authenticated.
    #[serde(default = "Auth::none")]
    pub auth: Auth<S>,
    /// Headers of every request, at most 20. They are shown as they are: credentials belong in `auth`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// What a test of the connection asks for: a path below `baseUrl`, which is asked itself if this is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "/status")]
    pub test_path: Option<String>,
}

// There is no `Debug`: it is never printed.
/// How requests are authenticated.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
#[schema(as = ApiAuth)]
pub enum Auth<S> {
    /// Not at all.
    None {},
    /// By a key in a header or in the query: exactly one of the two.
    #[serde(rename_all = "camelCase")]
    ApiKey {
        /// The header's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        header: Option<String>,
        /// The parameter's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        query_parameter: Option<String>,
        /// The key. Secret.
        #[schema(value_type = String)]
        key: S,
    },
    /// By a bearer token.
    #[serde(rename_all = "camelCase")]
    Bearer {
        /// The token. Secret.
        #[schema(value_type = String)]
        token: S,
    },
    /// By HTTP Basic authentication.
    #[serde(rename_all = "camelCase")]
    Basic {
        /// The user's name, without a colon.
        username: String,
        /// The password. Secret.
        #[schema(value_type = String)]
        password: S,
    },
    /// By access tokens, fetched with the client credentials grant of OAuth 2.0.
    #[serde(rename = "oauth2")]
    #[serde(rename_all = "camelCase")]
    OAuth2 {
        /// The token endpoint.
        token_url: String,
        /// Sent to it with the secret, as HTTP Basic authentication.
        client_id: String,
        /// The client's secret. Secret.
        #[schema(value_type = String)]
        client_secret: S,
        /// The scopes to ask for, separated by spaces.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<String>,
    },
}

/// Whether a header is the connector's own, or carries credentials.
#[must_use]
pub fn is_reserved_header(name: &str) -> bool {
    RESERVED.contains(&name.to_ascii_lowercase().as_str())
}

impl<S> GenericApi<S> {
    pub(super) fn secrets(&self) -> impl Iterator<Item = (&'static str, &S)> {
        let secret = match &self.auth {
            Auth::None {} => None,
            Auth::ApiKey { key, .. } => Some((KEY, key)),
            Auth::Bearer { token } => Some((TOKEN, token)),
            Auth::Basic { password, .. } => Some((PASSWORD, password)),
            Auth::OAuth2 { client_secret, .. } => Some((CLIENT_SECRET, client_secret)),
        };
        secret.into_iter()
    }

    pub(super) fn addresses(&self) -> Vec<(&'static str, String)> {
        let mut addresses = vec![("/baseUrl", self.base_url.clone())];
        if let Auth::OAuth2 { token_url, .. } = &self.auth {
            addresses.push(("/auth/tokenUrl", token_url.clone()));
        }
        addresses
    }

    pub(super) fn map_secrets<T, E>(self, form: &mut impl FnMut(&str, S) -> Result<T, E>) -> Result<GenericApi<T>, E> {
        let auth = match self.auth {
            Auth::None {} => Auth::None {},
            Auth::ApiKey { header, query_parameter, key } => {
                Auth::ApiKey { header, query_parameter, key: form(KEY, key)? }
            }
            Auth::Bearer { token } => Auth::Bearer { token: form(TOKEN, token)? },
            Auth::Basic { username, password } => Auth::Basic { username, password: form(PASSWORD, password)? },
            Auth::OAuth2 { token_url, client_id, client_secret, scope } => {
                Auth::OAuth2 { token_url, client_id, client_secret: form(CLIENT_SECRET, client_secret)?, scope }
            }
        };
        Ok(GenericApi { base_url: self.base_url, auth, headers: self.headers, test_path: self.test_path })
    }
}

impl GenericApi<String> {
    pub(super) fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        check_base(&mut problems, "/baseUrl", &self.base_url);
        self.auth.check(&mut problems);
        problems.most("/headers", self.headers.len(), MAX_HEADERS);
        for (name, value) in self.headers.iter().take(MAX_HEADERS) {
            let pointer = format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"));
            if !is_header_name(name) {
                problems.add("/headers", "a name must be that of a header, of at most 128 bytes");
            } else if is_reserved_header(name) {
                problems.add(pointer, "is set by the connector: credentials belong in auth");
            } else {
                let plain = value.len() <= 1_024 && value.bytes().all(|b| matches!(b, b' '..=b'~'));
                problems.unless(plain, &pointer, "must be at most 1024 printable ASCII characters");
            }
        }
        if let Some(path) = &self.test_path {
            problems.unless(is_path(path), "/testPath", "must be a path such as /status");
        }
        problems
    }
}

impl<S> Auth<S> {
    fn none() -> Self {
        Self::None {}
    }
}

impl Auth<String> {
    fn check(&self, problems: &mut Problems) {
        match self {
            Self::None {} => {}
            Self::ApiKey { header, query_parameter, key } => {
                let one = header.is_some() != query_parameter.is_some();
                problems.unless(one, "/auth", "exactly one of header and queryParameter is needed");
                if let Some(name) = header {
                    let own = name.eq_ignore_ascii_case("authorization") || !is_reserved_header(name);
                    let free = is_header_name(name) && own;
                    problems.unless(free, "/auth/header", "must be the name of a header that is free");
                }
                if let Some(name) = query_parameter {
                    problems.text("/auth/queryParameter", name, 128);
                }
                check_secret(problems, KEY, key);
            }
            Self::Bearer { token } => check_secret(problems, TOKEN, token),
            Self::Basic { username, password } => {
                let name = is_text(username, 256) && !username.contains(':');
                problems.unless(name, "/auth/username", "must be 1 to 256 bytes without a colon");
                problems.text(PASSWORD, password, MAX_SECRET);
            }
            Self::OAuth2 { token_url, client_id, client_secret, scope } => {
                check(problems, "/auth/tokenUrl", token_url);
                let is_ascii = |text: &str, most| is_text(text, most) && text.is_ascii();
                let id = is_ascii(client_id, 256);
                problems.unless(id, "/auth/clientId", "must be 1 to 256 printable ASCII characters");
                let secret = is_ascii(client_secret, 1_024) || client_secret == MASK;
                problems.unless(secret, CLIENT_SECRET, "must be 1 to 1024 printable ASCII characters");
                let scope = scope.as_deref().is_none_or(|scope| is_ascii(scope, 1_024) && !scope.contains(['"', '\\']));
                problems.unless(scope, "/auth/scope", "must be scopes of printable ASCII characters");
            }
        }
    }
}
