//! A shop of Shopify, by its Admin API: GraphQL, or REST for mappings that ask for it.

mod cost;
mod graphql;
mod queries;
mod rest;
mod source;
mod target;

use http::{HeaderMap, HeaderName};
use zeroize::Zeroizing;

use super::http::{Credentials, HttpApi};
use super::paged::Check;
use super::parts::{ConnectorParts, SourceSpec, TargetSpec};
use super::path::Path;
use super::{ConnectorError, Source, Target};
use crate::domain::pipeline::load::ShopifyLoad;
use crate::domain::pipeline::system::{Shopify, ShopifyApi};
use crate::domain::value::{Object, Value};
use graphql::GraphQl;

const VERSION: HeaderName = HeaderName::from_static("x-shopify-api-version");
const ACCESS_TOKEN: HeaderName = HeaderName::from_static("x-shopify-access-token");

/// What a shop has, as pipelines know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entity {
    Order,
    Product,
}

impl Entity {
    fn read(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "order" | "orders" => Some(Self::Order),
            "product" | "products" => Some(Self::Product),
            _ => None,
        }
    }

    /// Its name in both APIs.
    const fn plural(self) -> &'static str {
        match self {
            Self::Order => "orders",
            Self::Product => "products",
        }
    }

    /// The field with the list that a record of it has, of which a page holds the beginning.
    const fn list(self) -> &'static str {
        match self {
            Self::Order => "lineItems",
            Self::Product => "variants",
        }
    }
}

pub(super) fn source(
    parts: &ConnectorParts,
    system: &Shopify<Zeroizing<String>>,
    spec: &SourceSpec<'_>,
) -> Result<Box<dyn Source>, ConnectorError> {
    let has_request = spec.extraction.request.is_some();
    let entity = Entity::read(spec.entity_type);
    match system.api {
        Some(ShopifyApi::Graphql) if has_request => Err(ConnectorError::Permanent(
            "the mapping has a request, which is for Shopify's REST API, and the profile says graphql".to_owned(),
        )),
        Some(ShopifyApi::Rest) => rest::source(api(parts, system)?, system, spec, entity),
        None if has_request => rest::source(api(parts, system)?, system, spec, entity),
        _ => {
            let unknown =
                || ConnectorError::Permanent(format!("Shopify has orders and products, not {}", spec.entity_type));
            let source_id = Path::parse(&spec.extraction.source_id).map_err(ConnectorError::Permanent)?;
            let records = source::Records::new(graphql(parts, system)?, entity.ok_or_else(unknown)?, source_id, spec);
            Ok(Box::new(records))
        }
    }
}

pub(super) fn target(
    parts: &ConnectorParts,
    system: &Shopify<Zeroizing<String>>,
    load: &ShopifyLoad,
    spec: &TargetSpec<'_>,
) -> Result<Box<dyn Target>, ConnectorError> {
    Ok(Box::new(target::Mutations::new(graphql(parts, system)?, load.clone(), spec.concurrency)))
}

/// Asks for the shop's name.
pub(super) async fn test(
    parts: &ConnectorParts,
    system: &Shopify<Zeroizing<String>>,
) -> Result<String, ConnectorError> {
    let data = graphql(parts, system)?.call(queries::SHOP, Object::default()).await.map_err(ConnectorError::from)?;
    let name = data.get("shop").and_then(|shop| shop.get("name")).and_then(Value::as_str).unwrap_or_default();
    Ok(format!("the shop {name} responded with API version {}", system.api_version))
}

fn api(parts: &ConnectorParts, system: &Shopify<Zeroizing<String>>) -> Result<HttpApi, ConnectorError> {
    let base = format!("{}/admin/api/{}", system.origin(), system.api_version);
    let headers = [("accept".to_owned(), "application/json".to_owned())];
    let credentials = Credentials::Header(ACCESS_TOKEN, system.access_token.clone());
    HttpApi::new(parts.client.clone(), parts.timeout, &base, headers, credentials)
}

fn graphql(parts: &ConnectorParts, system: &Shopify<Zeroizing<String>>) -> Result<GraphQl, ConnectorError> {
    GraphQl::new(api(parts, system)?, version_check(&system.api_version))
}

/// Shopify answers a version that it does not have any more with its oldest one: records would have another form.
fn version_check(asked: &str) -> Check {
    let asked = asked.to_owned();
    Box::new(move |headers: &HeaderMap| {
        let answered = headers.get(VERSION).and_then(|value| value.to_str().ok());
        match answered.filter(|answered| *answered != asked) {
            Some(answered) => {
                Err(format!("API version {asked} was asked for and Shopify gave {answered}: set apiVersion"))
            }
            None => Ok(()),
        }
    })
}

/// The global id of what a record's key or id names.
fn global_id(kind: &str, id: &str) -> String {
    if id.starts_with("gid://") { id.to_owned() } else { format!("gid://shopify/{kind}/{id}") }
}

/// The number in a global id.
fn number_of(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}
