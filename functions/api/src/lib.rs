//! The HTTP endpoints: one file an endpoint, one Lambda function each.
//!
//! An endpoint has one name everywhere: `integrations.create` is the file `integrations/create.rs`, the `Handler`
//! in `template.yaml`, the `operationId` in `openapi.json`.

mod api_clients;
mod api_keys;
mod as2;
mod audit_log;
mod auth;
mod automations;
mod callbacks;
mod connection_profiles;
mod consumers;
mod credentials;
mod dlq;
mod documents;
mod event_types;
mod events;
mod gateway;
pub mod http;
mod identities;
mod inbound;
mod instances;
mod integrations;
mod mapping_configurations;
mod meta;
mod myd3;
mod openapi;
mod partners;
mod permissions;
mod pipelines;
mod rejected_events;
mod route;
mod schedules;
mod state;
mod subscriptions;
mod sync_events;
mod sync_logs;
mod target;
mod tenants;
mod transactions;

use ::http::Method;
use axum::routing::{MethodFilter, on};
use axum::{Router, middleware};
use sluice::app::App;
use sluice::deployment::{FunctionSpec, PermissionSet};
use sluice::ports::Ports;
use sluice::rings::Ring;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::guard::{Guard, guard};
use crate::http::layers;
use crate::http::problem::Problem;
use crate::state::Api;

pub use gateway::Route;
pub use openapi::{document, document_text};

/// An endpoint: a row of the table of functions. Method and path are in the documentation of its handlers.
#[derive(Clone, Copy)]
pub struct Endpoint {
    /// `resource.verb`.
    pub name: &'static str,
    /// Whether it serves a tenant's data, and so exists for the sandbox too.
    pub scoped: bool,
    memory_mib: u32,
    reserved_concurrency: Option<u32>,
    permissions: &'static PermissionSet,
    mount: fn() -> OpenApiRouter<Api>,
}

impl Endpoint {
    /// Its Lambda function.
    #[must_use]
    pub const fn function(&self) -> FunctionSpec {
        let Self { name, memory_mib, reserved_concurrency, permissions, .. } = *self;
        let timeout_seconds = FunctionSpec::TIMEOUT_SECONDS;
        FunctionSpec { name, memory_mib, timeout_seconds, reserved_concurrency, permissions }
    }

    /// Whether it answers callers without credentials of ours: anybody may call it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !openapi::asks_for_credentials(&mut (self.mount)().into_openapi())
    }

    /// Its routes, with those of the sandbox. HEAD answers as GET.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        let (_, document) = (self.mount)().split_for_parts();
        let environments: &[&str] = if self.scoped { &["", "/sandbox"] } else { &[""] };
        environments.iter().flat_map(|prefix| gateway::routes(prefix, &document)).collect()
    }
}

macro_rules! endpoints {
    ($($name:literal $environments:ident $permissions:ident $(memory $memory:literal)?
        $(reserved $reserved:literal)? => $($handler:path),+;)+) => {
        /// Every endpoint, in the order of the contract.
        pub const ENDPOINTS: &[Endpoint] = &[$(Endpoint {
            name: $name,
            scoped: endpoints!(@scoped $environments),
            memory_mib: endpoints!(@or $($memory,)? FunctionSpec::MEMORY_MIB),
            reserved_concurrency: endpoints!(@maybe $($reserved)?),
            permissions: &permissions::$permissions,
            mount: || OpenApiRouter::new()$(.routes(routes!($handler)))+,
        }),+];
    };
    (@scoped scoped) => { true };
    (@scoped global) => { false };
    (@maybe) => { None };
    (@maybe $own:literal) => { Some($own) };
    (@or $default:expr) => { $default };
    (@or $own:literal, $default:expr) => { $own };
}

// Name, environments (`scoped`: the sandbox too), permission set; memory in MiB, unless it is the default; calls at once
// that are kept for it, and the most it gets; handlers.
endpoints! {
    "auth.token" global AUTHENTICATE => auth::token::token;
    "api_clients.create" global CREATE_CREDENTIALS => api_clients::create::create;
    "api_clients.list" global LIST_CONFIG => api_clients::list::list;
    "api_clients.rotate" global POST_CONFIG => api_clients::rotate::rotate;
    "api_clients.delete" global DELETE_CREDENTIALS => api_clients::delete::delete;
    "api_keys.create" global CREATE_CREDENTIALS => api_keys::create::create;
    "api_keys.list" global LIST_CONFIG => api_keys::list::list;
    "api_keys.rotate" global POST_CONFIG => api_keys::rotate::rotate;
    "api_keys.revoke" global POST_CONFIG => api_keys::revoke::revoke;
    "api_keys.delete" global DELETE_CREDENTIALS => api_keys::delete::delete;
    "tenants.create" global POST_CONFIG => tenants::create::create;
    "tenants.list" global LIST_CONFIG => tenants::list::list;
    "tenants.update" global PATCH_CONFIG => tenants::update::update;
    "tenants.delete" global DELETE_TENANT => tenants::delete::delete;
    // Compresses and stores up to 1,000 events a call. Nothing else may take its concurrency.
    "events.publish" scoped PUBLISH memory 1024 reserved 100 => events::publish::publish;
    // Waits for events, up to 20 s: a cap, so that those who wait do not take all concurrency.
    "events.list" scoped LIST_EVENTS reserved 50 => events::list::list;
    "events.get" scoped GET_EVENT => events::get::get;
    "consumers.list" scoped LIST_CONFIG => consumers::list::list;
    // Waits like `events.list`.
    "consumers.events" scoped READ_CONSUMER reserved 50 => consumers::events::events;
    "consumers.ack" scoped ACK_CONSUMER => consumers::ack::ack;
    "consumers.delete" scoped DELETE_RECORD => consumers::delete::delete;
    "event_types.list" scoped LIST_CONFIG => event_types::list::list;
    "event_types.get" scoped GET_CONFIG => event_types::get::get;
    "event_types.put" scoped PUT_RECORD => event_types::put::put;
    "event_types.delete" scoped DELETE_RECORD => event_types::delete::delete;
    "integrations.list" scoped LIST_SEALED => integrations::list::list;
    "integrations.create" scoped CREATE_ROUTE => integrations::create::create;
    "integrations.get" scoped GET_SEALED => integrations::get::get;
    "integrations.update" scoped PUT_SEALED => integrations::update::update;
    "integrations.delete" scoped DELETE_ROUTE => integrations::delete::delete;
    "integrations.start" scoped START_ROUTE => integrations::start::start;
    "integrations.stop" scoped STOP_ROUTE => integrations::stop::stop;
    "integrations.recover" scoped RECOVER_ROUTE => integrations::recover::recover;
    "integrations.log" scoped LIST_ACTIVITY_OF_ROUTE => integrations::log::log;
    "rejected_events.list" scoped LIST_ACTIVITY_OF_ROUTE => rejected_events::list::list;
    "rejected_events.get" scoped GET_SEALED_ACTIVITY => rejected_events::get::get;
    "rejected_events.delete" scoped DELETE_REJECTED => rejected_events::delete::delete;
    "rejected_events.retry" scoped RETRY_REJECTED => rejected_events::retry::retry;
    "subscriptions.list" scoped LIST_SEALED => subscriptions::list::list;
    "subscriptions.create" scoped CREATE_ROUTE => subscriptions::create::create;
    "subscriptions.get" scoped GET_SEALED => subscriptions::get::get;
    "subscriptions.update" scoped SWITCH_ROUTE => subscriptions::update::update;
    "subscriptions.delete" scoped DELETE_ROUTE => subscriptions::delete::delete;
    "subscriptions.deliveries" scoped GET_SEALED_ACTIVITY => subscriptions::deliveries::deliveries;
    "subscriptions.recover" scoped START_RUN => subscriptions::recover::recover;
    "subscriptions.rotate_secret" scoped POST_RECORD => subscriptions::rotate_secret::rotate_secret;
    "subscriptions.test" scoped STOP_ROUTE => subscriptions::test::test;
    "myd3.list" scoped LIST_SEALED => myd3::list::list;
    "myd3.create" scoped CREATE_ROUTE => myd3::create::create;
    "myd3.get" scoped GET_SEALED => myd3::get::get;
    "myd3.delete" scoped DELETE_ROUTE => myd3::delete::delete;
    "transactions.list" scoped GET_ACTIVITY => transactions::list::list;
    "transactions.get" scoped GET_ACTIVITY => transactions::get::get;
    "transactions.retry" scoped RESEND => transactions::retry::retry;
    "transactions.document" scoped READ_DOCUMENT => transactions::document::document;
    "transactions.mdn" scoped READ_DOCUMENT => transactions::mdn::mdn;
    "automations.list" scoped GET_CONFIG => automations::list::list;
    "automations.run" scoped START_RUN => automations::run::run;
    "automations.get" scoped GET_ACTIVITY => automations::get::get;
    "automations.cancel" scoped CANCEL_RUN => automations::cancel::cancel;
    "partners.list" scoped LIST_SEALED => partners::list::list;
    "partners.create" scoped POST_RECORD => partners::create::create;
    "partners.get" scoped GET_PARTNER => partners::get::get;
    "partners.update" scoped PUT_SEALED => partners::update::update;
    "partners.delete" scoped DELETE_PARTNER => partners::delete::delete;
    "partners.test" scoped PREVIEW_MAPPING => partners::test::test;
    // It leads out of the sandbox: its path names it, and there is no other.
    "partners.promote" global POST_RECORD => partners::promote::promote;
    // Seals up to 4 MiB, and publishes. The first one to a partner makes its route.
    "documents.create" scoped SEND_DOCUMENT memory 1024 => documents::create::create;
    "identities.list" scoped LIST_CONFIG => identities::list::list;
    // Makes an RSA key, or opens a PKCS#12 file, whose password may be hashed a million times.
    "identities.create" scoped POST_PIPELINE memory 1769 => identities::create::create;
    "identities.get" scoped GET_CONFIG => identities::get::get;
    "identities.update" scoped PUT_SCHEDULE => identities::update::update;
    "identities.delete" scoped DELETE_PROFILE => identities::delete::delete;
    "identities.rotate" scoped POST_PIPELINE memory 1769 => identities::rotate::rotate;
    "callbacks.list" scoped LIST_SEALED => callbacks::list::list;
    "callbacks.put" scoped CREATE_ROUTE => callbacks::put::put;
    "callbacks.delete" scoped DELETE_ROUTE => callbacks::delete::delete;
    "callbacks.echo" scoped STOP_ROUTE => callbacks::echo::echo;
    "connection_profiles.list" scoped LIST_SEALED => connection_profiles::list::list;
    "connection_profiles.create" scoped POST_RECORD => connection_profiles::create::create;
    "connection_profiles.test" scoped TEST_PROFILE => connection_profiles::test::test;
    "connection_profiles.get" scoped GET_SEALED => connection_profiles::get::get;
    "connection_profiles.update" scoped PUT_SEALED => connection_profiles::update::update;
    "connection_profiles.delete" scoped DELETE_PROFILE => connection_profiles::delete::delete;
    "connection_profiles.test_saved" scoped TEST_PROFILE => connection_profiles::test_saved::test_saved;
    "mapping_configurations.list" scoped LIST_CONFIG => mapping_configurations::list::list;
    "mapping_configurations.create" scoped POST_RECORD => mapping_configurations::create::create;
    "mapping_configurations.schema" scoped GET_CONFIG => mapping_configurations::schema::schema;
    "mapping_configurations.get" scoped GET_CONFIG => mapping_configurations::get::get;
    "mapping_configurations.update" scoped PUT_RECORD => mapping_configurations::update::update;
    "mapping_configurations.delete" scoped DELETE_PIPELINE => mapping_configurations::delete::delete;
    "mapping_configurations.preview" scoped PREVIEW_MAPPING => mapping_configurations::preview::preview;
    "instances.list" scoped LIST_SEALED => instances::list::list;
    "instances.create" scoped POST_PIPELINE => instances::create::create;
    "instances.get" scoped LIST_SEALED => instances::get::get;
    "instances.update" scoped PUT_PIPELINE => instances::update::update;
    "instances.delete" scoped DELETE_PIPELINE => instances::delete::delete;
    "instances.activate" scoped POST_PIPELINE => instances::activate::activate;
    "instances.deactivate" scoped POST_PIPELINE => instances::deactivate::deactivate;
    "schedules.list" scoped LIST_CONFIG => schedules::list::list;
    "schedules.create" scoped POST_PIPELINE => schedules::create::create;
    "schedules.preview" scoped GET_CONFIG => schedules::preview::preview;
    "schedules.get" scoped GET_CONFIG => schedules::get::get;
    "schedules.update" scoped PUT_SCHEDULE => schedules::update::update;
    "schedules.delete" scoped DELETE_PIPELINE => schedules::delete::delete;
    "sync_events.create" scoped START_SYNC => sync_events::create::create;
    "sync_events.get" scoped GET_ACTIVITY => sync_events::get::get;
    "sync_events.cancel" scoped CANCEL_RUN => sync_events::cancel::cancel;
    "sync_logs.list" scoped GET_ACTIVITY => sync_logs::list::list;
    "sync_logs.get" scoped GET_ACTIVITY => sync_logs::get::get;
    "dlq.list" scoped GET_ACTIVITY => dlq::list::list;
    "dlq.get" scoped GET_SEALED_ACTIVITY => dlq::get::get;
    "dlq.replay" scoped REPLAY_LETTER => dlq::replay::replay;
    "dlq.discard" scoped DISCARD_LETTER => dlq::discard::discard;
    "dlq.replay_all" scoped REPLAY_LETTERS => dlq::replay_all::replay_all;
    "inbound.receive" scoped RECEIVE => inbound::receive::receive;
    "inbound.shopify" scoped RECEIVE => inbound::shopify::shopify;
    "inbound.woocommerce" scoped RECEIVE => inbound::woocommerce::woocommerce;
    // Opens and stores up to 4 MiB before it answers. No guard stands before these: see their signatures.
    "as2.receive" scoped RECEIVE_DOCUMENT memory 1024 => as2::receive::receive;
    "as2.mdn" scoped RECEIVE_DOCUMENT memory 1024 => as2::mdn::mdn;
    "audit_log.list" scoped LIST_ACTIVITY => audit_log::list::list;
    "meta.health" global NONE => meta::health::health;
    "meta.jwks" global READ_PUBLIC_KEYS => meta::jwks::jwks;
    "meta.openapi" global NONE => meta::openapi::openapi;
    "meta.docs" global NONE => meta::docs::docs, meta::docs::asset;
}

impl Endpoint {
    /// The methods and paths that it serves, in the notation of the router and without `/sandbox`.
    #[must_use]
    pub fn served(&self) -> Vec<(Method, String)> {
        openapi::routes(&mut (self.mount)().into_openapi())
    }
}

/// The name of the function that answers what no endpoint takes: 404 and 405, in the one shape of errors.
pub const FALLBACK: &str = "fallback";

/// The Lambda functions of the endpoints; the last one is [`FALLBACK`].
#[must_use]
pub fn functions() -> Vec<FunctionSpec> {
    let fallback = FunctionSpec {
        name: FALLBACK,
        memory_mib: FunctionSpec::MEMORY_MIB,
        timeout_seconds: FunctionSpec::TIMEOUT_SECONDS,
        reserved_concurrency: None,
        permissions: &permissions::NONE,
    };
    ENDPOINTS.iter().map(Endpoint::function).chain([fallback]).collect()
}

/// The rings of master keys that the function of that name is given; [`FALLBACK`] gets none.
#[must_use]
pub fn rings(name: &str) -> &'static [Ring] {
    ENDPOINTS.iter().find(|endpoint| endpoint.name == name).map_or(&[], |endpoint| endpoint.permissions.keys)
}

/// The router of one Lambda function: one endpoint, or [`FALLBACK`]. `None` for an unknown name.
#[must_use]
pub fn function(name: &str, app: App) -> Option<Router> {
    if name == FALLBACK {
        return Some(fallback(app.ports.clone()));
    }
    let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.name == name)?;
    Some(serve(std::slice::from_ref(endpoint), app))
}

/// Every endpoint in one router, as the local run serves it.
pub fn router(app: App) -> Router {
    serve(ENDPOINTS, app)
}

/// Serves no endpoint: 405 with `Allow` for a known path and another method, 404 for everything else.
fn fallback(ports: Ports) -> Router {
    let mut router = Router::new();
    for endpoint in ENDPOINTS {
        for (method, path) in endpoint.served() {
            let Ok(filter) = MethodFilter::try_from(method) else { continue };
            // API Gateway routes these to their own functions.
            let nothing = || on(filter, async || Problem::not_found());
            if endpoint.scoped {
                router = router.route(&format!("/sandbox{path}"), nothing());
            }
            router = router.route(&path, nothing());
        }
    }
    layers::finish(router, ports)
}

fn serve(endpoints: &[Endpoint], app: App) -> Router {
    let (ports, api) = (app.ports.clone(), Api::new(app));
    layers::finish(mount(endpoints, &api), ports).with_state(api)
}

fn mount(endpoints: &[Endpoint], api: &Api) -> Router<Api> {
    let mut router = Router::new();
    for endpoint in endpoints {
        let (mut routes, mut document) = (endpoint.mount)().split_for_parts();
        if openapi::asks_for_credentials(&mut document) {
            let state = Guard::new(api.clone(), endpoint.name);
            routes = routes.route_layer(middleware::from_fn_with_state(state, guard));
        }
        if endpoint.scoped {
            router = router.nest("/sandbox", routes.clone());
        }
        router = router.merge(routes);
    }
    router
}

#[cfg(test)]
mod tests {
    use ::http::{Request, StatusCode, header};
    use axum::body::{Body, to_bytes};
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(method: Method, path: &str) -> (StatusCode, String, String) {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
        let answer = fallback(Ports::system()).oneshot(request).await.expect("an answer");
        let allow = answer.headers().get(header::ALLOW).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (status, allow) = (answer.status(), allow.to_owned());
        let body = to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
        (status, allow, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn the_fallback_serves_nothing() {
        for endpoint in ENDPOINTS {
            for (method, path) in endpoint.served() {
                let path = path.replace(['{', '}', '*'], "");
                let (status, _, body) = ask(method.clone(), &path).await;
                assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}");
                assert!(body.contains("\"not_found\""), "{method} {path}: {body}");
                let (status, allow, body) = ask(Method::OPTIONS, &path).await;
                assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
                assert!(allow.contains(method.as_str()) && body.contains("\"method_not_allowed\""), "{path}: {allow}");
            }
        }
        for path in ["/", "/v1", "/v1/nothing", "/sandbox/healthz", "/sandbox/v1/tenants"] {
            assert_eq!(ask(Method::PUT, path).await.0, StatusCode::NOT_FOUND, "{path}");
        }
        let (status, allow, _) = ask(Method::PUT, "/sandbox/v1/integrations").await;
        assert_eq!((status, &*allow), (StatusCode::METHOD_NOT_ALLOWED, "GET,HEAD,POST"));
    }
}
