//! The OpenAPI document, made from the handlers themselves.
//!
//! Clients are generated from it. What all operations have in common is added here rather than in each handler.

mod operations;
mod schemas;

use http::Method;
use sluice::domain::credentials::Permission;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, ClientCredentials, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Scopes, SecurityScheme,
};
use utoipa_axum::router::OpenApiRouter;

use crate::ENDPOINTS;
use crate::http::problem::{ErrorBody, ProblemDetails};
use crate::state::Api;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sluice",
        description = "An event gateway in your own AWS account: signed webhooks in real time, newline-JSON files in \
                       S3, nothing lost. Every path under `/v1` also exists under `/sandbox/v1`, with separate data. \
                       Every error has the shape of `ErrorResponse`; with `Accept: application/problem+json` it is `ProblemDetails`, as RFC 9457 \
                       has it.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT"),
    ),
    servers(
        (url = "/", description = "production"),
        (url = "/sandbox", description = "sandbox: the same API with separate data; tokens, credentials, tenants and documents are shared"),
    ),
    components(schemas(ErrorBody<'_>, ProblemDetails<'_>)),
    tags(
        (name = "auth", description = "Access tokens"),
        (name = "api_clients", description = "OAuth 2.0 clients of the tenant, for both environments"),
        (name = "api_keys", description = "API keys of the tenant, for both environments"),
        (name = "tenants", description = "Tenants, for the operator"),
        (name = "events", description = "Publishing, and reading the log"),
        (name = "consumers", description = "Polling the log from positions that the server keeps"),
        (name = "event_types", description = "The catalogue of event types and their schemas"),
        (name = "integrations", description = "Registrations for the event stream, with filters and targets"),
        (name = "rejected_events", description = "Events that a target answered with 400"),
        (name = "subscriptions", description = "Webhook subscriptions to named events"),
        (name = "myd3", description = "Subscriptions as MyD3 has them"),
        (name = "transactions", description = "Deliveries, with their attempts"),
        (name = "automations", description = "Work over many transactions"),
        (name = "partners", description = "Trading partners: profiles, transports, certificates"),
        (name = "identities", description = "Who the tenant is to trading partners: names, keys and certificates"),
        (name = "documents", description = "Documents for and from partners"),
        (name = "callbacks", description = "The URLs that partners are notified at"),
        (name = "connection_profiles", description = "The systems that pipelines read from and write to"),
        (name = "mapping_configurations", description = "How records are read, and what becomes of their fields"),
        (name = "instances", description = "Pipelines: a source, a target and mappings"),
        (name = "schedules", description = "When pipelines run"),
        (name = "sync_events", description = "Runs of pipelines"),
        (name = "sync_logs", description = "The history of runs"),
        (name = "dlq", description = "Dead letters of records and deliveries"),
        (name = "inbound", description = "Webhooks that others send"),
        (name = "as2", description = "What partners send by AS2"),
        (name = "audit_log", description = "Changes of this environment"),
        (name = "meta", description = "Health and documents"),
    ),
)]
struct Base;

/// The document.
#[must_use]
pub fn document() -> Document {
    let mut router: OpenApiRouter<Api> = OpenApiRouter::with_openapi(Base::openapi());
    for endpoint in ENDPOINTS {
        router = router.merge((endpoint.mount)());
    }
    let mut document = router.into_openapi();
    // OpenAPI has no notation for the wildcard paths of the router.
    document.paths.paths.retain(|path, _| !path.contains("{*"));
    for (path, item) in &mut document.paths.paths {
        operations_of(item).for_each(|(method, operation)| operations::complete(&method, path, operation));
    }
    let components = document.components.get_or_insert_default();
    components.schemas.values_mut().for_each(schemas::open);
    for (name, scheme) in security_schemes() {
        components.add_security_scheme(name, scheme);
    }
    document
}

fn security_schemes() -> [(&'static str, SecurityScheme); 3] {
    let scopes = Scopes::from_iter(Permission::ALL.iter().map(|p| (p.as_str(), p.as_str())));
    let oauth = OAuth2::new([Flow::ClientCredentials(ClientCredentials::new("/v1/auth/token", scopes))]);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let key = ApiKeyValue::with_description("Authorization", "`ApiKey slc_...`");
    [
        ("oauth2", SecurityScheme::OAuth2(oauth)),
        ("bearer", SecurityScheme::Http(bearer)),
        ("api_key", SecurityScheme::ApiKey(ApiKey::Header(key))),
    ]
}

/// The methods and paths of a document's operations.
pub(crate) fn routes(document: &mut Document) -> Vec<(Method, String)> {
    let paths = document.paths.paths.iter_mut();
    paths.flat_map(|(path, item)| operations_of(item).map(|(method, _)| (method, path.clone()))).collect()
}

/// Whether any operation of the document requires credentials.
pub(crate) fn asks_for_credentials(document: &mut Document) -> bool {
    let mut operations = document.paths.paths.values_mut().flat_map(operations_of);
    operations.any(|(_, operation)| operation.security.is_some())
}

fn operations_of(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let PathItem { get, put, post, patch, delete, .. } = item;
    let operations = [
        (Method::GET, get),
        (Method::PUT, put),
        (Method::POST, post),
        (Method::PATCH, patch),
        (Method::DELETE, delete),
    ];
    operations.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// The document as it stands in `openapi.json`.
#[must_use]
pub fn document_text() -> String {
    document().to_pretty_json().map(|text| text + "\n").unwrap_or_default()
}
