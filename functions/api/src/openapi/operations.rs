//! Documents what the layers add to operations: authentication, `Idempotency-Key`, rate limits, the shape of errors.

use http::Method;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Schema, Type};
use utoipa::openapi::{
    Content, ContentBuilder, HeaderBuilder, Object, ObjectBuilder, Ref, RefOr, Required, Response, ResponseBuilder,
};

use super::schemas;

/// The patterns of path parameters, by the path up to and including the parameter.
const PATH_PARAMETERS: &[(&str, &str)] = &[
    ("/v1/api-clients/{id}", "^client_[a-z0-9-]{1,40}_[0-9a-f]{24}$"),
    ("/v1/api-keys/{id}", "^key_[0-9a-f]{24}$"),
    ("/v1/tenants/{id}", "^[a-z0-9-]{1,40}$"),
    ("/v1/events/{id}", "^[A-Za-z0-9_:-]{1,100}$"),
    ("/v1/consumers/{consumer}", "^[a-z0-9-]{1,50}$"),
    ("/v1/event-types/{name}", "^[A-Za-z0-9_.-]{1,128}$"),
    ("/v1/integrations/{id}", "^[a-z0-9-]{1,50}$"),
    ("/v1/webhooks/subscriptions/{id}", "^sub_[0-9a-f]{32}$"),
    ("/v1/transactions/{id}", "^txn_[A-Za-z0-9_:-]{46,145}$"),
    ("/v1/automations/runs/{id}", "^run_[0-9a-f]{32}$"),
    ("/subscription/v1/subscription/{id}", "^[0-9a-f-]{36}$"),
    ("/v1/partners/{id}/callbacks/{notification_type}", "^([1-3]|WorkflowStateChange|Notes|Document)$"),
    ("/v1/partners/{id}", "^[A-Za-z0-9_-]{1,64}$"),
    ("/v1/identities/{id}", "^[A-Za-z0-9_-]{1,64}$"),
    ("/as2/{tenant}", "^[a-z0-9-]{1,40}$"),
    ("/sandbox/v1/partners/{id}", "^[A-Za-z0-9_-]{1,64}$"),
    ("/v1/integrations/{id}/rejected_events/{event_id}", "^[A-Za-z0-9_:-]{1,100}$"),
    ("/v1/connection-profiles/{id}", "^prf_[0-9a-f]{32}$"),
    ("/v1/mapping-configurations/{id}", "^map_[0-9a-f]{32}$"),
    ("/v1/instances/{id}", "^ins_[0-9a-f]{32}$"),
    ("/v1/schedules/{id}", "^sch_[0-9a-f]{32}$"),
    ("/v1/sync-events/{correlationId}", "^sync_[0-9a-f]{32}$"),
    ("/v1/sync-logs/{id}", "^sync_[0-9a-f]{32}$"),
    ("/v1/dlq/{id}", "^(dlq_[0-9a-f]{32}|txn_[A-Za-z0-9_:-]{46,145})$"),
    ("/v1/inbound/{instanceId}", "^ins_[0-9a-f]{32}$"),
    ("/v1/inbound/shopify/{instanceId}", "^ins_[0-9a-f]{32}$"),
    ("/v1/inbound/woocommerce/{instanceId}", "^ins_[0-9a-f]{32}$"),
];

/// Adds to an operation what its handler does not declare.
pub(super) fn complete(method: &Method, path: &str, operation: &mut Operation) {
    let guarded = operation.security.is_some();
    if guarded {
        answers(operation, "401", "`unauthorized`: no credentials, or bad ones");
        answers(operation, "403", "`insufficient_scope`: `details` name the scope that is missing");
        answers(operation, "429", "`rate_limited`: these credentials have made too many requests");
        answers(operation, "503", "`unavailable`: not carried out; try again");
    }
    if guarded && *method == Method::POST {
        operation.parameters.get_or_insert_default().push(idempotency_key().into());
        answers(operation, "409", "`request_in_progress`: the first request with this key still runs");
        answers(operation, "422", "`idempotency_key_reused`: the key was used for another request");
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.content.values_mut().for_each(without_null);
        answers(
            operation,
            "400",
            "`malformed_json`, `duplicate_key`, `validation_failed`: `details` point to each fault",
        );
        answers(operation, "413", "`payload_too_large`");
        answers(operation, "415", "`unsupported_media_type`");
    }
    // An empty list declares an open operation; a missing one would inherit from the document.
    operation.security.get_or_insert_default();
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter {
            limit(path, parameter);
        }
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            shape(status, response);
        }
    }
}

/// An optional body may be missing, but not `null`.
fn without_null(content: &mut RefOr<Content>) {
    let RefOr::T(content) = content else { return };
    if let Some(RefOr::T(Schema::OneOf(one))) = &content.schema
        && let [body @ RefOr::Ref(_), RefOr::T(_)] = one.items.as_slice()
    {
        content.schema = Some(body.clone());
    }
}

fn answers(operation: &mut Operation, status: &str, description: &str) {
    let response = ResponseBuilder::new().description(description).build();
    operation.responses.responses.entry(status.to_owned()).or_insert(response.into());
}

/// Sets the pattern of a path parameter.
fn limit(path: &str, parameter: &mut Parameter) {
    if parameter.parameter_in != ParameterIn::Path {
        return;
    }
    let place = format!("{{{}}}", parameter.name);
    let upto = path.find(&place).and_then(|at| path.get(..at + place.len()));
    let known = PATH_PARAMETERS.iter().find(|(known, _)| Some(*known) == upto);
    if let (Some((_, pattern)), Some(RefOr::T(Schema::Object(schema)))) = (known, &mut parameter.schema) {
        schema.pattern = Some((*pattern).to_owned());
    }
}

/// Adds the headers of a response, and the two media types of an error.
fn shape(status: &str, response: &mut Response) {
    let mut header = |name: &str, schema: Object, description: &str| {
        let header = HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build();
        response.headers.insert(name.to_owned(), header.into());
    };
    let id = text().pattern(Some("^[0-9A-Za-z_+/=-]{1,128}$")).build();
    header("x-request-id", id, "The id of the request, also in errors and in logs");
    if matches!(status, "429" | "503") {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(86_400)).build();
        header("Retry-After", seconds, "Seconds to wait before the next attempt");
    }
    if status == "401" {
        header("WWW-Authenticate", text().build(), "The supported authentication schemes");
    }
    for content in response.content.values_mut() {
        if let RefOr::T(Content { schema: Some(schema), .. }) = content {
            schemas::open(schema);
        }
    }
    if status.starts_with(['4', '5']) {
        let content = |schema: &str| -> RefOr<Content> {
            ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build().into()
        };
        response.content.insert("application/json".to_owned(), content("ErrorResponse"));
        response.content.insert("application/problem+json".to_owned(), content("ProblemDetails"));
    }
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn idempotency_key() -> Parameter {
    let schema = text().pattern(Some("^[ -~]+$")).min_length(Some(1)).max_length(Some(255)).build();
    let description = "Makes a request safe to repeat: for 24 hours the same key with the same request returns the first \
        response, with `idempotent-replayed: true`, and does nothing twice. Only 2xx responses are kept; after any other \
        the key can be used again. Keys belong to the credentials that sent them.";
    let parameter = ParameterBuilder::new().name("Idempotency-Key").parameter_in(ParameterIn::Header);
    parameter.required(Required::False).description(Some(description)).schema(Some(schema)).build()
}
