//! How records are written to an HTTP API.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::mapping::path::Path;
use crate::pipeline::system::is_path;
use crate::problems::Problems;

/// Stands for a record's key in paths and queries.
pub const KEY: &str = "{key}";
/// Stands for the target's own id of a record that was found.
pub const ID: &str = "{id}";
/// The most records of a batch.
pub const MAX_BATCH: u32 = 1_000;
const MAX_QUERY: usize = 20;

/// How records are written to an HTTP API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "mode", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ApiLoad {
    /// One by one, reconciled by key: a record that exists is updated, else it is created. Without `find`, the update
    /// is tried first, and a 404 says that the record does not exist. Without `update`, what exists stays as it is.
    #[serde(rename_all = "camelCase")]
    Reconcile {
        /// Asks whether a record exists.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        find: Option<Find>,
        /// Creates a record.
        create: Call,
        /// Updates a record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        update: Option<Call>,
    },
    /// One by one, by a request that creates or updates.
    #[serde(rename_all = "camelCase")]
    Upsert {
        /// The method.
        #[serde(default = "put")]
        method: WriteMethod,
        /// The path, with the key.
        #[schema(example = "/orders/{key}")]
        path: String,
    },
    /// Many by one request, which creates or updates them.
    Batch(BatchLoad),
}

/// A request that writes a record, whose content is the body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = LoadCall)]
pub struct Call {
    /// The method.
    #[serde(default)]
    pub method: WriteMethod,
    /// The path below the profile's base URL. `{key}` is the record's key, and `{id}` the id of what was found.
    #[schema(example = "/orders/{id}")]
    pub path: String,
}

/// A request that asks whether a record exists: a 404, or no record in the response, says that it does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = LoadFind)]
pub struct Find {
    /// The path below the profile's base URL. `{key}` is the record's key.
    #[schema(example = "/orders")]
    pub path: String,
    /// Parameters of the query. `{key}` is the record's key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(example = json!({"number": "{key}"}))]
    pub query: BTreeMap<String, String>,
    /// The records of the response: a path. Missing: the response is the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "$.orders[*]")]
    pub records: Option<String>,
    /// The key of a record: a path in it. Records with another key were not asked for. Missing: the response has no
    /// others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "$.number")]
    pub key: Option<String>,
    /// The id of a record, for `{id}`: a path in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "$.id")]
    #[schema(max_length = 256)]
    pub id: Option<String>,
}

/// Writes many records by one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BatchLoad {
    /// The method.
    #[serde(default)]
    pub method: WriteMethod,
    /// The path below the profile's base URL.
    #[schema(example = "/orders/batch")]
    pub path: String,
    /// The most records of a request: 1 to 1,000.
    #[serde(default = "hundred")]
    #[schema(default = 100, minimum = 1, maximum = 1_000)]
    pub size: u32,
    /// The field that holds the records. Missing: the body is their list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "orders")]
    pub wrapper: Option<String>,
    /// The results in the response, one for each record: a path. Missing: a 2xx means that all were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "$.results[*]")]
    pub results: Option<String>,
    /// The key of the record that a result is about: a path in the result. Missing: they are in the order of the
    /// records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "$.key")]
    pub key: Option<String>,
    /// The status in a result: a path to an HTTP status code, to a boolean, or to a word such as `ok`, `created`,
    /// `updated`, `unchanged` or `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "$.status")]
    pub status: Option<String>,
    /// The error in a result: a path. A result that has one was not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "$.error")]
    pub error: Option<String>,
}

/// The method of a request that writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum WriteMethod {
    /// POST.
    #[default]
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
}

fn put() -> WriteMethod {
    WriteMethod::Put
}

fn hundred() -> u32 {
    100
}

impl ApiLoad {
    pub(super) fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        match self {
            Self::Reconcile { find, create, update } => {
                if let Some(find) = find {
                    problems.within("/find", find.problems());
                }
                let has_id = find.as_ref().is_some_and(|find| find.id.is_some());
                check_path(&mut problems, "/create/path", &create.path, false);
                if let Some(update) = update {
                    check_path(&mut problems, "/update/path", &update.path, has_id);
                    let named = update.path.contains(KEY) || update.path.contains(ID);
                    problems.unless(named, "/update/path", "must have {key}, or {id} with find.id");
                }
                problems.unless(find.is_some() || update.is_some(), "", "find or update is needed");
            }
            Self::Upsert { path, .. } => check_path(&mut problems, "/path", path, false),
            Self::Batch(batch) => batch.check(&mut problems),
        }
        for (pointer, path) in self.paths() {
            if let Err(error) = Path::parse(path) {
                problems.add(pointer, format!("is no path: {error}"));
            }
        }
        problems
    }

    pub(super) fn needs_key(&self) -> bool {
        match self {
            Self::Reconcile { .. } => true,
            Self::Upsert { path, .. } => path.contains(KEY),
            Self::Batch(batch) => batch.key.is_some(),
        }
    }

    fn paths(&self) -> Vec<(&'static str, &str)> {
        let all = match self {
            Self::Reconcile { find: Some(find), .. } => {
                vec![("/find/records", &find.records), ("/find/key", &find.key), ("/find/id", &find.id)]
            }
            Self::Batch(BatchLoad { results, key, status, error, .. }) => {
                vec![("/results", results), ("/key", key), ("/status", status), ("/error", error)]
            }
            _ => Vec::new(),
        };
        all.into_iter().filter_map(|(pointer, path)| Some((pointer, path.as_deref()?))).collect()
    }
}

impl Find {
    fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        check_path(&mut problems, "/path", &self.path, false);
        problems.most("/query", self.query.len(), MAX_QUERY);
        for (name, value) in self.query.iter().take(MAX_QUERY) {
            let fits = (1..=128).contains(&name.len()) && value.len() <= 1_024;
            problems.unless(fits, "/query", "a name has 1 to 128 bytes, a value at most 1024");
        }
        let named = self.path.contains(KEY) || self.query.values().any(|value| value.contains(KEY));
        problems.unless(named, "", "{key} is needed in path or query");
        problems
    }
}

impl BatchLoad {
    fn check(&self, problems: &mut Problems) {
        check_path(problems, "/path", &self.path, false);
        problems.unless(!self.path.contains(KEY), "/path", "must not have {key}: a request is for many records");
        problems.range("/size", self.size, 1..=MAX_BATCH);
        if let Some(wrapper) = &self.wrapper {
            problems.text("/wrapper", wrapper, 128);
        }
        let of_results = [("/key", &self.key), ("/status", &self.status), ("/error", &self.error)];
        for (pointer, path) in of_results {
            problems.unless(path.is_none() || self.results.is_some(), pointer, "needs results");
        }
    }
}

fn check_path(problems: &mut Problems, pointer: &str, path: &str, has_id: bool) {
    problems.unless(is_path(path), pointer, "must be a path such as /orders");
    problems.unless(has_id || !path.contains(ID), pointer, "{id} needs find.id");
}
