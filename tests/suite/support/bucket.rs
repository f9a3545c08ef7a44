//! The embedded bucket as a customer sees it.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sluice_local::provision::S3Access;

use super::eventually;

/// A closed file.
#[derive(Clone, Debug)]
pub(crate) struct ExportFile {
    pub(crate) key: String,
    pub(crate) text: String,
}

impl ExportFile {
    /// Its lines as JSON.
    pub(crate) fn lines(&self) -> Result<Vec<Value>> {
        ensure!(self.text.ends_with('\n'), "{} does not end with a line end", self.key);
        self.text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }
}

/// The files whose keys begin with `prefix`, by key.
pub(crate) async fn files(s3: &S3Access, prefix: &str) -> Result<Vec<ExportFile>> {
    let client = s3.client();
    let mut pages = client.list_objects_v2().bucket(&s3.bucket).prefix(prefix).into_paginator().send();
    let mut files = Vec::new();
    while let Some(page) = pages.next().await {
        for key in page?.contents().iter().filter_map(|object| object.key()) {
            let object = client.get_object().bucket(&s3.bucket).key(key).send().await?;
            let text = String::from_utf8(object.body.collect().await?.to_vec())?;
            files.push(ExportFile { key: key.to_owned(), text });
        }
    }
    Ok(files)
}

/// Waits until the files hold so many lines.
pub(crate) async fn files_with(s3: &S3Access, prefix: &str, lines: usize, within: Duration) -> Result<Vec<ExportFile>> {
    let mut seen = 0;
    let found = eventually("lines in the bucket", within, async || {
        let files = files(s3, prefix).await?;
        seen = files.iter().map(|file| file.text.lines().count()).sum();
        Ok((seen >= lines).then_some(files))
    });
    found.await.with_context(|| format!("{seen} of {lines} lines"))
}

/// How often each payload's `n` stands in the files.
pub(crate) fn numbers(files: &[ExportFile]) -> Result<HashMap<u64, usize>> {
    let mut counts = HashMap::new();
    for file in files {
        for line in file.lines()? {
            *counts.entry(line["payload"]["n"].as_u64().context("no number")?).or_default() += 1;
        }
    }
    Ok(counts)
}

/// Whether these are the numbers from 0 on, each once.
pub(crate) fn each_once(files: &[ExportFile], count: usize) -> Result<()> {
    let counts = numbers(files)?;
    let missing = (0..count as u64).filter(|n| !counts.contains_key(n)).count();
    let twice = counts.values().filter(|n| **n > 1).count();
    ensure!(
        (missing, twice, counts.len()) == (0, 0, count),
        "{missing} missing, {twice} twice, {} in all",
        counts.len()
    );
    Ok(())
}
