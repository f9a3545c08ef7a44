//! An event as expressions see it. Its payload is turned into CEL's values at most once, and only if it is asked for.

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Value};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::ENVIRONMENT;
use crate::event::Event;

/// The variables of an expression.
pub(super) const VARIABLES: [&str; 6] = ["payload", "name", "entity", "published_at", "partner_id", "document_type"];

static NULL: CelNull = CelNull;

/// The variables that expressions can use.
pub struct Facts<'e> {
    event: &'e Event,
    /// `None` where it cannot be parsed.
    payload: OnceLock<Option<Json<'e>>>,
    published_at: OnceLock<Option<Box<dyn Val + 'e>>>,
}

impl<'e> Facts<'e> {
    /// About this event: costs nothing until an expression asks.
    #[must_use]
    pub fn of(event: &'e Event) -> Self {
        Self { event, payload: OnceLock::new(), published_at: OnceLock::new() }
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &'e Event {
        self.event
    }
}

impl VariableResolver for Facts<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let text = |text: &'b str| Some(CowVal::Owned(Box::new(CelString::from(text)) as Box<dyn Val + 'b>));
        let or_null =
            |value: &'b Option<String>| value.as_deref().map_or(Some(CowVal::Borrowed(&NULL as &dyn Val)), text);
        match variable {
            "payload" => {
                let payload = self.payload.get_or_init(|| serde_json::from_str(self.event.payload.get()).ok());
                payload.as_ref().map(|Json(value)| CowVal::Borrowed(value.as_ref()))
            }
            "published_at" => {
                let time = self.published_at.get_or_init(|| timestamp(&self.event.published_at.to_string()));
                time.as_ref().map(|value| CowVal::Borrowed(value.as_ref()))
            }
            "name" => text(&self.event.name),
            "entity" => text(self.event.entity()),
            "partner_id" => or_null(&self.event.partner_id),
            "document_type" => or_null(&self.event.document_type),
            _ => None,
        }
    }
}

impl fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts").field("event", &self.event.id).finish_non_exhaustive()
    }
}

/// The result of `timestamp("...")`.
fn timestamp<'v>(text: &str) -> Option<Box<dyn Val + 'v>> {
    let literal = Expr::Literal(LiteralValue::String(text.to_owned().into()));
    let args = vec![IdedExpr { id: 0, expr: literal }];
    let call = Expr::Call(CallExpr { func_name: "timestamp".to_owned(), target: None, args });
    let (call, context) = (IdedExpr { id: 0, expr: call }, Context::with_env(ENVIRONMENT.clone()));
    Value::resolve_val(&call, &context).ok().map(|value| value.into_owned())
}

/// JSON as a CEL value; texts without escapes stay where they are in the event.
struct Json<'e>(Box<dyn Val + 'e>);

impl<'de: 'e, 'e> Deserialize<'de> for Json<'e> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

fn json<'e, T: Val + 'e, E>(value: T) -> Result<Json<'e>, E> {
    Ok(Json(Box::new(value)))
}

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        json(CelNull)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        json(CelBool::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        json(CelInt::from(value))
    }

    /// A literal such as `5` is an int: a number of the payload is one too, where it fits.
    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        i64::try_from(value).map_or_else(|_| json(CelUInt::from(value)), |value| json(CelInt::from(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        json(CelDouble::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        json(CelString::from(value.to_owned()))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        json(CelString::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let mut list: Vec<Box<dyn Val + 'de>> = Vec::new();
        while let Some(Json(item)) = items.next_element()? {
            list.push(item);
        }
        json(CelList::from(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json<'de>, A::Error> {
        let mut map: HashMap<CelMapKey<'de>, Box<dyn Val + 'de>> = HashMap::new();
        while let Some(key) = entries.next_key_seed(Text)? {
            let Json(value) = entries.next_value()?;
            map.insert(CelMapKey::String(key), value);
        }
        json(CelMap::from(map))
    }
}

/// A key: borrowed where it has no escapes.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = CelString<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<CelString<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = CelString<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, value: &str) -> Result<CelString<'de>, E> {
        Ok(CelString::from(value.to_owned()))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<CelString<'de>, E> {
        Ok(CelString::from(value))
    }
}
