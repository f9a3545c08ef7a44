//! WooCommerce, as its documentation describes the REST API.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use axum::http::{HeaderName, StatusCode};
use serde_json::{Value as Json, json};
use sluice::connectors::Ask;
use sluice::domain::value::Value;
use sluice::outbound::TargetPolicy;
use sluice_local::receiver::{Answer, Received};

use super::fixture::{Fixture, Manner, Origin, PAGE, RECORDS, SECRET, source, source_as};
use super::server::{Server, json, parameter, path, with};
use super::sources::read_from;

/// `ck_hush-of-the-test:cs_hush-of-the-test` as HTTP Basic authentication.
const BASIC: &str = "Basic Y2tfaHVzaC1vZi10aGUtdGVzdDpjc19odXNoLW9mLXRoZS10ZXN0";

/// A shop.
pub(super) struct Shop {
    server: Server,
    auth: &'static str,
    /// Orders: an id, and the second in which it changed.
    orders: Arc<Mutex<Vec<(usize, u32)>>>,
}

impl Shop {
    async fn with(manner: Manner, auth: &'static str, orders: Vec<(usize, u32)>) -> Result<Self> {
        let orders = Arc::new(Mutex::new(orders));
        let known = Arc::clone(&orders);
        let serve = move |received: &Received| serve(received, &known.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Self { server: Server::start(manner, serve).await?, auth, orders })
    }

    /// An order changes.
    fn touch(&self, id: usize, second: u32) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        for order in orders.iter_mut().filter(|order| order.0 == id) {
            order.1 = second;
        }
    }
}

fn time(second: u32) -> String {
    format!("2026-01-01T00:{:02}:{:02}", second / 60, second % 60)
}

fn serve(received: &Received, orders: &[(usize, u32)]) -> Answer {
    let is_known = received.header("authorization") == BASIC
        || (parameter(received, "consumer_key") == format!("ck_{SECRET}")
            && parameter(received, "consumer_secret") == format!("cs_{SECRET}"));
    if !is_known {
        let body = json!({"code": "woocommerce_rest_cannot_view", "message": "Sorry, you cannot list resources."});
        return json(StatusCode::UNAUTHORIZED, &body);
    }
    if path(received) != "/shop/wp-json/wc/v3/orders" {
        return json(StatusCode::NOT_FOUND, &json!({"code": "rest_no_route", "message": "No route was found"}));
    }
    let mut all = orders.to_vec();
    if parameter(received, "orderby") == "modified" {
        all.sort_by_key(|(id, second)| (*second, *id));
    }
    let (after, before) = (parameter(received, "modified_after"), parameter(received, "modified_before"));
    let is_utc = parameter(received, "dates_are_gmt") == "true";
    // The shop is two hours ahead: a time that is not said to be UTC means another one.
    let is_after = |second: u32| after.is_empty() || (is_utc && time(second) > after);
    let is_before = |second: u32| before.is_empty() || (is_utc && time(second) < before);
    let ids = parameter(received, "include");
    let is_wanted = |id: usize| ids.is_empty() || ids.split(',').any(|wanted| wanted == id.to_string());
    all.retain(|(id, second)| is_after(*second) && is_before(*second) && is_wanted(*id));
    let number = |name| parameter(received, name).parse::<usize>().unwrap_or(1).max(1);
    let (page, size) = (number("page"), number("per_page").min(100));
    let total = all.len().div_ceil(size);
    let records: Vec<Json> = all
        .into_iter()
        .skip((page - 1) * size)
        .take(size)
        .map(|(id, second)| json!({"id": id, "date_modified_gmt": time(second), "total": "1.10"}))
        .collect();
    with(json(StatusCode::OK, &json!(records)), HeaderName::from_static("x-wp-totalpages"), &total.to_string())
}

impl Fixture for Shop {
    async fn start(manner: Manner) -> Result<Self> {
        Self::with(manner, "header", (0..RECORDS).map(|n| (n, n as u32 * 3)).collect()).await
    }

    fn system(&self) -> Json {
        json!({
            "system": "wooCommerce", "siteUrl": self.server.url("/shop"), "auth": self.auth,
            "consumerKey": format!("ck_{SECRET}"), "consumerSecret": format!("cs_{SECRET}"),
        })
    }

    fn requests(&self) -> usize {
        self.server.requests().len()
    }
}

impl Origin for Shop {
    fn extraction() -> Json {
        json!({"sourceId": "$.id", "cursor": {"column": "$.date_modified_gmt"}})
    }

    fn number(record: &Value) -> Option<usize> {
        Self::id(record)?.parse().ok()
    }

    fn id(record: &Value) -> Option<String> {
        record.get("id").map(Value::to_json)
    }
}

fn ids(records: &[Value]) -> Vec<usize> {
    let mut ids: Vec<usize> = records.iter().filter_map(Shop::number).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn changes_are_asked_for_in_utc_without_a_zone() -> Result<()> {
    let shop = Shop::start(Manner::Serve).await?;
    let (from, to) = (Some("2026-01-01T02:01:00.000+02:00"), Some("2026-01-01T00:01:30Z"));
    let page = source(&shop).await?.read(&Ask { from, to, page_size: PAGE, ..Ask::default() }).await?;
    // From 58 s on, which is the overlap, and before 90 s.
    ensure!(ids(&page.records) == (20..30).collect::<Vec<_>>(), "{:?}", ids(&page.records));
    let mut query = shop.server.queries().remove(0);
    query.sort();
    let expected = [
        ("dates_are_gmt", "true"),
        ("modified_after", "2026-01-01T00:00:58"),
        ("modified_before", "2026-01-01T00:01:30"),
        ("order", "asc"),
        ("orderby", "modified"),
        ("page", "1"),
        ("per_page", "20"),
    ];
    let expected: Vec<(String, String)> = expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    ensure!(query == expected, "{query:?}");
    Ok(())
}

#[tokio::test]
async fn what_changes_while_it_is_read_hides_nothing() -> Result<()> {
    let shop = Shop::start(Manner::Serve).await?;
    let source = source(&shop).await?;
    let first = source.read(&Ask { page_size: PAGE, ..Ask::default() }).await?;
    ensure!(first.records.len() == PAGE);
    // Each moves to the end, and everything after it up by one.
    (0..5).for_each(|id| shop.touch(id, 600 + id as u32));
    let (rest, _) = read_from(source.as_ref(), first.next).await?;
    let mut found = ids(&rest);
    // Those that changed come again, for they are new.
    ensure!(found.starts_with(&[0, 1, 2, 3, 4]), "{found:?}");
    found.extend(ids(&first.records));
    found.sort_unstable();
    found.dedup();
    ensure!(found == (0..RECORDS).collect::<Vec<_>>(), "{found:?}");
    Ok(())
}

#[tokio::test]
async fn many_changes_in_one_second_are_all_read() -> Result<()> {
    // More than a page in one second, and others around it.
    let orders = (0..150)
        .map(|n| {
            (
                n,
                if n < 10 {
                    n as u32
                } else if n < 130 {
                    60
                } else {
                    n as u32
                },
            )
        })
        .collect();
    let shop = Shop::with(Manner::Serve, "header", orders).await?;
    let (records, _) = read_from(source(&shop).await?.as_ref(), None).await?;
    ensure!(ids(&records) == (0..150).collect::<Vec<_>>(), "{:?}", ids(&records));
    Ok(())
}

#[tokio::test]
async fn a_shop_that_does_not_sort_is_read_by_number() -> Result<()> {
    let orders = (0..RECORDS).map(|n| (n, (RECORDS - n) as u32 * 10)).collect();
    let shop = Shop::with(Manner::Serve, "header", orders).await?;
    // The mapping's own parameters do not replace those that the connector needs.
    let mut extraction = Shop::extraction();
    extraction["request"] = json!({"path": "/orders", "query": {"orderby": "id", "status": "any"}});
    let source = source_as(&shop, TargetPolicy::AllowLoopback, "order", extraction).await?;
    let (records, _) = read_from(source.as_ref(), None).await?;
    ensure!(ids(&records) == (0..RECORDS).collect::<Vec<_>>(), "{:?}", ids(&records));
    let first = shop.server.requests().remove(0);
    ensure!(parameter(&first, "orderby") == "modified" && parameter(&first, "status") == "any", "{}", first.path);
    Ok(())
}

#[tokio::test]
async fn credentials_in_the_query_are_in_no_error() -> Result<()> {
    let shop = Shop::with(Manner::Serve, "query", (0..RECORDS).map(|n| (n, n as u32)).collect()).await?;
    let (records, positions) = read_from(source(&shop).await?.as_ref(), None).await?;
    ensure!(records.len() == RECORDS && positions.iter().all(|position| !position.contains(SECRET)));
    for manner in [Manner::Fail, Manner::Refuse, Manner::Hang] {
        let shop = Shop::with(manner, "query", Vec::new()).await?;
        let error = source(&shop).await?.read(&Ask { page_size: PAGE, ..Ask::default() }).await;
        let error = error.err().context("an error")?;
        ensure!(!error.to_string().contains(SECRET) && !error.to_string().contains("consumer_key=ck"), "{error}");
    }
    Ok(())
}
