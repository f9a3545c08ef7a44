//! What schemas say that are made of types without fields.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ArrayItems, Object, Schema, SchemaType, Type};

/// Says of each object without fields of its own that it may have any: a generator would make an empty class of it.
pub(super) fn open(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => {
            object.properties.values_mut().for_each(open);
            // What is left out of a change stays, and `null` takes it away: a client must not send the one for the other.
            object.default = object.default.take().filter(|default| !default.is_null());
            // Names are text in any case.
            object.property_names = None;
            if has_any_fields(object) {
                object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(true)));
            }
        }
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                open(items);
            }
        }
        Schema::OneOf(one) => one.items.iter_mut().for_each(open),
        Schema::AllOf(all) => all.items.iter_mut().for_each(open),
        Schema::AnyOf(any) => any.items.iter_mut().for_each(open),
        _ => {}
    }
}

/// Whether nothing is said about its fields, or only that further ones may be anything.
fn has_any_fields(object: &Object) -> bool {
    let is_object = match &object.schema_type {
        SchemaType::Type(of) => *of == Type::Object,
        SchemaType::Array(of) => of.contains(&Type::Object),
        SchemaType::AnyValue => false,
    };
    match object.additional_properties.as_deref() {
        None => is_object && object.properties.is_empty(),
        Some(AdditionalProperties::RefOr(RefOr::T(Schema::Object(of)))) => of.schema_type == SchemaType::AnyValue,
        Some(_) => false,
    }
}
