//! A shop of Shopify, by its Admin API.

use serde::{Deserialize, Serialize};

use super::{check_secret, check_webhook_secrets, listed, map_listed};
use crate::problems::Problems;

/// The version of the API that is asked for unless a profile says otherwise.
pub const DEFAULT_API_VERSION: &str = "2026-07";
const ACCESS_TOKEN: &str = "/accessToken";
const DOMAIN: &str = ".myshopify.com";

// There is no `Debug`: it is never printed.
/// A shop of Shopify.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Shopify)]
pub struct Shopify<S> {
    /// The shop's domain.
    #[schema(example = "example.myshopify.com")]
    pub shop: String,
    /// The access token of an app for the Admin API. Secret.
    #[schema(value_type = String)]
    pub access_token: S,
    /// The version of the Admin API.
    #[serde(default = "default_version")]
    #[schema(default = "2026-07", pattern = "^[0-9]{4}-[0-9]{2}$")]
    pub api_version: String,
    /// Which of its two APIs is asked for records. Missing: REST for a mapping that has a request, else GraphQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<ShopifyApi>,
    /// The secrets that sign its webhooks, the newest first: two while they are exchanged. Secret. A mask keeps the
    /// stored secrets in their order.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, max_items = 2)]
    pub webhook_secrets: Vec<S>,
}

/// The two APIs of Shopify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ShopifyApi {
    /// GraphQL.
    Graphql,
    /// REST, which Shopify keeps for the apps that have it.
    Rest,
}

fn default_version() -> String {
    DEFAULT_API_VERSION.to_owned()
}

impl<S> Shopify<S> {
    /// The URL without a path. A shop on this machine speaks plain HTTP; the address rules allow one for tests only.
    #[must_use]
    pub fn origin(&self) -> String {
        let scheme = if is_local(&self.shop) { "http" } else { "https" };
        format!("{scheme}://{}", self.shop)
    }

    pub(super) fn secrets(&self) -> Vec<(String, &S)> {
        std::iter::once((ACCESS_TOKEN.to_owned(), &self.access_token)).chain(listed(&self.webhook_secrets)).collect()
    }

    pub(super) fn map_secrets<T, E>(self, form: &mut impl FnMut(&str, S) -> Result<T, E>) -> Result<Shopify<T>, E> {
        Ok(Shopify {
            shop: self.shop,
            access_token: form(ACCESS_TOKEN, self.access_token)?,
            api_version: self.api_version,
            api: self.api,
            webhook_secrets: map_listed(self.webhook_secrets, form)?,
        })
    }
}

impl Shopify<String> {
    pub(super) fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        let is_shop = is_shop(&self.shop) || is_local(&self.shop);
        problems.unless(is_shop, "/shop", "must be the shop's domain, such as example.myshopify.com");
        check_secret(&mut problems, ACCESS_TOKEN, &self.access_token);
        problems.unless(is_version(&self.api_version), "/apiVersion", "must be a version such as 2026-07");
        check_webhook_secrets(&mut problems, &self.webhook_secrets);
        problems
    }
}

fn is_shop(text: &str) -> bool {
    let name = text.strip_suffix(DOMAIN).unwrap_or_default();
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (1..=100).contains(&name.len()) && plain && !name.starts_with('-')
}

fn is_local(text: &str) -> bool {
    text.strip_prefix("127.0.0.1:").is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn is_version(text: &str) -> bool {
    let (year, month) = text.split_once('-').unwrap_or_default();
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    digits(year, 4) && digits(month, 2)
}
