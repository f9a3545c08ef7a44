//! The REST Admin API.

use zeroize::Zeroizing;

use super::{Entity, version_check};
use crate::connectors::generic_api::{further_headers, plan_of};
use crate::connectors::http::HttpApi;
use crate::connectors::paged::{Paged, Paging};
use crate::connectors::parts::SourceSpec;
use crate::connectors::path::Path;
use crate::connectors::{ConnectorError, Source};
use crate::domain::pipeline::extraction::{Cursor, Extraction, Method, Request};
use crate::domain::pipeline::system::Shopify;

/// The most records of a page.
const MAX_PAGE: usize = 250;
/// Asks for what changed at a time or later.
const UPDATED_AT_MIN: &str = "updated_at_min";

pub(super) fn source(
    mut api: HttpApi,
    system: &Shopify<Zeroizing<String>>,
    spec: &SourceSpec<'_>,
    entity: Option<Entity>,
) -> Result<Box<dyn Source>, ConnectorError> {
    let mut extraction = spec.extraction.clone();
    let request = match extraction.request.take() {
        Some(request) => request,
        None => request(entity.ok_or_else(|| unknown(spec.entity_type))?),
    };
    let entity = entity_of(&request).or(entity);
    api.add_headers(further_headers(Some(&request.headers)))?;
    let is_orders = request.path == "/orders.json";
    extraction.request = Some(request);
    let mut plan = plan_of(&with_parameter(extraction))?;
    // Without it Shopify leaves out what is closed or cancelled.
    if is_orders && !plan.query.iter().any(|(name, _)| name == "status") {
        plan.query.push(("status".to_owned(), "any".to_owned()));
    }
    if !plan.query.iter().any(|(name, _)| name == "limit") {
        plan.size = Some(("limit".to_owned(), MAX_PAGE));
    }
    if plan.records.is_none() {
        let list = entity.map(|entity| Path::parse(&format!("$.{}[*]", entity.plural())));
        plan.records = list.transpose().map_err(ConnectorError::Permanent)?;
    }
    plan.paging = Paging::Link;
    plan.until = entity.map(|_| "updated_at_max");
    plan.ids = entity.filter(|_| spec.extraction.source_id == "$.id").map(|_| "ids");
    plan.check = Some(version_check(&system.api_version));
    Ok(Box::new(Paged::new(api, plan)))
}

fn with_parameter(mut extraction: Extraction) -> Extraction {
    let cursor = extraction.cursor.map(|cursor| Cursor {
        parameter: Some(cursor.parameter.unwrap_or_else(|| UPDATED_AT_MIN.to_owned())),
        ..cursor
    });
    extraction.cursor = cursor;
    extraction
}

fn request(entity: Entity) -> Request {
    Request {
        method: Method::Get,
        path: format!("/{}.json", entity.plural()),
        query: Default::default(),
        headers: Default::default(),
        body: None,
    }
}

/// What a request is for, if it is for a list that has `ids`.
fn entity_of(request: &Request) -> Option<Entity> {
    Entity::read(request.path.strip_prefix('/')?.strip_suffix(".json")?)
}

fn unknown(entity_type: &str) -> ConnectorError {
    ConnectorError::Permanent(format!("Shopify has orders and products; {entity_type} needs a request in the mapping"))
}
