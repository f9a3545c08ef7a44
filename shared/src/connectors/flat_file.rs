//! Files of records in a bucket.

mod bucket;
mod reading;
mod source;
mod target;

use zeroize::Zeroizing;

use super::parts::{ConnectorParts, SourceSpec, TargetSpec};
use super::path::Path;
use super::{ConnectorError, Source, Target};
use crate::domain::flat_file::FileFormat;
use crate::domain::pipeline::load::FileLoad;
use crate::domain::pipeline::system::FlatFile;
use bucket::Bucket;

pub(super) fn source(
    parts: &ConnectorParts,
    system: &FlatFile<Zeroizing<String>>,
    spec: &SourceSpec<'_>,
) -> Result<Box<dyn Source>, ConnectorError> {
    let source_id = Path::parse(&spec.extraction.source_id).map_err(ConnectorError::Permanent)?;
    Ok(Box::new(source::Files::new(Bucket::new(parts, system), system.format.clone(), source_id)))
}

pub(super) fn target(
    parts: &ConnectorParts,
    system: &FlatFile<Zeroizing<String>>,
    load: &FileLoad,
    spec: &TargetSpec<'_>,
) -> Box<dyn Target> {
    Box::new(target::NewFiles::new(Bucket::new(parts, system), &system.format, load, spec))
}

/// Lists the files.
pub(super) async fn test(
    parts: &ConnectorParts,
    system: &FlatFile<Zeroizing<String>>,
) -> Result<String, ConnectorError> {
    let found = Bucket::new(parts, system).list(None).await?;
    Ok(match found.first() {
        Some(file) => format!("the bucket can be listed; its first file is {}", file.key),
        None => "the bucket can be listed; it has no file with this prefix".to_owned(),
    })
}

/// How the names of files end.
const fn extension(format: &FileFormat) -> &'static str {
    match format {
        FileFormat::Csv { .. } => "csv",
        FileFormat::JsonLines {} => "jsonl",
        FileFormat::Xml { .. } => "xml",
    }
}

const fn content_type(format: &FileFormat) -> &'static str {
    match format {
        FileFormat::Csv { .. } => "text/csv; charset=utf-8",
        FileFormat::JsonLines {} => "application/x-ndjson",
        FileFormat::Xml { .. } => "application/xml",
    }
}
