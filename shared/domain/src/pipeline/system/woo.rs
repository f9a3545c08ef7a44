//! A shop of WooCommerce, by its REST API.

use serde::{Deserialize, Serialize};

use super::urls::check_base;
use super::{check_secret, check_webhook_secrets, listed, map_listed};
use crate::problems::Problems;

const KEY: &str = "/consumerKey";
const SECRET: &str = "/consumerSecret";

// There is no `Debug`: it is never printed.
/// A shop of WooCommerce.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = WooCommerce)]
pub struct WooCommerce<S> {
    /// The URL of the site, without `/wp-json`.
    #[schema(example = "https://shop.example.com", max_length = 2048)]
    pub site_url: String,
    /// The key of the API's user. Secret.
    #[schema(value_type = String)]
    pub consumer_key: S,
    /// The secret that belongs to it. Secret.
    #[schema(value_type = String)]
    pub consumer_secret: S,
    /// How both are sent.
    #[serde(default)]
    pub auth: WooAuth,
    /// The secrets that sign its webhooks, the newest first: two while they are exchanged. Secret. A mask keeps the
    /// stored secrets in their order.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, max_items = 2)]
    pub webhook_secrets: Vec<S>,
}

/// How key and secret are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WooAuth {
    /// As HTTP Basic authentication.
    #[default]
    Header,
    /// In the query: for servers that drop the header `Authorization`.
    Query,
}

impl<S> WooCommerce<S> {
    pub(super) fn secrets(&self) -> Vec<(String, &S)> {
        let own = [(KEY.to_owned(), &self.consumer_key), (SECRET.to_owned(), &self.consumer_secret)];
        own.into_iter().chain(listed(&self.webhook_secrets)).collect()
    }

    pub(super) fn map_secrets<T, E>(self, form: &mut impl FnMut(&str, S) -> Result<T, E>) -> Result<WooCommerce<T>, E> {
        Ok(WooCommerce {
            site_url: self.site_url,
            consumer_key: form(KEY, self.consumer_key)?,
            consumer_secret: form(SECRET, self.consumer_secret)?,
            auth: self.auth,
            webhook_secrets: map_listed(self.webhook_secrets, form)?,
        })
    }
}

impl WooCommerce<String> {
    pub(super) fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        check_base(&mut problems, "/siteUrl", &self.site_url);
        check_secret(&mut problems, KEY, &self.consumer_key);
        check_secret(&mut problems, SECRET, &self.consumer_secret);
        check_webhook_secrets(&mut problems, &self.webhook_secrets);
        problems
    }
}
