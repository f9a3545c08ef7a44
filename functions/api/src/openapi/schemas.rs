//! Corrections to schemas that the derive macros cannot express.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ArrayItems, Object, Schema, SchemaType, Type};

/// Marks objects without declared properties as open. Generators would make empty classes of them.
pub(super) fn open(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    if let Some(annotated) = annotated(schema) {
        *schema = Schema::Object(annotated);
    }
    match schema {
        Schema::Object(object) => {
            object.properties.values_mut().for_each(open);
            // In a patch, a missing field is kept and `null` removes it: a client must not send `null` by default.
            object.default = object.default.take().filter(|default| !default.is_null());
            // Property names are always strings.
            object.property_names = None;
            if has_any_fields(object) {
                object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(true)));
            }
        }
        Schema::Array(array) => {
            array.default = array.default.take().filter(|default| !default.is_null());
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                open(items);
            }
        }
        Schema::OneOf(one) => {
            one.default = one.default.take().filter(|default| !default.is_null());
            one.items.iter_mut().for_each(open);
        }
        Schema::AllOf(all) => all.items.iter_mut().for_each(open),
        Schema::AnyOf(any) => any.items.iter_mut().for_each(open),
        _ => {}
    }
}

/// A schema whose field has words or a default of its own. The macros call these an object, which no text is.
fn annotated(schema: &Schema) -> Option<Object> {
    let Schema::AllOf(all) = schema else { return None };
    let [RefOr::T(Schema::Object(of)), RefOr::T(Schema::Object(note))] = &all.items[..] else { return None };
    let is_text = of.schema_type == SchemaType::Type(Type::String);
    let mut annotated = of.clone();
    (annotated.description, annotated.default) = (note.description.clone(), note.default.clone());
    (is_text && has_any_fields(note)).then_some(annotated)
}

/// Whether the object accepts properties of any type.
fn has_any_fields(object: &Object) -> bool {
    let is_object = match &object.schema_type {
        SchemaType::Type(of) => *of == Type::Object,
        SchemaType::Array(of) => of.contains(&Type::Object),
        SchemaType::AnyValue => false,
    };
    match object.additional_properties.as_deref() {
        None | Some(AdditionalProperties::FreeForm(false)) => is_object && object.properties.is_empty(),
        Some(AdditionalProperties::RefOr(RefOr::T(Schema::Object(of)))) => of.schema_type == SchemaType::AnyValue,
        Some(_) => false,
    }
}
