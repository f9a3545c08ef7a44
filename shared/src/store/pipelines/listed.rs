//! Lists of records whose ids sort by time, the newest first, by page number.

use std::collections::HashMap;

use futures::future::try_join_all;
use serde::de::DeserializeOwned;

use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;
use crate::store::key::read_or_log;
use crate::store::{Db, Key, StoreError};

/// The most records that a list counts and shows: the newest.
pub const MAX_LISTED: usize = 10_000;

/// What was found.
#[derive(Debug)]
pub struct Listed<T> {
    /// Those of the page.
    pub items: Vec<T>,
    /// How many there are in all, up to [`MAX_LISTED`].
    pub total: usize,
}

/// The ids of the newest records that are asked for. Only the facts of each record are read into memory.
pub(super) async fn newest<F: DeserializeOwned>(
    db: &Db,
    scope: &Scope,
    family: ScopeFamily<'_>,
    (projection, names): (&str, &[(&str, &str)]),
    looked_at: usize,
    mut asked: impl FnMut(&F) -> bool,
) -> Result<Vec<F>, StoreError> {
    let query = db.query(&db.tables.activity, &scope.partition(family)).consistent_read(true);
    let names: HashMap<String, String> =
        names.iter().map(|(name, attribute)| ((*name).to_owned(), (*attribute).to_owned())).collect();
    let query = query.scan_index_forward(false).projection_expression(format!("pk, sk, v, {projection}"));
    let query = query.set_expression_attribute_names(Some(names));
    let mut items = query.into_paginator().items().send();
    let (mut found, mut seen) = (Vec::new(), 0);
    while let Some(item) = items.try_next().await? {
        seen += 1;
        let Some(facts) = read_or_log::<F>(item) else { continue };
        if asked(&facts) {
            found.push(facts);
        }
        if seen == looked_at || found.len() == MAX_LISTED {
            break;
        }
    }
    Ok(found)
}

/// The records of one page, by their sort keys.
pub(super) async fn page<T: DeserializeOwned>(
    db: &Db,
    scope: &Scope,
    family: ScopeFamily<'_>,
    ids: impl Iterator<Item = String>,
) -> Result<Vec<T>, StoreError> {
    let partition = scope.partition(family);
    let gets = ids.map(|id| async {
        let key = Key::new(&partition, id);
        db.item(&db.tables.activity, &key).await
    });
    Ok(try_join_all(gets).await?.into_iter().flatten().filter_map(read_or_log).collect())
}
