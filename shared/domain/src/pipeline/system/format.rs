//! What files look like.

use serde::{Deserialize, Serialize};

use crate::problems::Problems;

/// What files look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum FileFormat {
    /// A JSON value on each line.
    JsonLines {},
}

impl FileFormat {
    /// What is wrong with it.
    #[must_use]
    pub fn problems(&self) -> Problems {
        Problems::default()
    }

    /// How the names of its files end.
    #[must_use]
    pub fn extension(&self) -> &'static str {
        match self {
            Self::JsonLines {} => "jsonl",
        }
    }

    /// The content type of its files.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        match self {
            Self::JsonLines {} => "application/x-ndjson",
        }
    }
}
