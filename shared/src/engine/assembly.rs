//! The parts of the engine, each given what it needs and no more.

mod shared;

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;

use self::shared::Shared;
use super::allowances::{Allowances, EventQuota};
use super::automation::Automations;
use super::concurrency::ConcurrencySlots;
use super::credentials::Issuer;
use super::deliver::Deliverer;
use super::dispatch::Dispatcher;
use super::documents::{DocumentInbox, DocumentIntake, Filing, PartnerTrial, Receipts};
use super::edges::Edges;
use super::finder::EventFinder;
use super::identities::IdentityRegistry;
use super::leases::Leases;
use super::lifecycle::Lifecycle;
use super::partners::PartnerRegistry;
use super::pickup::Pickup;
use super::pipelines::{Ledger, Letters, Pipelines, Registry, Runner, Scheduler};
use super::poll::LogPoller;
use super::promises::Promises;
use super::publish::Publisher;
use super::resend::Resend;
use super::send_now::SendNow;
use super::shares::Shares;
use super::starts::Starts;
use super::tenancy::Tenancy;
use super::tick::Tick;
use super::ways::Ways;
use super::ways::export::{Closing, Export};
use super::ways::live::{Live, Replay};
use super::ways::ordered::{Ordered, OrderedWaker};
use crate::connectors::{ConnectorSettings, Connectors, Events};
use crate::outbound::{Destinations, SftpClient};

use crate::ports::Ports;
use crate::queue::Queues;
use crate::settings::Settings;
use crate::store::Stores;

/// The time of a partner's server for each step of a look, of which a worker call has room for several.
const PICKUP_STEP: Duration = Duration::from_secs(10);

/// The parts of the engine, beside the stores.
#[derive(Clone)]
pub struct Tools {
    /// The queues.
    pub queues: Queues,
    /// The kinds of destination.
    pub destinations: Destinations,
    /// Sees every AWS call, to count it.
    pub observer: Option<SharedInterceptor>,
    /// The operator's settings.
    pub settings: Settings,
    /// Time and randomness.
    pub ports: Ports,
}

/// The use cases and the workers.
#[derive(Clone)]
pub struct Engine {
    /// Accepts events.
    pub publisher: Publisher,
    /// Counts them against a tenant's quota.
    pub quota: EventQuota,
    /// Finds events of the log.
    pub finder: EventFinder,
    /// Reads what has settled of the log, and waits for it.
    pub poller: LogPoller,
    /// Makes, changes and deletes routes.
    pub lifecycle: Lifecycle,
    /// Sends single events at once.
    pub send_now: SendNow,
    /// Sends deliveries again.
    pub resend: Resend,
    /// Runs automations.
    pub automations: Automations,
    /// Issues and changes credentials.
    pub issuer: Issuer,
    /// Registers, changes and promotes trading partners.
    pub partners: PartnerRegistry,
    /// Takes documents for partners.
    pub intake: DocumentIntake,
    /// Takes messages from partners.
    pub inbox: DocumentInbox,
    /// Takes the receipts of partners, and sends ours.
    pub receipts: Receipts,
    /// Reads documents and receipts.
    pub filing: Filing,
    /// Tests partners.
    pub trial: PartnerTrial,
    /// Keeps who we are to trading partners.
    pub identities: IdentityRegistry,
    /// Makes and removes tenants.
    pub tenancy: Tenancy,
    /// Starts and cancels runs of pipelines.
    pub pipelines: Pipelines,
    /// Checks configurations of pipelines.
    pub registry: Registry,
    /// Fires the schedules of pipelines.
    pub scheduler: Scheduler,
    /// Dead letters of records and deliveries.
    pub letters: Letters,
    /// The sync worker.
    pub runner: Runner,
    /// The dispatch worker.
    pub dispatcher: Dispatcher,
    /// The deliver worker.
    pub deliverer: Deliverer,
    /// The replay worker.
    pub replay: Replay,
    /// The export worker.
    pub export: Arc<Export>,
    /// The work of every minute.
    pub tick: Tick,
}

impl Engine {
    /// The engine over these tools and records.
    ///
    /// # Errors
    /// If the HTTP client of the connectors cannot be made.
    pub fn new(tools: &Tools, stores: &Stores) -> Result<Self, reqwest::Error> {
        let Tools { queues, destinations, settings, ports, observer } = tools;
        let shared = Shared::new(tools, stores);
        let ways = ways(tools, stores, &shared);
        let Shared { courier, transitions, health, finder, announcer, documents, receipts: sender, .. } = shared;
        let (log, routes, grace) = (stores.log.clone(), stores.routes.clone(), settings.log_grace);
        let lifecycle = Lifecycle {
            transitions: transitions.clone(),
            ways: ways.clone(),
            endings: stores.endings.clone(),
            log: log.clone(),
        };
        let pipelines = Pipelines { stores: stores.pipelines.clone(), queues: queues.clone(), ports: ports.clone() };
        let scheduler = Scheduler { pipelines: pipelines.clone() };
        let resend = Resend {
            transactions: stores.transactions.clone(),
            routes: routes.clone(),
            finder: finder.clone(),
            documents: stores.documents.clone(),
            queues: queues.clone(),
        };
        let receipts = Receipts {
            parts: documents.clone(),
            lifecycle: lifecycle.clone(),
            finder: finder.clone(),
            queues: queues.clone(),
        };
        let poller = LogPoller::new(log.clone(), ports.clone(), grace);
        let quota = EventQuota {
            allowances: Allowances::new(stores.counters.clone(), ports.clone()),
            tenants: stores.tenants.clone(),
            events_per_day: settings.events_per_day,
        };
        let pickup = Pickup::new(
            stores,
            destinations.vault().clone(),
            SftpClient::new(settings.reach, PICKUP_STEP),
            Arc::new(documents.clone()),
            settings.document_max_bytes as u64,
        );
        let connectors = Connectors::new(ConnectorSettings {
            vault: destinations.vault().clone(),
            reach: settings.reach,
            timeout: settings.request_timeout,
            events: Events {
                poller: poller.clone(),
                publisher: announcer.publisher.clone(),
                types: stores.event_types.clone(),
                quota: quota.clone(),
            },
            observer: observer.clone(),
        })?;
        Ok(Self {
            publisher: announcer.publisher,
            quota,
            finder,
            poller,
            send_now: SendNow { courier, health },
            automations: Automations {
                runs: stores.runs.clone(),
                resend: resend.clone(),
                receipts: receipts.clone(),
                transactions: stores.transactions.clone(),
                log: log.clone(),
                queues: queues.clone(),
                ports: ports.clone(),
            },
            resend,
            issuer: Issuer { credentials: stores.credentials.clone(), ports: ports.clone() },
            partners: PartnerRegistry {
                partners: stores.partners.clone(),
                pickups: stores.pickups.clone(),
                documents: stores.documents.clone(),
                vault: destinations.vault().clone(),
                reach: settings.reach,
                transactions: stores.transactions.clone(),
                lifecycle: lifecycle.clone(),
            },
            trial: PartnerTrial { sender },
            filing: Filing { documents: stores.documents.clone() },
            inbox: DocumentInbox::new(documents.clone(), receipts.clone()),
            receipts,
            intake: DocumentIntake {
                parts: documents,
                lifecycle: lifecycle.clone(),
                requests: stores.requests.clone(),
                public_url: settings.public_url.clone(),
            },
            identities: IdentityRegistry {
                identities: stores.identities.clone(),
                partners: stores.partners.clone(),
                vault: destinations.vault().clone(),
            },
            tenancy: Tenancy {
                tenants: stores.tenants.clone(),
                credentials: stores.credentials.clone(),
                routes: routes.clone(),
                event_types: stores.event_types.clone(),
                consumers: stores.consumers.clone(),
                partners: stores.partners.clone(),
                identities: stores.identities.clone(),
                pickups: stores.pickups.clone(),
                pipelines: stores.pipelines.clone(),
                log: log.clone(),
                lifecycle: lifecycle.clone(),
                grace,
                ports: ports.clone(),
            },
            dispatcher: Dispatcher { routes: routes.clone(), log, ways: ways.clone(), views: settings.views },
            deliverer: Deliverer {
                routes,
                ways: ways.clone(),
                views: settings.views,
                transactions: stores.transactions.clone(),
                queues: queues.clone(),
                ports: ports.clone(),
            },
            replay: ways.live.replay.clone(),
            export: Arc::clone(&ways.export),
            tick: Tick {
                transitions,
                ways,
                endings: stores.endings.clone(),
                scheduled: stores.scheduled.clone(),
                scheduler: scheduler.clone(),
                pickup: pickup.clone(),
                queues: queues.clone(),
                grace,
            },
            letters: Letters { pipelines: pipelines.clone(), transactions: stores.transactions.clone() },
            registry: Registry {
                pipelines: pipelines.clone(),
                vault: destinations.vault().clone(),
                reach: settings.reach,
                connectors: connectors.clone(),
            },
            runner: Runner {
                pipelines: pipelines.clone(),
                scheduler: scheduler.clone(),
                ledger: Ledger {
                    stores: stores.pipelines.clone(),
                    transactions: stores.transactions.clone(),
                    ports: ports.clone(),
                },
                connectors: connectors.clone(),
                pickup,
            },
            pipelines,
            scheduler,
            lifecycle,
        })
    }
}

fn edges(Tools { settings, ports, .. }: &Tools, stores: &Stores) -> Edges {
    Edges { routes: stores.routes.clone(), views: settings.views, ports: ports.clone() }
}

fn ways(tools: &Tools, stores: &Stores, shared: &Shared) -> Ways {
    let Tools { queues, settings, ports, .. } = tools;
    let grace = settings.log_grace;
    let replay = Replay {
        routes: stores.routes.clone(),
        log: stores.log.clone(),
        parked: stores.parked.clone(),
        journal: stores.journal.clone(),
        queues: queues.clone(),
        edges: edges(tools, stores),
        grace,
        ports: ports.clone(),
    };
    let live = Live {
        courier: shared.courier.clone(),
        log: stores.log.clone(),
        finder: shared.finder.clone(),
        routes: stores.routes.clone(),
        health: shared.health.clone(),
        undelivered: shared.undelivered.clone(),
        profiles: settings.retry.clone(),
        rate: stores.pace.clone(),
        slots: ConcurrencySlots::default(),
        starts: Starts::default(),
        shares: Shares::new(stores.shares.clone(), settings.shares, ports.clone()),
        scheduled: stores.scheduled.clone(),
        promises: Promises {
            partners: stores.partners.clone(),
            transactions: stores.transactions.clone(),
            announcer: shared.announcer.clone(),
            log: stores.log.clone(),
            ports: ports.clone(),
        },
        receipts: shared.receipts.clone(),
        queues: queues.clone(),
        replay,
        timeout: settings.request_timeout,
        views: settings.views,
        ports: ports.clone(),
    };
    let ordered = Ordered {
        courier: shared.courier.clone(),
        routes: stores.routes.clone(),
        log: stores.log.clone(),
        progress: stores.ordered.clone(),
        health: shared.health.clone(),
        undelivered: shared.undelivered.clone(),
        profiles: settings.retry.clone(),
        waker: OrderedWaker::new(queues.clone(), ports.clone(), (grace, settings.views.tolerance)),
        grace,
        timeout: settings.request_timeout,
        ports: ports.clone(),
    };
    let (interval, max_bytes) = (settings.export_interval, settings.export_max_bytes);
    let export = Export {
        courier: shared.courier.clone(),
        routes: stores.routes.clone(),
        log: stores.log.clone(),
        cursors: stores.exports.clone(),
        journal: stores.journal.clone(),
        health: shared.health.clone(),
        queues: queues.clone(),
        closing: Closing { interval, max_bytes, grace },
        leases: Leases { leases: stores.leases.clone(), ports: ports.clone() },
        ports: ports.clone(),
    };
    Ways { live: Arc::new(live), ordered: Arc::new(ordered), export: Arc::new(export) }
}
