//! The state of the router: the app's parts, and those that only HTTP needs.

use std::sync::Arc;

use axum::extract::FromRef;
use sluice::app::App;
use sluice::domain::pipeline::instance::Instance;
use sluice::domain::pipeline::profile::StoredProfile;
use sluice::domain::pipeline::schedule::Schedule;
use sluice::domain::pipeline::specification::MappingConfiguration;
use sluice::engine::automation::Automations;
use sluice::engine::credentials::Issuer;
use sluice::engine::documents::{DocumentInbox, DocumentIntake, Filing, PartnerTrial, Receipts};
use sluice::engine::finder::EventFinder;
use sluice::engine::identities::IdentityRegistry;
use sluice::engine::lifecycle::Lifecycle;
use sluice::engine::partners::PartnerRegistry;
use sluice::engine::pipelines::{Letters, Pipelines, Registry, Scheduler};
use sluice::engine::publish::Publisher;
use sluice::engine::resend::Resend;
use sluice::engine::send_now::SendNow;
use sluice::engine::tenancy::Tenancy;
use sluice::outbound::Destinations;
use sluice::ports::Ports;
use sluice::store::audit::AuditLog;
use sluice::store::consumers::Consumers;
use sluice::store::credentials::Credentials;
use sluice::store::event_types::EventTypes;
use sluice::store::identities::Identities;
use sluice::store::journal::Journal;
use sluice::store::log::EventLog;
use sluice::store::partners::Partners;
use sluice::store::pipelines::{Configs, DeadLetters, Dues, Payloads, SyncRuns};
use sluice::store::routes::Routes;
use sluice::store::tenants::Tenants;
use sluice::store::transactions::Transactions;
use sluice::store::undelivered::UndeliveredEvents;

use crate::events::poll::Polls;
use crate::http::auth::{Authenticator, Tokens};
use crate::http::limits::Limiter;
use crate::inbound::Shops;

/// The state of the router. Each layer clones it for each request, so that is all that a clone may cost.
#[derive(Clone)]
pub(crate) struct Api(Arc<Parts>);

struct Parts {
    app: App,
    authenticator: Arc<Authenticator>,
    tokens: Tokens,
    limiter: Limiter,
    polls: Polls,
    shops: Shops,
}

impl Api {
    /// The endpoints' state over an app.
    pub(crate) fn new(app: App) -> Self {
        let limiter = Limiter::new(app.engine.quota.clone(), &app.settings);
        let tokens = Tokens::new(&app);
        let authenticator = Arc::new(Authenticator::new(
            app.stores.credentials.clone(),
            app.stores.tenants.clone(),
            limiter.clone(),
            tokens.clone(),
            app.ports.clone(),
        ));
        let polls = Polls::new(app.engine.poller.clone(), Arc::clone(&authenticator));
        let (pipelines, registry) = (app.engine.pipelines.clone(), app.engine.registry.clone());
        let shops = Shops::new(pipelines, registry, Arc::clone(&authenticator));
        Self(Arc::new(Parts { app, authenticator, tokens, limiter, polls, shops }))
    }

    /// The whole app, for the layers around the endpoints.
    pub(crate) fn app(&self) -> &App {
        &self.0.app
    }
}

/// Lets a handler name just the parts it uses, as `State<EventLog>`.
macro_rules! parts {
    ($($part:ty: $($field:ident).+),+ $(,)?) => {
        $(impl FromRef<Api> for $part {
            fn from_ref(api: &Api) -> Self {
                api.0.$($field).+.clone()
            }
        })+
    };
}

parts! {
    Arc<Authenticator>: authenticator,
    Tokens: tokens,
    Limiter: limiter,
    Polls: polls,
    Shops: shops,
    Ports: app.ports,
    Destinations: app.destinations,
    EventLog: app.stores.log,
    Routes: app.stores.routes,
    EventTypes: app.stores.event_types,
    Consumers: app.stores.consumers,
    Partners: app.stores.partners,
    Identities: app.stores.identities,
    Journal: app.stores.journal,
    AuditLog: app.stores.audit,
    UndeliveredEvents: app.stores.letters,
    Transactions: app.stores.transactions,
    Credentials: app.stores.credentials,
    Tenants: app.stores.tenants,
    Publisher: app.engine.publisher,
    EventFinder: app.engine.finder,
    Lifecycle: app.engine.lifecycle,
    PartnerRegistry: app.engine.partners,
    IdentityRegistry: app.engine.identities,
    DocumentIntake: app.engine.intake,
    DocumentInbox: app.engine.inbox,
    Receipts: app.engine.receipts,
    Filing: app.engine.filing,
    PartnerTrial: app.engine.trial,
    SendNow: app.engine.send_now,
    Resend: app.engine.resend,
    Automations: app.engine.automations,
    Issuer: app.engine.issuer,
    Tenancy: app.engine.tenancy,
    Pipelines: app.engine.pipelines,
    Registry: app.engine.registry,
    Scheduler: app.engine.scheduler,
    Letters: app.engine.letters,
    Configs<StoredProfile>: app.stores.pipelines.profiles,
    Configs<MappingConfiguration>: app.stores.pipelines.mappings,
    Configs<Instance>: app.stores.pipelines.instances,
    Configs<Schedule>: app.stores.pipelines.schedules,
    Dues: app.stores.pipelines.dues,
    SyncRuns: app.stores.pipelines.runs,
    DeadLetters: app.stores.pipelines.letters,
    Payloads: app.stores.pipelines.payloads,
}
