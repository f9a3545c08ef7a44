//! A shop of WooCommerce, by its REST API (v3).

mod changes;

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::generic_api::further_headers;
use super::http::{Credentials, HttpApi};
use super::parts::{ConnectorParts, SourceSpec};
use super::{ConnectorError, Source};
use crate::domain::pipeline::system::{WooAuth, WooCommerce};
use changes::Changes;

pub(super) fn source(
    parts: &ConnectorParts,
    system: &WooCommerce<Zeroizing<String>>,
    spec: &SourceSpec<'_>,
) -> Result<Box<dyn Source>, ConnectorError> {
    let request = spec.extraction.request.as_ref();
    let own = match spec.entity_type.to_ascii_lowercase().as_str() {
        "order" | "orders" => Some("/orders"),
        "product" | "products" => Some("/products"),
        _ => None,
    };
    let path = request.map(|request| request.path.as_str()).or(own).ok_or_else(|| {
        let entity = spec.entity_type;
        ConnectorError::Permanent(format!(
            "WooCommerce has orders and products; {entity} needs a request in the mapping"
        ))
    })?;
    Ok(Box::new(Changes::new(
        api(parts, system, request.map(|request| &request.headers))?,
        path,
        request.map(|request| request.query.clone()).unwrap_or_default(),
        spec.extraction,
    )?))
}

/// Asks for one order.
pub(super) async fn test(
    parts: &ConnectorParts,
    system: &WooCommerce<Zeroizing<String>>,
) -> Result<String, ConnectorError> {
    let api = api(parts, system, None)?;
    let reply = api.get(api.url("/orders", [("per_page", "1")])?).await?;
    let reply = api.success(reply)?;
    super::paged::read_content(&api, &reply)?;
    Ok("the shop gave its orders".to_owned())
}

fn api(
    parts: &ConnectorParts,
    system: &WooCommerce<Zeroizing<String>>,
    headers: Option<&BTreeMap<String, String>>,
) -> Result<HttpApi, ConnectorError> {
    let (key, secret) = (&system.consumer_key, &system.consumer_secret);
    let credentials = match system.auth {
        WooAuth::Header => Credentials::Basic(key.to_string(), secret.clone()),
        WooAuth::Query => Credentials::Query(vec![
            ("consumer_key".to_owned(), key.clone()),
            ("consumer_secret".to_owned(), secret.clone()),
        ]),
    };
    let base = format!("{}/wp-json/wc/v3", system.site_url.trim_end_matches('/'));
    let mut all = vec![("accept".to_owned(), "application/json".to_owned())];
    all.extend(further_headers(headers));
    let mut api = HttpApi::new(parts.client.clone(), parts.timeout, &base, all, credentials)?;
    api.hide(key);
    Ok(api)
}
