//! Shopify, as its documentation describes the Admin API.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use axum::http::{HeaderName, StatusCode, header};
use serde_json::{Value as Json, json};
use sluice::connectors::{Ask, ConnectorError, Record, Written};
use sluice::domain::value::Value;
use sluice::outbound::TargetPolicy;
use sluice_local::receiver::{Answer, Received};

use super::fixture::{Destination, Fixture, Manner, Origin, PAGE, RECORDS, SECRET, source_as, target_as};
use super::server::{Server, json, parameter, path, with};
use super::targets::write;

const VERSION: &str = "2026-07";
const ID: usize = 1_000;

/// A shop, asked by GraphQL.
pub(super) struct GraphQl(Shop);

/// The same, asked by REST.
pub(super) struct Rest(Shop);

/// A shop that products are written to.
pub(super) struct Products(Shop);

struct Shop {
    server: Server,
    products: Arc<Mutex<BTreeMap<String, Json>>>,
}

impl Shop {
    async fn start(manner: Manner) -> Result<Self> {
        let products: Arc<Mutex<BTreeMap<String, Json>>> = Arc::default();
        let known = Arc::clone(&products);
        let serve = move |received: &Received| {
            if received.header("x-shopify-access-token") != SECRET {
                return json(StatusCode::UNAUTHORIZED, &json!({"errors": "[API] Invalid API key or access token"}));
            }
            let answer = match path(received) {
                "/admin/api/2026-07/graphql.json" => {
                    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                    graphql(received, &mut known)
                }
                "/admin/api/2026-07/orders.json" => rest(received),
                _ => json(StatusCode::NOT_FOUND, &json!({"errors": "Not Found"})),
            };
            versioned(answer, VERSION)
        };
        Ok(Self { server: Server::start(manner, serve).await?, products })
    }

    async fn answering(serve: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Result<Self> {
        Ok(Self { server: Server::start(Manner::Serve, serve).await?, products: Arc::default() })
    }

    fn system(&self) -> Json {
        json!({"system": "shopify", "shop": self.server.address(), "accessToken": SECRET, "webhookSecrets": [SECRET]})
    }
}

fn versioned(answer: Answer, version: &str) -> Answer {
    with(answer, HeaderName::from_static("x-shopify-api-version"), version)
}

fn cost() -> Json {
    json!({"cost": {
        "requestedQueryCost": 70, "actualQueryCost": 20,
        "throttleStatus": {"maximumAvailable": 2000.0, "currentlyAvailable": 1980, "restoreRate": 100.0},
    }})
}

fn data(data: &Json) -> Answer {
    json(StatusCode::OK, &json!({"data": data, "extensions": cost()}))
}

fn order(number: usize, lines: usize) -> Json {
    let line = |n: usize| json!({"id": format!("gid://shopify/LineItem/{n}"), "sku": format!("S-{n}")});
    let first: Vec<Json> = (0..lines.min(50)).map(line).collect();
    json!({
        "id": format!("gid://shopify/Order/{}", ID + number), "name": format!("#{number}"),
        "updatedAt": "2026-01-01T00:00:00Z",
        "totalPriceSet": {"shopMoney": {"amount": "1234567890123456789.10", "currencyCode": "EUR"}},
        "lineItems": {"nodes": first, "pageInfo": {"hasNextPage": lines > 50, "endCursor": "l50"}},
    })
}

fn graphql(received: &Received, products: &mut BTreeMap<String, Json>) -> Answer {
    let body: Json = serde_json::from_slice(&received.body).unwrap_or_default();
    let (query, variables) = (body["query"].as_str().unwrap_or_default(), &body["variables"]);
    if query.contains("shop {") {
        return data(&json!({"shop": {"name": "Example"}}));
    }
    if query.starts_with("query LineItems") {
        let rest: Vec<Json> = (50..70).map(|n| json!({"id": n, "sku": format!("S-{n}")})).collect();
        let page_info = json!({"hasNextPage": false, "endCursor": null});
        return data(&json!({"node": {"lineItems": {"nodes": rest, "pageInfo": page_info}}}));
    }
    if query.starts_with("mutation ProductSet") {
        return product_set(variables, products);
    }
    let first = variables["first"].as_u64().unwrap_or_default() as usize;
    let from: usize = variables["after"].as_str().and_then(|after| after[1..].parse().ok()).unwrap_or_default();
    let filter = variables["query"].as_str().unwrap_or_default();
    let wanted = |number: &usize| !filter.contains("id:") || filter.contains(&format!("id:{}", ID + number));
    let all: Vec<usize> = (0..RECORDS).filter(wanted).collect();
    let page: Vec<Json> = all.iter().skip(from).take(first).map(|n| order(*n, if *n == 7 { 70 } else { 1 })).collect();
    let more = from + page.len() < all.len();
    let end = format!("c{}", from + page.len());
    data(&json!({"orders": {"nodes": page, "pageInfo": {"hasNextPage": more, "endCursor": end}}}))
}

fn product_set(variables: &Json, products: &mut BTreeMap<String, Json>) -> Answer {
    let handle = variables["identifier"]["handle"].as_str().unwrap_or_default().to_owned();
    let input = variables["input"].clone();
    if input["title"].as_str().is_none_or(str::is_empty) {
        let error = json!({"field": ["input", "title"], "message": "Title can't be blank", "code": "BLANK"});
        return data(&json!({"productSet": {"product": null, "userErrors": [error]}}));
    }
    products.insert(handle, input);
    data(&json!({"productSet": {"product": {"id": "gid://shopify/Product/1"}, "userErrors": []}}))
}

fn rest(received: &Received) -> Answer {
    // Closed and cancelled orders are left out unless it is asked for them.
    let first = parameter(received, "page_info").is_empty();
    if first && parameter(received, "status") != "any" {
        return json(StatusCode::OK, &json!({"orders": []}));
    }
    let ids = parameter(received, "ids");
    let number = |text: String| text.parse::<usize>().unwrap_or_default();
    let (from, limit) = (number(parameter(received, "page_info")), number(parameter(received, "limit")).max(1));
    let wanted = |n: &usize| ids.is_empty() || ids.split(',').any(|id| id == (ID + n).to_string());
    let all: Vec<usize> = (0..RECORDS).filter(wanted).collect();
    let page: Vec<Json> =
        all.iter().skip(from).take(limit).map(|n| json!({"id": ID + n, "total_price": "1.10"})).collect();
    let next = from + page.len();
    let answer = json(StatusCode::OK, &json!({"orders": page}));
    let link = format!(
        "<http://{}/admin/api/2026-07/orders.json?page_info={next}&limit={limit}>; rel=\"next\"",
        received.header("host")
    );
    if next < all.len() { with(answer, header::LINK, &link) } else { answer }
}

macro_rules! shops {
    ($($name:ident),+) => {
        $(impl Fixture for $name {
            async fn start(manner: Manner) -> Result<Self> {
                Ok(Self(Shop::start(manner).await?))
            }

            fn system(&self) -> Json {
                self.0.system()
            }

            fn requests(&self) -> usize {
                self.0.server.requests().len()
            }
        })+
    };
}

shops!(GraphQl, Rest, Products);

impl Origin for GraphQl {
    fn extraction() -> Json {
        json!({"sourceId": "$.id", "cursor": {"column": "$.updatedAt"}})
    }

    fn number(record: &Value) -> Option<usize> {
        Self::id(record)?.strip_prefix("gid://shopify/Order/")?.parse::<usize>().ok()?.checked_sub(ID)
    }

    fn id(record: &Value) -> Option<String> {
        record.get("id")?.as_str().map(str::to_owned)
    }
}

impl Origin for Rest {
    /// That of the contract's mapping.
    fn extraction() -> Json {
        json!({
            "request": {"method": "GET", "path": "/orders.json", "query": {"status": "any"}},
            "records": "$.orders[*]", "sourceId": "$.id", "pagination": {"type": "link"},
            "cursor": {"column": "$.updated_at", "type": "datetime", "parameter": "updated_at_min", "overlapSeconds": 1},
        })
    }

    fn number(record: &Value) -> Option<usize> {
        Self::id(record)?.parse::<usize>().ok()?.checked_sub(ID)
    }

    fn id(record: &Value) -> Option<String> {
        record.get("id").map(Value::to_json)
    }
}

impl Destination for Products {
    fn load() -> Json {
        json!({"system": "shopify", "entity": "product"})
    }

    fn body(_: usize, text: &str) -> Json {
        json!({"title": text, "productOptions": [{"name": "Size", "values": [{"name": "M"}]}]})
    }

    async fn texts(&self) -> Result<Vec<String>> {
        let products = self.0.products.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<(usize, String)> = products
            .iter()
            .filter_map(|(handle, input)| Some((handle[2..].parse().ok()?, input["title"].as_str()?.to_owned())))
            .collect();
        all.sort();
        Ok(all.into_iter().map(|(_, title)| title).collect())
    }
}

async fn first_page(shop: Shop, extraction: Json) -> Result<Result<Vec<Value>, ConnectorError>> {
    let shop = GraphQl(shop);
    let source = source_as(&shop, TargetPolicy::AllowLoopback, "order", extraction).await?;
    Ok(source.read(&Ask { page_size: PAGE, ..Ask::default() }).await.map(|page| page.records))
}

#[tokio::test]
async fn the_lines_of_a_large_order_are_read_to_the_end() -> Result<()> {
    let records = first_page(Shop::start(Manner::Serve).await?, GraphQl::extraction()).await??;
    let lines = |record: &Value| Some(record.get("lineItems")?.get("nodes")?.as_array()?.len());
    ensure!(lines(&records[7]) == Some(70) && lines(&records[8]) == Some(1), "{:?}", lines(&records[7]));
    let amount = records[0].get("totalPriceSet").context("a price")?.to_json();
    ensure!(amount.contains("1234567890123456789.10"), "{amount}");
    Ok(())
}

#[tokio::test]
async fn changes_are_searched_for() -> Result<()> {
    let graphql = GraphQl::start(Manner::Serve).await?;
    let source = source_as(&graphql, TargetPolicy::AllowLoopback, "order", GraphQl::extraction()).await?;
    let (from, to) = (Some("2026-01-01T00:00:00.000Z"), Some("2026-02-01T00:00:00Z"));
    source.read(&Ask { from, to, page_size: 500, ..Ask::default() }).await?;
    let body: Json = serde_json::from_slice(&graphql.0.server.requests()[0].body)?;
    let expected = "updated_at:>='2026-01-01T00:00:00.000Z' AND updated_at:<'2026-02-01T00:00:00Z'";
    ensure!(body["variables"]["query"] == expected && body["variables"]["first"] == 50, "{body}");

    let rest = Rest::start(Manner::Serve).await?;
    let mut extraction = Rest::extraction();
    extraction["request"]["query"] = json!({});
    extraction["cursor"]["parameter"] = Json::Null;
    let source = source_as(&rest, TargetPolicy::AllowLoopback, "order", extraction).await?;
    let page = source.read(&Ask { from, page_size: PAGE, ..Ask::default() }).await?;
    ensure!(page.records.len() == PAGE, "it does not ask for closed orders");
    let request = rest.0.server.requests().remove(0);
    ensure!(parameter(&request, "updated_at_min") == "2025-12-31T23:59:59Z", "{}", request.path);
    source.read(&Ask { position: page.next.as_deref(), from, ..Ask::default() }).await?;
    // A page_info allows no other parameter than limit.
    let second = rest.0.server.queries().pop().context("a request")?;
    ensure!(second.iter().map(|(name, _)| name.as_str()).eq(["page_info", "limit"]), "{second:?}");
    Ok(())
}

#[tokio::test]
async fn throttling_in_a_200_says_when_there_is_room_again() -> Result<()> {
    let throttled = json!({
        "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
        "extensions": {"cost": {
            "requestedQueryCost": 166, "actualQueryCost": null,
            "throttleStatus": {"maximumAvailable": 1000.0, "currentlyAvailable": 66, "restoreRate": 50.0},
        }},
    });
    let shop = Shop::answering(move |_| versioned(json(StatusCode::OK, &throttled), VERSION)).await?;
    let error = first_page(shop, GraphQl::extraction()).await?.err().context("an error")?;
    let ConnectorError::Transient { retry_after, throttled: true, .. } = error else { bail!("{error:?}") };
    ensure!(retry_after == Some(Duration::from_secs(2)), "{retry_after:?}");
    Ok(())
}

#[tokio::test]
async fn a_query_that_costs_too_much_is_asked_in_smaller_pages() -> Result<()> {
    let shop = Shop::answering(|received| {
        let body: Json = serde_json::from_slice(&received.body).unwrap_or_default();
        if body["variables"]["first"].as_u64() > Some(6) {
            let error = json!({"message": "Query cost is 1502", "extensions": {"code": "MAX_COST_EXCEEDED"}});
            return versioned(json(StatusCode::OK, &json!({"errors": [error]})), VERSION);
        }
        versioned(graphql(received, &mut BTreeMap::new()), VERSION)
    });
    let records = first_page(shop.await?, GraphQl::extraction()).await??;
    ensure!(records.len() == 5, "{} records", records.len());
    Ok(())
}

#[tokio::test]
async fn another_version_than_asked_for_is_an_error_that_says_so() -> Result<()> {
    for extraction in [GraphQl::extraction(), Rest::extraction()] {
        let shop = Shop::answering(|received| {
            let answer =
                if received.method == "GET" { rest(received) } else { graphql(received, &mut BTreeMap::new()) };
            versioned(answer, "2026-10")
        });
        let error = first_page(shop.await?, extraction).await?.err().context("an error")?;
        let text = error.to_string();
        ensure!(text.contains("2026-07 was asked for") && text.contains("2026-10"), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn other_errors_in_a_200_are_told() -> Result<()> {
    for (code, is_permanent) in [("ACCESS_DENIED", true), ("undefinedField", true), ("INTERNAL_SERVER_ERROR", false)] {
        let message = format!("{code} for {SECRET}");
        let body = json!({"errors": [{"message": message, "extensions": {"code": code}}], "data": null});
        let shop = Shop::answering(move |_| versioned(json(StatusCode::OK, &body), VERSION)).await?;
        let error = first_page(shop, GraphQl::extraction()).await?.err().context("an error")?;
        ensure!(matches!(error, ConnectorError::Permanent(_)) == is_permanent, "{error:?}");
        ensure!(error.to_string().contains(code) && !error.to_string().contains(SECRET), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_shop_refuses_is_told_field_by_field() -> Result<()> {
    let products = Products::start(Manner::Serve).await?;
    let target = target_as(&products, TargetPolicy::AllowLoopback, Products::load()).await?;
    let record =
        |key: &str, body: Json| Record { source_id: key.into(), key: Some(key.into()), body: Value::from(&body) };
    let records = [record("a", json!({"title": ""})), record("b", json!({"title": "x"})), record("c", json!("x"))];
    let written = write(target.as_ref(), &records).await?;
    ensure!(written[0] == Written::Refused("input.title: Title can't be blank".into()), "{written:?}");
    ensure!(written[1] == Written::Done && matches!(written[2], Written::Refused(_)), "{written:?}");
    Ok(())
}

#[tokio::test]
async fn orders_are_updated_by_id_in_what_can_be_updated() -> Result<()> {
    let shop = Shop::answering(|_| {
        versioned(data(&json!({"orderUpdate": {"order": {"id": "x"}, "userErrors": []}})), VERSION)
    });
    let products = Products(shop.await?);
    let load = json!({"system": "shopify", "entity": "order"});
    let target = target_as(&products, TargetPolicy::AllowLoopback, load).await?;
    let record = |body: Json| Record { source_id: "1".into(), key: Some("4711".into()), body: Value::from(&body) };
    let records = [record(json!({"note": "n", "tags": ["a"]})), record(json!({"total": "1"}))];
    let written = write(target.as_ref(), &records).await?;
    ensure!(written[0] == Written::Done, "{written:?}");
    ensure!(written[1] == Written::Refused("an order's total cannot be updated".into()), "{written:?}");
    let body: Json = serde_json::from_slice(&products.0.server.requests()[0].body)?;
    let input = json!({"note": "n", "tags": ["a"], "id": "gid://shopify/Order/4711"});
    ensure!(body["variables"] == json!({ "input": input }), "{body}");
    Ok(())
}
