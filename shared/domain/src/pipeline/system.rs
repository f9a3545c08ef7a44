//! The systems that pipelines connect: how each is reached, and by which credentials.
//!
//! `S` is a secret, as it is written, stored, shown or used. Nothing here prints one.

mod api;
mod file;
mod shopify;
#[cfg(test)]
mod tests;
mod urls;
mod woo;

pub use api::is_reserved_header;
pub use urls::is_path;

use std::convert::Infallible;
use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::problems::Problems;
use crate::sealed::{MASK, Sealed};

pub use api::{Auth, GenericApi};
pub use file::FlatFile;
pub use shopify::{DEFAULT_API_VERSION, Shopify, ShopifyApi};
pub use woo::{WooAuth, WooCommerce};

/// The most webhook secrets of a system: the old one and the new one, while they are exchanged.
pub const MAX_WEBHOOK_SECRETS: usize = 2;
/// The longest secret, in bytes.
pub const MAX_SECRET: usize = 4_096;
const WEBHOOK_SECRETS: &str = "/webhookSecrets/";

/// A system, and how it is reached.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "system", rename_all = "camelCase")]
#[schema(as = System)]
pub enum System<S> {
    /// Any HTTP API that speaks JSON.
    GenericApi(GenericApi<S>),
    /// A shop of Shopify.
    Shopify(Shopify<S>),
    /// A shop of WooCommerce.
    WooCommerce(WooCommerce<S>),
    /// The tenant's own events.
    EventStream(EventStream),
    /// Files in a bucket.
    FlatFile(FlatFile<S>),
}

/// The tenant's own events. There is nothing to configure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventStream {}

/// A system as a user writes it, or sees it with masks.
pub type WrittenSystem = System<String>;
/// A system as it is stored.
pub type StoredSystem = System<Sealed>;
/// A system that can be talked to.
pub type OpenSystem = System<Zeroizing<String>>;

/// The systems, without their parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum SystemKind {
    /// Any HTTP API that speaks JSON.
    GenericApi,
    /// A shop of Shopify.
    Shopify,
    /// A shop of WooCommerce.
    WooCommerce,
    /// The tenant's own events.
    EventStream,
    /// Files in a bucket.
    FlatFile,
}

impl SystemKind {
    /// Its name in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GenericApi => "genericApi",
            Self::Shopify => "shopify",
            Self::WooCommerce => "wooCommerce",
            Self::EventStream => "eventStream",
            Self::FlatFile => "flatFile",
        }
    }
}

impl<S> fmt::Debug for System<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("System").field(&self.kind()).finish()
    }
}

impl<S> System<S> {
    /// Which system it is.
    #[must_use]
    pub const fn kind(&self) -> SystemKind {
        match self {
            Self::GenericApi(_) => SystemKind::GenericApi,
            Self::Shopify(_) => SystemKind::Shopify,
            Self::WooCommerce(_) => SystemKind::WooCommerce,
            Self::EventStream(_) => SystemKind::EventStream,
            Self::FlatFile(_) => SystemKind::FlatFile,
        }
    }

    /// Its secrets, each with its JSON Pointer.
    #[must_use]
    pub fn secrets(&self) -> Vec<(String, &S)> {
        match self {
            Self::GenericApi(api) => api.secrets().map(|(at, secret)| (at.to_owned(), secret)).collect(),
            Self::Shopify(shopify) => shopify.secrets(),
            Self::WooCommerce(woo) => woo.secrets(),
            Self::EventStream(_) => Vec::new(),
            Self::FlatFile(file) => file.secrets().map(|(at, secret)| (at.to_owned(), secret)).collect(),
        }
    }

    /// The secrets that sign webhooks of this system, the newest first.
    #[must_use]
    pub fn webhook_secrets(&self) -> &[S] {
        match self {
            Self::Shopify(shopify) => &shopify.webhook_secrets,
            Self::WooCommerce(woo) => &woo.webhook_secrets,
            _ => &[],
        }
    }

    /// The URLs that requests go to, each with the JSON Pointer of the field it comes from: what the address rules
    /// must allow.
    #[must_use]
    pub fn addresses(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::GenericApi(api) => api.addresses(),
            Self::Shopify(shopify) => vec![("/shop", shopify.origin())],
            Self::WooCommerce(woo) => vec![("/siteUrl", woo.site_url.clone())],
            Self::EventStream(_) => Vec::new(),
            Self::FlatFile(file) => file.endpoint_url.iter().map(|url| ("/endpointUrl", url.clone())).collect(),
        }
    }

    /// The same with its secrets in another form.
    ///
    /// # Errors
    /// The first of `form`.
    pub fn map_secrets<T, E>(self, mut form: impl FnMut(&str, S) -> Result<T, E>) -> Result<System<T>, E> {
        Ok(match self {
            Self::GenericApi(api) => System::GenericApi(api.map_secrets(&mut form)?),
            Self::Shopify(shopify) => System::Shopify(shopify.map_secrets(&mut form)?),
            Self::WooCommerce(woo) => System::WooCommerce(woo.map_secrets(&mut form)?),
            Self::EventStream(stream) => System::EventStream(stream),
            Self::FlatFile(file) => System::FlatFile(file.map_secrets(&mut form)?),
        })
    }

    /// The same with masks for its secrets.
    #[must_use]
    pub fn masked(self) -> WrittenSystem {
        let Ok(masked) = self.map_secrets(|_, _| Ok::<_, Infallible>(MASK.to_owned()));
        masked
    }

    /// The URLs that the secret at a JSON Pointer is sent to. Those of webhooks are for what comes in.
    #[must_use]
    pub fn sends(&self, pointer: &str) -> Vec<String> {
        if pointer.starts_with(WEBHOOK_SECRETS) {
            return Vec::new();
        }
        self.addresses().into_iter().map(|(_, url)| url).collect()
    }
}

impl WrittenSystem {
    /// What is wrong with it; whether its addresses may be reached is not known here. `kept` is what is stored
    /// already, and what masks stand for.
    #[must_use]
    pub fn problems<K>(&self, kept: Option<&System<K>>) -> Problems {
        let mut problems = match self {
            Self::GenericApi(api) => api.problems(),
            Self::Shopify(shopify) => shopify.problems(),
            Self::WooCommerce(woo) => woo.problems(),
            Self::EventStream(_) => Problems::default(),
            Self::FlatFile(file) => file.problems(),
        };
        for (pointer, source) in self.masks() {
            let is_kept = kept.is_some_and(|kept| kept.secrets().iter().any(|(known, _)| *known == source));
            if !is_kept {
                problems.add(pointer, "is a mask, and no value is stored that it could keep");
            }
        }
        problems
    }

    /// The same as it is stored: new secrets sealed, masked ones as they were.
    ///
    /// # Errors
    /// The first of `seal`.
    pub fn keep<K: Clone, E>(
        self,
        kept: Option<&System<K>>,
        mut seal: impl FnMut(String) -> Result<K, E>,
    ) -> Result<System<K>, E> {
        let masks = self.masks();
        let known = kept.map(System::secrets).unwrap_or_default();
        let find = |pointer: &str| {
            let (_, source) = masks.iter().find(|(masked, _)| masked == pointer)?;
            known.iter().find(|(known, _)| known == source).map(|(_, secret)| (*secret).clone())
        };
        self.map_secrets(|pointer, text| match find(pointer) {
            Some(kept) => Ok(kept),
            None => seal(text),
        })
    }

    /// The secrets that are masked, and which stored one each keeps: in a list the nth mask keeps the nth, so that
    /// `[new, mask]` after `[old]` keeps the old one.
    fn masks(&self) -> Vec<(String, String)> {
        let mut listed = 0;
        let masked = self.secrets().into_iter().filter(|(_, text)| *text == MASK);
        let source = |pointer: &str| {
            if !pointer.starts_with(WEBHOOK_SECRETS) {
                return pointer.to_owned();
            }
            listed += 1;
            format!("{WEBHOOK_SECRETS}{}", listed - 1)
        };
        let mut source = source;
        masked.map(|(pointer, _)| (pointer.clone(), source(&pointer))).collect()
    }
}

/// Webhook secrets with their pointers.
fn listed<S>(secrets: &[S]) -> impl Iterator<Item = (String, &S)> {
    secrets.iter().enumerate().map(|(index, secret)| (format!("{WEBHOOK_SECRETS}{index}"), secret))
}

/// Webhook secrets in another form.
fn map_listed<S, T, E>(secrets: Vec<S>, form: &mut impl FnMut(&str, S) -> Result<T, E>) -> Result<Vec<T>, E> {
    let each = secrets.into_iter().enumerate();
    each.map(|(index, secret)| form(&format!("{WEBHOOK_SECRETS}{index}"), secret)).collect()
}

/// Checks a secret that becomes a header or a part of a URL. A mask passes: whether it stands for something is checked
/// elsewhere.
fn check_secret(problems: &mut Problems, pointer: &str, text: &str) {
    let visible = (1..=MAX_SECRET).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    problems.unless(visible || text == MASK, pointer, "must be 1 to 4096 visible ASCII characters");
}

fn check_webhook_secrets(problems: &mut Problems, secrets: &[String]) {
    problems.most("/webhookSecrets", secrets.len(), MAX_WEBHOOK_SECRETS);
    for (pointer, secret) in listed(secrets).take(MAX_WEBHOOK_SECRETS) {
        check_secret(problems, &pointer, secret);
    }
}
