//! What the endpoints are given: the app, and what only HTTP needs.

use axum::extract::FromRef;
use sluice::app::App;
use sluice::engine::publish::Publisher;
use sluice::engine::sender::Sender;
use sluice::ports::Ports;
use sluice::secrets::Keyring;
use sluice::settings::Settings;
use sluice::store::audit::AuditLog;
use sluice::store::credentials::Credentials;
use sluice::store::event_ids::EventIdClaims;
use sluice::store::event_types::EventTypes;
use sluice::store::journal::Journal;
use sluice::store::log::EventLog;
use sluice::store::routes::Routes;
use sluice::store::tenants::Tenants;
use sluice::store::undelivered::UndeliveredEvents;

use crate::http::auth::Authenticator;
use crate::http::limits::Limiter;

/// The state of the router. Cheap to clone: it is done for every request.
#[derive(Clone)]
pub(crate) struct Api {
    app: App,
    authenticator: Authenticator,
    limiter: Limiter,
}

impl Api {
    /// The endpoints' state over an app.
    pub(crate) fn new(app: App) -> Self {
        let limiter = Limiter::new(app.counters.clone(), &app.settings, app.ports.clone());
        let authenticator = Authenticator::new(
            app.credentials.clone(),
            app.tenants.clone(),
            limiter.clone(),
            app.keys.clone(),
            app.ports.clone(),
        );
        Self { app, authenticator, limiter }
    }
}

impl FromRef<Api> for App {
    fn from_ref(api: &Api) -> Self {
        api.app.clone()
    }
}

impl FromRef<Api> for Authenticator {
    fn from_ref(api: &Api) -> Self {
        api.authenticator.clone()
    }
}

impl FromRef<Api> for Limiter {
    fn from_ref(api: &Api) -> Self {
        api.limiter.clone()
    }
}

/// Lets a handler name just the parts of the app it uses, as `State<EventLog>`.
macro_rules! parts {
    ($($field:ident: $part:ty),+ $(,)?) => {
        $(impl FromRef<Api> for $part {
            fn from_ref(api: &Api) -> Self {
                api.app.$field.clone()
            }
        })+
    };
}

parts! {
    ports: Ports,
    settings: Settings,
    keys: Keyring,
    log: EventLog,
    claims: EventIdClaims,
    routes: Routes,
    event_types: EventTypes,
    journal: Journal,
    audit: AuditLog,
    letters: UndeliveredEvents,
    credentials: Credentials,
    tenants: Tenants,
    publisher: Publisher,
    sender: Sender,
}
