//! The extraction of a mapping: its paths, and the request.

use serde_json::Value;

use super::Compiler;
use crate::mapping::Extract;
use crate::mapping::path::Path;
use crate::mapping::structure;
use crate::pipeline::extraction::{Extraction, Pagination, Request};

const AT: &str = "/extraction";
const MEMBERS: [&str; 5] = ["request", "records", "sourceId", "pagination", "cursor"];
/// The most records of a page that can be asked for.
const MAX_PAGE_SIZE: u32 = 10_000;

impl Compiler {
    pub(super) fn extraction(&mut self, value: &Value) -> Option<Extract> {
        let object = self.object(value, AT)?;
        self.unknown(object, &MEMBERS, AT);
        let known = Value::Object(structure::members(object, &MEMBERS));
        let extraction: Extraction = match structure::typed(&known) {
            Ok(extraction) => extraction,
            Err((pointer, message)) => {
                self.fault(format!("{AT}{pointer}"), message);
                return None;
            }
        };
        if let Some(request) = &extraction.request {
            self.request(request);
        }
        let records = extraction.records.as_deref().map(|text| self.path(text, "/extraction/records", true));
        let source_id = self.single(&extraction.source_id, "sourceId");
        let cursor = extraction.cursor.as_ref().map(|cursor| self.single(&cursor.column, "cursor/column"));
        if let Some(pagination) = &extraction.pagination {
            self.pagination(pagination);
        }
        Some(Extract { records: records.flatten(), source_id: source_id?, cursor: cursor.flatten(), extraction })
    }

    fn single(&mut self, text: &str, member: &str) -> Option<Path> {
        let at = format!("{AT}/{member}");
        let path = self.path(text, &at, true)?;
        if !path.is_singular() {
            self.fault(at, "must give one node: names and indices alone");
            return None;
        }
        Some(path)
    }

    /// The path of the next page's cursor.
    fn pagination(&mut self, pagination: &Pagination) {
        match pagination {
            Pagination::Link {} => {}
            Pagination::Page { size, .. } | Pagination::Offset { size, .. } => {
                if size.is_some_and(|size| !(1..=MAX_PAGE_SIZE).contains(&size)) {
                    self.fault(format!("{AT}/pagination/size"), format!("must be 1 to {MAX_PAGE_SIZE}"));
                }
            }
            Pagination::Cursor { path, .. } => {
                self.single(path, "pagination/path");
            }
        }
    }

    fn request(&mut self, request: &Request) {
        let at = format!("{AT}/request");
        let path = &request.path;
        let plain = !path.contains(|c: char| c.is_control() || c == '\\' || c == ' ' || c == '#');
        // A path with two slashes would be a host.
        if !path.starts_with('/') || path.starts_with("//") || !plain || path.len() > 2_048 {
            self.fault(format!("{at}/path"), "must be a path below the base URL, such as /orders.json");
        }
        for (name, value) in &request.headers {
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            let header = !name.is_empty() && name.bytes().all(is_token) && !value.contains(char::is_control);
            if !header {
                self.fault(format!("{at}/headers{}", structure::segment(name)), "is no header");
            }
        }
    }
}
