//! A shop on loopback: an API with orders by pages, and one that takes orders and keeps them by key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use sluice_local::receiver::{Answer, Received, Receiver, status};
use url::Url;

/// What a request for orders, or one that writes one, is answered with instead.
type Refusal = Box<dyn Fn(&Received, usize) -> Option<StatusCode> + Send + Sync>;

#[derive(Default)]
struct State {
    orders: Vec<Value>,
    kept: BTreeMap<String, Value>,
    reads: Vec<String>,
    writes: usize,
}

/// A running shop.
pub(crate) struct Shop {
    receiver: Receiver,
    state: Arc<Mutex<State>>,
}

/// Its n-th order: changed n seconds after the year began.
pub(crate) fn order(n: usize) -> Value {
    let (minutes, seconds) = (n / 60, n % 60);
    let changed = format!("2026-01-01T{:02}:{:02}:{:02}Z", minutes / 60, minutes % 60, seconds);
    json!({
        "id": n, "updated_at": changed, "total_price": format!("{n}.10"), "currency": "EUR",
        "line_items": [{"sku": format!("sku-{n}"), "gift_card": false}],
    })
}

impl Shop {
    pub(crate) async fn open(count: usize) -> Result<Self> {
        Self::refusing(count, |_, _| None).await
    }

    /// The same, where some requests are answered with an error; `refuse` is given the request's number.
    pub(crate) async fn refusing(
        count: usize,
        refuse: impl Fn(&Received, usize) -> Option<StatusCode> + Send + Sync + 'static,
    ) -> Result<Self> {
        let state = Arc::new(Mutex::new(State { orders: (1..=count).map(order).collect(), ..State::default() }));
        let (shared, refuse): (_, Refusal) = (Arc::clone(&state), Box::new(refuse));
        let receiver = Receiver::start(move |received| {
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = answer(&mut state, &received, &refuse);
            async move { answer }
        });
        Ok(Self { receiver: receiver.await?, state })
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        self.receiver.url("")
    }

    /// Adds an order, or changes one.
    pub(crate) fn put(&self, order: Value) {
        self.state(|state| {
            state.orders.retain(|known| known["id"] != order["id"]);
            state.orders.push(order);
        });
    }

    /// What was written, by key.
    pub(crate) fn kept(&self) -> BTreeMap<String, Value> {
        self.state(|state| state.kept.clone())
    }

    /// How often something was written.
    pub(crate) fn writes(&self) -> usize {
        self.state(|state| state.writes)
    }

    /// The paths of the requests for orders.
    pub(crate) fn reads(&self) -> Vec<String> {
        self.state(|state| state.reads.clone())
    }
}

fn answer(state: &mut State, received: &Received, refuse: &Refusal) -> Answer {
    let writes = received.path.starts_with("/kept/");
    let number = if writes { state.writes } else { state.reads.len() };
    if writes {
        state.writes += 1;
    } else {
        state.reads.push(received.path.clone());
    }
    if let Some(code) = refuse(received, number) {
        return status(code);
    }
    if let Some(key) = received.path.strip_prefix("/kept/") {
        let body = serde_json::from_slice(&received.body).unwrap_or_default();
        state.kept.insert(key.to_owned(), body);
        return status(StatusCode::NO_CONTENT);
    }
    page(state, &received.path)
}

/// A page of orders, in the order of their change.
fn page(state: &State, path: &str) -> Answer {
    let url = Url::parse(&format!("http://shop{path}")).ok();
    let query: BTreeMap<String, String> = url.iter().flat_map(|url| url.query_pairs().into_owned()).collect();
    let number = |name: &str, default: usize| query.get(name).and_then(|n| n.parse().ok()).unwrap_or(default);
    let (page, size) = (number("page", 1), number("size", 50));
    let since = query.get("updated_at_min").map(|since| since.chars().take(19).collect::<String>());
    let mut orders: Vec<&Value> = state.orders.iter().collect();
    orders.sort_by_key(|order| order["updated_at"].as_str().map(str::to_owned));
    orders.retain(|order| {
        let changed = order["updated_at"].as_str().unwrap_or_default();
        since.as_deref().is_none_or(|since| changed.get(..19).is_some_and(|changed| changed >= since))
    });
    let some: Vec<&&Value> = orders.iter().skip((page - 1) * size).take(size).collect();
    let mut answer = Answer::new(json!({"orders": some}).to_string().into_bytes().into());
    answer.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    answer
}
