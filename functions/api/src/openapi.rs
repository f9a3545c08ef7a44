//! The OpenAPI document, made from the handlers themselves.

use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, ClientCredentials, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Scopes, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, ObjectBuilder, OpenApi as Document, Ref, Required, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;

use crate::http::problem::{ErrorBody, FieldError};
use sluice::domain::credentials::Permission;

use crate::ENDPOINTS;
use crate::state::Api;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sluice",
        description = "An event gateway in your own AWS account: signed webhooks in real time, newline-JSON files in \
                       S3, nothing lost. Every path under `/v1` exists again under `/sandbox/v1`, over separate data. \
                       Every error has the shape of `Error`; with `Accept: application/problem+json` it is RFC 9457's.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT"),
    ),
    servers(
        (url = "/", description = "production"),
        (url = "/sandbox", description = "sandbox: the same API over separate data, but for tokens, credentials, tenants and the documents"),
    ),
    components(schemas(ErrorBody<'_>, FieldError)),
    tags(
        (name = "auth", description = "Access tokens"),
        (name = "api_clients", description = "OAuth 2.0 clients of the tenant, for both environments"),
        (name = "api_keys", description = "API keys of the tenant, for both environments"),
        (name = "tenants", description = "Tenants: for the operator"),
        (name = "events", description = "Publishing, and reading the log"),
        (name = "event_types", description = "The catalogue of what is published, and its schemas"),
        (name = "integrations", description = "The event stream: who gets which events, and how"),
        (name = "rejected_events", description = "Events that a target answered with 400"),
        (name = "audit_log", description = "Who changed what"),
        (name = "meta", description = "Health and documents"),
    ),
)]
struct Base;

/// The document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    let mut router: OpenApiRouter<Api> = OpenApiRouter::with_openapi(Base::openapi());
    for endpoint in ENDPOINTS {
        router = router.merge((endpoint.mount)());
    }
    let (_, mut document) = router.split_for_parts();
    let scopes = Scopes::from_iter(Permission::ALL.iter().map(|p| (p.as_str(), p.as_str())));
    let oauth = OAuth2::new([Flow::ClientCredentials(ClientCredentials::new("/v1/auth/token", scopes))]);
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("oauth2", SecurityScheme::OAuth2(oauth));
    components
        .add_security_scheme("bearer", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()));
    let key = ApiKeyValue::with_description("Authorization", "`ApiKey slc_...`");
    components.add_security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(key)));
    document.paths.paths.values_mut().for_each(complete);
    document
}

/// Whether one of its operations does.
pub(crate) fn asks_for_credentials(document: &Document) -> bool {
    let operations = |item: &PathItem| {
        let PathItem { get, put, post, patch, delete, .. } = item;
        [get, put, post, patch, delete].into_iter().flatten().any(|operation| operation.security.is_some())
    };
    document.paths.paths.values().any(operations)
}

/// Adds what every operation that asks for credentials has from the layers around it.
fn complete(item: &mut PathItem) {
    let PathItem { get, put, post, patch, delete, .. } = item;
    if let Some(operation) = post.as_mut().filter(|operation| operation.security.is_some()) {
        operation.parameters.get_or_insert_default().push(idempotency_key().into());
        answers(operation, "409", "`request_in_progress`: the first request with this key still runs");
        answers(operation, "422", "`idempotency_key_reused`: the key was used for another request");
    }
    for operation in [get, put, post, patch, delete].into_iter().flatten().filter(|o| o.security.is_some()) {
        answers(operation, "401", "`unauthorized`: no credentials, or bad ones");
        answers(operation, "403", "`insufficient_scope`: `details` name the scope that is missing");
    }
}

fn answers(operation: &mut Operation, status: &str, description: &str) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).build();
    let response = ResponseBuilder::new().description(description).content("application/json", content).build();
    operation.responses.responses.entry(status.to_owned()).or_insert(response.into());
}

fn idempotency_key() -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255)).build();
    let description = "Makes repetitions harmless: for 24 hours the same key with the same request gets the first \
                       answer again, with `idempotent-replayed: true`, and nothing is done twice. Only answers of 2xx \
                       are remembered: after any other the key is free. Keys belong to the credentials they came with.";
    let parameter = ParameterBuilder::new().name("Idempotency-Key").parameter_in(ParameterIn::Header);
    parameter.required(Required::False).description(Some(description)).schema(Some(text)).build()
}

/// The document as it stands in `openapi.json`.
#[must_use]
pub fn document_text() -> String {
    document().to_pretty_json().map(|text| text + "\n").unwrap_or_default()
}
