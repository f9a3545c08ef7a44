//! The HTTP endpoints: one file an endpoint, one Lambda function each.
//!
//! An endpoint has one name everywhere: `integrations.create` is the file `integrations/create.rs`, the `Handler`
//! in `template.yaml`, the `operationId` in `openapi.json`.

mod api_clients;
mod api_keys;
mod audit_log;
mod auth;
mod credentials;
mod event_types;
mod events;
pub mod http;
mod integrations;
mod meta;
mod openapi;
mod rejected_events;
mod state;
mod tenants;

use ::http::Method;
use axum::routing::{MethodFilter, on};
use axum::{Router, middleware};
use sluice::app::App;
use sluice::ports::Ports;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::guard::{Guard, guard};
use crate::http::layers;
use crate::http::problem::Problem;
use crate::state::Api;

pub use openapi::{document, document_text};

/// An endpoint: its name and how it is mounted.
#[derive(Clone, Copy)]
pub struct Endpoint {
    /// `resource.verb`.
    pub name: &'static str,
    /// Whether it speaks of a tenant's data, and so exists for the sandbox too.
    pub scoped: bool,
    /// Whether it looks at credentials or secrets, and so is given the master keys.
    pub keys: bool,
    mount: fn() -> OpenApiRouter<Api>,
}

macro_rules! endpoints {
    ($($name:literal $kind:ident $($handler:path),+;)+) => {
        /// Every endpoint, in the order of the contract.
        pub const ENDPOINTS: &[Endpoint] = &[$(
            Endpoint { name: $name, scoped: endpoints!(@scoped $kind), keys: endpoints!(@keys $kind), mount: || OpenApiRouter::new()$(.routes(routes!($handler)))+ }
        ),+];
    };
    (@scoped scoped) => { true };
    (@scoped $other:ident) => { false };
    (@keys open) => { false };
    (@keys $other:ident) => { true };
}

endpoints! {
    "auth.token" global auth::token::token;
    "api_clients.create" global api_clients::create::create;
    "api_clients.list" global api_clients::list::list;
    "api_clients.rotate" global api_clients::rotate::rotate;
    "api_clients.delete" global api_clients::delete::delete;
    "api_keys.create" global api_keys::create::create;
    "api_keys.list" global api_keys::list::list;
    "api_keys.rotate" global api_keys::rotate::rotate;
    "api_keys.revoke" global api_keys::revoke::revoke;
    "api_keys.delete" global api_keys::delete::delete;
    "tenants.create" global tenants::create::create;
    "tenants.list" global tenants::list::list;
    "tenants.update" global tenants::update::update;
    "tenants.delete" global tenants::delete::delete;
    "events.publish" scoped events::publish::publish;
    "events.list" scoped events::list::list;
    "events.get" scoped events::get::get;
    "event_types.list" scoped event_types::list::list;
    "event_types.get" scoped event_types::get::get;
    "event_types.put" scoped event_types::put::put;
    "event_types.delete" scoped event_types::delete::delete;
    "integrations.list" scoped integrations::list::list;
    "integrations.create" scoped integrations::create::create;
    "integrations.get" scoped integrations::get::get;
    "integrations.update" scoped integrations::update::update;
    "integrations.delete" scoped integrations::delete::delete;
    "integrations.start" scoped integrations::start::start;
    "integrations.stop" scoped integrations::stop::stop;
    "integrations.recover" scoped integrations::recover::recover;
    "integrations.log" scoped integrations::log::log;
    "rejected_events.list" scoped rejected_events::list::list;
    "rejected_events.get" scoped rejected_events::get::get;
    "rejected_events.delete" scoped rejected_events::delete::delete;
    "rejected_events.retry" scoped rejected_events::retry::retry;
    "audit_log.list" scoped audit_log::list::list;
    "meta.health" open meta::health::health;
    "meta.openapi" open meta::openapi::openapi;
    "meta.docs" open meta::docs::docs, meta::docs::asset;
}

impl Endpoint {
    /// The methods and paths that it serves, in the notation of the router and without `/sandbox`.
    #[must_use]
    pub fn routes(&self) -> Vec<(Method, String)> {
        openapi::routes(&mut (self.mount)().into_openapi())
    }
}

/// The name of the function that answers what no endpoint takes: 404 and 405, in the one shape of errors.
pub const FALLBACK: &str = "fallback";

/// Whether the function of that name is given the master keys; [`FALLBACK`] is not.
#[must_use]
pub fn needs_keys(name: &str) -> bool {
    ENDPOINTS.iter().any(|endpoint| endpoint.name == name && endpoint.keys)
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
        for (method, path) in endpoint.routes() {
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
            for (method, path) in endpoint.routes() {
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
