//! Products and orders that are written: by mutations which can be repeated.

use futures::future::BoxFuture;

use super::global_id;
use super::graphql::{Fault, GraphQl};
use super::queries::{ORDER_UPDATE, PRODUCT_SET};
use crate::connectors::each::each;
use crate::connectors::halt::Halt;
use crate::connectors::key::key_of;
use crate::connectors::{Batch, ConnectorError, Record, Target, Written};
use crate::domain::pipeline::load::{ProductIdentifier, ShopifyLoad};
use crate::domain::value::{Object, Value};

/// How many records a write had best have.
const BATCH: usize = 50;
/// What `orderUpdate` can set.
const ORDER_FIELDS: [&str; 8] =
    ["note", "tags", "customAttributes", "email", "phone", "poNumber", "shippingAddress", "metafields"];

/// Writes records to a shop, one by one.
pub(super) struct Mutations {
    graphql: GraphQl,
    load: ShopifyLoad,
    concurrency: usize,
}

impl Mutations {
    pub(super) fn new(graphql: GraphQl, load: ShopifyLoad, concurrency: usize) -> Self {
        Self { graphql, load, concurrency }
    }

    async fn one(&self, record: &Record, halt: &Halt) -> Written {
        self.write(record, halt).await.unwrap_or_else(|written| written)
    }

    async fn write(&self, record: &Record, halt: &Halt) -> Result<Written, Written> {
        halt.check()?;
        let key = key_of(record)?;
        let Value::Object(fields) = &record.body else {
            return Err(Written::Refused(format!("an input is an object, and the record is {}", record.body.kind())));
        };
        let (mutation, name, variables) = match &self.load {
            ShopifyLoad::Product { identifier } => (PRODUCT_SET, "productSet", product(fields, identifier, key)),
            ShopifyLoad::Order {} => (ORDER_UPDATE, "orderUpdate", order(fields, key)?),
        };
        let data = self.graphql.call(mutation, variables).await.map_err(|fault| match fault {
            Fault::Api(error) => halt.set(error),
            Fault::TooCostly(reason) | Fault::Query(reason) => Written::Refused(reason),
        })?;
        match data.get(name).and_then(|result| result.get("userErrors")).and_then(Value::as_array) {
            Some([]) => Ok(Written::Done),
            Some(errors) => Err(Written::Refused(self.graphql.hidden(&told(errors)))),
            None => Err(Written::Failed("Shopify did not say what became of the record".to_owned())),
        }
    }
}

/// The variables of `productSet`.
fn product(fields: &Object, identifier: &ProductIdentifier, key: &str) -> Object {
    let text = |text: &str| Value::String(text.to_owned());
    let mut input = fields.clone();
    let by = match identifier {
        ProductIdentifier::Handle => {
            *input.entry("handle") = text(key);
            object([("handle", text(key))])
        }
        ProductIdentifier::Id => object([("id", Value::String(global_id("Product", key)))]),
        ProductIdentifier::CustomId { namespace, key: name } => {
            let custom = object([("namespace", text(namespace)), ("key", text(name)), ("value", text(key))]);
            object([("customId", Value::Object(custom))])
        }
    };
    object([("input", Value::Object(input)), ("identifier", Value::Object(by))])
}

/// The variables of `orderUpdate`.
fn order(fields: &Object, key: &str) -> Result<Object, Written> {
    let other = fields.iter().map(|(name, _)| name).find(|name| *name != "id" && !ORDER_FIELDS.contains(name));
    if let Some(name) = other {
        return Err(Written::Refused(format!("an order's {name} cannot be updated")));
    }
    let mut input = fields.clone();
    *input.entry("id") = Value::String(global_id("Order", key));
    Ok(object([("input", Value::Object(input))]))
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Object {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What a shop says is wrong with a record.
fn told(errors: &[Value]) -> String {
    let one = |error: &Value| {
        let field = error.get("field").and_then(Value::as_array).unwrap_or_default();
        let field: Vec<&str> = field.iter().filter_map(Value::as_str).collect();
        let message = error.get("message").and_then(Value::as_str).unwrap_or("an error");
        if field.is_empty() { message.to_owned() } else { format!("{}: {message}", field.join(".")) }
    };
    errors.iter().map(one).collect::<Vec<_>>().join("; ")
}

impl Target for Mutations {
    fn write<'a>(&'a self, batch: &'a Batch<'a>) -> BoxFuture<'a, Result<Vec<Written>, ConnectorError>> {
        Box::pin(async move {
            let halt = Halt::default();
            let written = each(batch.records, self.concurrency, |record| self.one(record, &halt)).await;
            halt.finish(written)
        })
    }

    fn batch_size(&self) -> usize {
        BATCH
    }
}
