//! How records are written to a target.

mod api;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::system::SystemKind;
use crate::event::name_fault;
use crate::problems::Problems;

pub use api::{ApiLoad, BatchLoad, Call, Find, ID, KEY, MAX_BATCH, WriteMethod};

/// The most records of a file.
pub const MAX_FILE_RECORDS: u32 = 100_000;

/// How records are written to a target: as its system needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "system", rename_all = "camelCase")]
pub enum LoadOptions {
    /// To an HTTP API.
    GenericApi(ApiLoad),
    /// To a shop.
    Shopify(ShopifyLoad),
    /// As events of the tenant's own.
    EventStream(EventLoad),
    /// As files.
    FlatFile(FileLoad),
}

/// What is written to a shop, and how it is found again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "entity", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ShopifyLoad {
    /// Products, created or updated by `productSet`. A record is its input.
    #[serde(rename_all = "camelCase")]
    Product {
        /// What a record's key is.
        #[serde(default)]
        identifier: ProductIdentifier,
    },
    /// Orders that exist: `orderUpdate` sets what a record has of `note`, `tags`, `customAttributes`, `email` and
    /// `poNumber`. A record's key is the order's id.
    Order {},
}

/// What a product is found by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "by", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ProductIdentifier {
    /// Its handle.
    #[default]
    Handle,
    /// Its id.
    Id,
    /// The value of a metafield, whose definition makes it unique.
    #[serde(rename_all = "camelCase")]
    CustomId {
        /// The metafield's namespace.
        namespace: String,
        /// The metafield's key.
        key: String,
    },
}

/// The events that records become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventLoad {
    /// The name of the events.
    #[schema(example = "order.synced", pattern = "^[A-Za-z0-9_.-]{1,128}$")]
    pub name: String,
    /// The partner that they concern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 256)]
    pub partner_id: Option<String>,
    /// The kind of business document that they carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 256)]
    pub document_type: Option<String>,
    /// Whether a record's key orders its events.
    #[serde(default)]
    pub ordered: bool,
}

/// The files that records become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileLoad {
    /// The most records of a file: 1 to 100,000.
    #[serde(default = "records_per_file")]
    #[schema(default = 10_000, minimum = 1, maximum = 100_000)]
    pub records_per_file: u32,
}

impl Default for FileLoad {
    fn default() -> Self {
        Self { records_per_file: records_per_file() }
    }
}

fn records_per_file() -> u32 {
    10_000
}

impl LoadOptions {
    /// Which system they are for.
    #[must_use]
    pub const fn kind(&self) -> SystemKind {
        match self {
            Self::GenericApi(_) => SystemKind::GenericApi,
            Self::Shopify(_) => SystemKind::Shopify,
            Self::EventStream(_) => SystemKind::EventStream,
            Self::FlatFile(_) => SystemKind::FlatFile,
        }
    }

    /// What is wrong with them.
    #[must_use]
    pub fn problems(&self) -> Problems {
        match self {
            Self::GenericApi(load) => load.problems(),
            Self::Shopify(load) => load.problems(),
            Self::EventStream(load) => load.problems(),
            Self::FlatFile(load) => {
                let mut problems = Problems::default();
                problems.range("/recordsPerFile", load.records_per_file, 1..=MAX_FILE_RECORDS);
                problems
            }
        }
    }

    /// Whether every record needs a key.
    #[must_use]
    pub fn needs_key(&self) -> bool {
        match self {
            Self::GenericApi(load) => load.needs_key(),
            Self::Shopify(_) => true,
            Self::EventStream(load) => load.ordered,
            Self::FlatFile(_) => false,
        }
    }
}

impl ShopifyLoad {
    fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        if let Self::Product { identifier: ProductIdentifier::CustomId { namespace, key } } = self {
            problems.text("/identifier/namespace", namespace, 255);
            problems.text("/identifier/key", key, 64);
        }
        problems
    }
}

impl EventLoad {
    fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        if let Some(message) = name_fault(&self.name) {
            problems.add("/name", message);
        }
        for (pointer, text) in [("/partnerId", &self.partner_id), ("/documentType", &self.document_type)] {
            if let Some(text) = text {
                problems.text(pointer, text, 256);
            }
        }
        problems
    }
}
