//! The GraphQL Admin API: a response with HTTP status code 200 can be an error all the same.

use http::Method;
use url::Url;

use super::cost::{Cost, Pace};
use crate::connectors::ConnectorError;
use crate::connectors::http::{HttpApi, Reply};
use crate::connectors::paged::{Check, read_content};
use crate::domain::value::{Object, Value};

/// The GraphQL API of a shop.
pub(super) struct GraphQl {
    api: HttpApi,
    url: Url,
    check: Check,
    pace: Pace,
}

/// Why a query has no data.
pub(super) enum Fault {
    /// The API as a whole: it cannot be reached, is throttled, or refuses the credentials.
    Api(ConnectorError),
    /// The query costs more than one may.
    TooCostly(String),
    /// This query.
    Query(String),
}

impl From<Fault> for ConnectorError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Api(error) => error,
            Fault::TooCostly(reason) | Fault::Query(reason) => Self::Permanent(reason),
        }
    }
}

impl GraphQl {
    pub(super) fn new(api: HttpApi, check: Check) -> Result<Self, ConnectorError> {
        let url = api.url("/graphql.json", [])?;
        Ok(Self { api, url, check, pace: Pace::default() })
    }

    /// Carries out a query or a mutation; gives its data.
    pub(super) async fn call(&self, query: &str, variables: Object) -> Result<Value, Fault> {
        self.pace.wait().await;
        let mut body = Object::default();
        body.push("query".to_owned(), Value::String(query.to_owned()));
        body.push("variables".to_owned(), Value::Object(variables));
        let body = Value::Object(body).to_json().into();
        let reply = self.api.send(Method::POST, self.url.clone(), Some(body)).await.map_err(Fault::Api)?;
        let reply = self.api.success(reply).map_err(Fault::Api)?;
        (self.check)(&reply.headers).map_err(|why| Fault::Api(self.api.unusable(&reply, &why)))?;
        let mut response = read_content(&self.api, &reply).map_err(Fault::Api)?;
        let cost = Cost::of(&response);
        self.pace.note(cost);
        if let Some(errors) = response.get("errors").and_then(Value::as_array).filter(|errors| !errors.is_empty()) {
            return Err(self.fault(errors, cost));
        }
        self.data(&reply, &mut response).map_err(Fault::Api)
    }

    fn data(&self, reply: &Reply, response: &mut Value) -> Result<Value, ConnectorError> {
        match response {
            Value::Object(object) if object.get("data").is_some_and(|data| !data.is_null()) => {
                Ok(std::mem::replace(object.entry("data"), Value::Null))
            }
            _ => Err(self.api.unusable(reply, "it has no data")),
        }
    }

    fn fault(&self, errors: &[Value], cost: Option<Cost>) -> Fault {
        let text = |error: &Value| error.get("message").and_then(Value::as_str).unwrap_or("an error").to_owned();
        let messages = errors.iter().map(text).collect::<Vec<_>>().join("; ");
        let reason = format!("Shopify responded with an error: {}", self.api.hidden(&messages));
        let code = |error: &Value| {
            error.get("extensions").and_then(|more| more.get("code")).and_then(Value::as_str).map(str::to_owned)
        };
        let codes: Vec<String> = errors.iter().filter_map(code).collect();
        let has = |code: &str| codes.iter().any(|known| known == code);
        if has("THROTTLED") || messages.eq_ignore_ascii_case("throttled") {
            return Fault::Api(ConnectorError::throttled(reason, cost.map(Cost::wait)));
        }
        if has("MAX_COST_EXCEEDED") {
            return Fault::TooCostly(reason);
        }
        match () {
            () if has("INTERNAL_SERVER_ERROR") || has("TIMEOUT") => Fault::Api(ConnectorError::transient(reason)),
            () if has("ACCESS_DENIED") || has("SHOP_INACTIVE") => Fault::Api(ConnectorError::Permanent(reason)),
            () => Fault::Query(reason),
        }
    }

    /// The beginning of a text, without secrets.
    pub(super) fn hidden(&self, text: &str) -> String {
        self.api.hidden(text)
    }
}
