//! How a mapping says that records are read from a source.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The extraction of a mapping document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Extraction {
    /// The first request, for systems that are asked over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// The records of a response: a path. Missing: the system's own, or the whole response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<String>,
    /// A record's id: a path in it.
    pub source_id: String,
    /// How the next page is asked for. Missing: the system's own, or one page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
    /// What says when a record changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The method.
    #[serde(default)]
    pub method: Method,
    /// The path, below the profile's base URL.
    pub path: String,
    /// Parameters of the query.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// Further headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body, sent as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub body: Option<serde_json::Value>,
}

/// The method of a request for records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = ExtractionMethod)]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// POST.
    Post,
}

/// How the next page is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
pub enum Pagination {
    /// The `Link` header names it, with `rel="next"`.
    Link {},
    /// Pages are numbered from 1.
    #[serde(rename_all = "camelCase")]
    Page {
        /// The parameter with the number.
        parameter: String,
        /// The parameter with the size.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size_parameter: Option<String>,
        /// Records of a page.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u32>,
    },
    /// A page begins after a number of records.
    #[serde(rename_all = "camelCase")]
    Offset {
        /// The parameter with the number.
        parameter: String,
        /// The parameter with the size.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size_parameter: Option<String>,
        /// Records of a page.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u32>,
    },
    /// A response names the next page.
    #[serde(rename_all = "camelCase")]
    Cursor {
        /// Where: a path in the response.
        path: String,
        /// The parameter it is sent back in.
        parameter: String,
    },
}

/// What says when a record changed, so that a run reads only what changed since the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ExtractionCursor)]
pub struct Cursor {
    /// Where it is in a record: a path.
    pub column: String,
    /// How values compare.
    #[serde(rename = "type", default)]
    pub kind: CursorType,
    /// The parameter that asks for what changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// How far a run reads back behind the cursor.
    #[serde(default)]
    pub overlap_seconds: u32,
}

/// How cursor values compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum CursorType {
    /// Times.
    #[default]
    Datetime,
    /// Numbers.
    Int,
    /// Text.
    String,
}
