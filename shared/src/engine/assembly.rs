//! The parts of the engine, each given what it needs and no more.

use std::sync::Arc;

use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;

use super::allowances::{Allowances, EventQuota};
use super::announcer::Announcer;
use super::automation::Automations;
use super::concurrency::ConcurrencySlots;
use super::courier::Courier;
use super::credentials::Issuer;
use super::deliver::Deliverer;
use super::dispatch::Dispatcher;
use super::edges::Edges;
use super::finder::EventFinder;
use super::health::Health;
use super::leases::Leases;
use super::lifecycle::Lifecycle;
use super::partners::PartnerRegistry;
use super::pipelines::{Ledger, Letters, Pipelines, Registry, Runner, Scheduler};
use super::poll::LogPoller;
use super::promises::Promises;
use super::publish::Publisher;
use super::resend::Resend;
use super::send_now::SendNow;
use super::shares::Shares;
use super::tenancy::Tenancy;
use super::tick::Tick;
use super::transitions::Transitions;
use super::undelivered::Undelivered;
use super::ways::Ways;
use super::ways::export::{Closing, Export};
use super::ways::live::{Live, Replay};
use super::ways::ordered::{Ordered, OrderedWaker};
use crate::connectors::{ConnectorSettings, Connectors, Events};
use crate::outbound::Destinations;
use crate::ports::Ports;
use crate::queue::Queues;
use crate::settings::Settings;
use crate::store::Stores;

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

/// The parts that several ways share.
struct Shared {
    courier: Courier,
    transitions: Transitions,
    health: Health,
    undelivered: Undelivered,
    finder: EventFinder,
    announcer: Announcer,
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
        let Shared { courier, transitions, health, finder, announcer, .. } = shared;
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
            queues: queues.clone(),
        };
        let poller = LogPoller::new(log.clone(), ports.clone(), grace);
        let quota = EventQuota {
            allowances: Allowances::new(stores.counters.clone(), ports.clone()),
            tenants: stores.tenants.clone(),
            events_per_day: settings.events_per_day,
        };
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
                transactions: stores.transactions.clone(),
                log: log.clone(),
                queues: queues.clone(),
                ports: ports.clone(),
            },
            resend,
            issuer: Issuer { credentials: stores.credentials.clone(), ports: ports.clone() },
            partners: PartnerRegistry {
                partners: stores.partners.clone(),
                vault: destinations.vault().clone(),
                reach: settings.reach,
                transactions: stores.transactions.clone(),
                lifecycle: lifecycle.clone(),
            },
            tenancy: Tenancy {
                tenants: stores.tenants.clone(),
                credentials: stores.credentials.clone(),
                routes: routes.clone(),
                event_types: stores.event_types.clone(),
                consumers: stores.consumers.clone(),
                partners: stores.partners.clone(),
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
            },
            pipelines,
            scheduler,
            lifecycle,
        })
    }
}

impl Shared {
    fn new(tools: &Tools, stores: &Stores) -> Self {
        let Tools { queues, destinations, settings, ports, .. } = tools;
        let (routes, journal) = (stores.routes.clone(), stores.journal.clone());
        let publisher = Publisher::new(stores, queues.clone(), ports.clone(), settings.log_grace);
        let announcer = Announcer { publisher, routes: routes.clone() };
        let transitions = Transitions {
            edges: edges(tools, stores),
            routes,
            journal: journal.clone(),
            announcer: announcer.clone(),
            ports: ports.clone(),
        };
        Self {
            courier: Courier::new(destinations.clone(), ports.clone()),
            health: Health { transitions: transitions.clone(), policy: settings.health.clone() },
            transitions,
            undelivered: Undelivered { letters: stores.letters.clone(), journal, announcer: announcer.clone() },
            announcer,
            finder: EventFinder::new(stores.log.clone(), stores.claims.clone()),
        }
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
        finder: shared.finder.clone(),
        routes: stores.routes.clone(),
        health: shared.health.clone(),
        undelivered: shared.undelivered.clone(),
        profiles: settings.retry.clone(),
        rate: stores.pace.clone(),
        slots: ConcurrencySlots::default(),
        shares: Shares::new(stores.shares.clone(), settings.shares, ports.clone()),
        scheduled: stores.scheduled.clone(),
        promises: Promises {
            partners: stores.partners.clone(),
            transactions: stores.transactions.clone(),
            announcer: shared.announcer.clone(),
            log: stores.log.clone(),
            ports: ports.clone(),
        },
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
        waker: OrderedWaker::new(queues.clone(), ports.clone(), grace),
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
