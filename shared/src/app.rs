//! Everything put together once a process: what handlers and workers are given.

use std::ops::Deref;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;

use crate::engine::Lanes;
use crate::engine::deliver::Deliverer;
use crate::engine::export::Exporter;
use crate::engine::ordered::Caller;
use crate::engine::publish::Publisher;
use crate::engine::replay::Replayer;
use crate::engine::sender::Sender;
use crate::objects::Buckets;
use crate::outbound::{ClientOptions, WebhookClient};
use crate::ports::Ports;
use crate::queue::{QueueUrls, Queues};
use crate::secrets::Keyring;
use crate::settings::Settings;
use crate::store::audit::AuditLog;
use crate::store::counters::Counters;
use crate::store::credentials::Credentials;
use crate::store::endings::Endings;
use crate::store::event_ids::EventIdClaims;
use crate::store::event_types::EventTypes;
use crate::store::exports::Exports;
use crate::store::idempotency::IdempotencyRecords;
use crate::store::journal::Journal;
use crate::store::log::EventLog;
use crate::store::ordered::Ordered;
use crate::store::outcomes::Outcomes;
use crate::store::parked::ParkingLot;
use crate::store::rate_limiter::RateLimiter;
use crate::store::routes::Routes;
use crate::store::tenants::Tenants;
use crate::store::undelivered::UndeliveredEvents;
use crate::store::{Db, Tables};

/// Where the records and messages of this deployment are.
#[derive(Clone, Debug)]
pub struct Resources {
    /// The tables.
    pub tables: Tables,
    /// The queues.
    pub queues: QueueUrls,
}

/// A variable of the deployment is missing.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {0} is missing: template.yaml sets it")]
pub struct MissingVariable(&'static str);

impl Resources {
    /// Reads the names that `template.yaml` hands to every function.
    ///
    /// # Errors
    /// The first variable that is missing.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let variable = |name| std::env::var(name).map_err(|_| MissingVariable(name));
        Ok(Self {
            tables: Tables {
                events: variable("SLUICE_TABLE_EVENTS")?,
                config: variable("SLUICE_TABLE_CONFIG")?,
                activity: variable("SLUICE_TABLE_ACTIVITY")?,
            },
            queues: QueueUrls {
                dispatch: variable("SLUICE_QUEUE_DISPATCH")?,
                deliver: variable("SLUICE_QUEUE_DELIVER")?,
                deliver_dlq: variable("SLUICE_QUEUE_DELIVER_DLQ")?,
                export: variable("SLUICE_QUEUE_EXPORT")?,
                replay: variable("SLUICE_QUEUE_REPLAY")?,
            },
        })
    }
}

/// The parts, together and so cheap to clone: it is done for every request. A handler takes the ones it names, no more.
#[derive(Clone)]
pub struct App(Arc<Parts>);

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// What an [`App`] is made of.
pub struct Parts {
    /// Time and randomness.
    pub ports: Ports,
    /// What the operator set.
    pub settings: Settings,
    /// The master keys.
    pub keys: Keyring,
    /// The event log.
    pub log: EventLog,
    /// EventIdClaims on publishers' ids.
    pub claims: EventIdClaims,
    /// Routes.
    pub routes: Routes,
    /// The catalogue of event types.
    pub event_types: EventTypes,
    /// Credentials.
    pub credentials: Credentials,
    /// Tenants.
    pub tenants: Tenants,
    /// Export cursors.
    pub exports: Exports,
    /// When temporary routes end.
    pub endings: Endings,
    /// How far ordered routes have come.
    pub ordered: Ordered,
    /// Calls ordered routes.
    pub caller: Caller,
    /// Integration logs.
    pub journal: Journal,
    /// First answers to requests with an idempotency key.
    pub answers: IdempotencyRecords,
    /// The audit log.
    pub audit: AuditLog,
    /// Rejected events and dead letters.
    pub letters: UndeliveredEvents,
    /// Parked deliveries.
    pub parked: ParkingLot,
    /// The queues.
    pub queues: Queues,
    /// What is used of limits.
    pub counters: Counters,
    /// Takes events in.
    pub publisher: Publisher,
    /// Sends one event to one target.
    pub sender: Sender,
    /// Makes deliveries.
    pub deliverer: Deliverer,
    /// Sends stretches of the log.
    pub replayer: Replayer,
    /// Writes export files.
    pub exporter: Exporter,
}

/// The process's AWS clients.
#[derive(Clone, Debug)]
pub struct Clients {
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// Sees every call, to count it: these clients' own, and those to customers' buckets.
    pub observer: Option<SharedInterceptor>,
}

impl Clients {
    /// Clients over a configuration for each service.
    #[must_use]
    pub fn new(dynamodb: &SdkConfig, sqs: &SdkConfig, observer: Option<SharedInterceptor>) -> Self {
        let mut dynamodb = aws_sdk_dynamodb::config::Builder::from(dynamodb);
        let mut sqs = aws_sdk_sqs::config::Builder::from(sqs);
        if let Some(observer) = &observer {
            dynamodb.push_interceptor(observer.clone());
            sqs.push_interceptor(observer.clone());
        }
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
            observer,
        }
    }
}

impl App {
    /// Puts the parts together.
    ///
    /// # Errors
    /// Where the HTTP client cannot be made.
    pub fn new(
        clients: &Clients,
        resources: Resources,
        settings: Settings,
        keys: Keyring,
        ports: Ports,
    ) -> Result<Self, reqwest::Error> {
        let db = Db::new(clients.dynamodb.clone(), resources.tables, ports.clone());
        let queues = Queues::new(clients.sqs.clone(), resources.queues);
        let retention = settings.log_retention;
        let (log, claims) = (EventLog::new(db.clone(), retention), EventIdClaims::new(db.clone(), retention));
        let routes = Routes::new(db.clone(), keys.clone());
        let (credentials, tenants) = (Credentials::new(db.clone()), Tenants::new(db.clone()));
        let (exports, journal) = (Exports::new(db.clone()), Journal::new(db.clone()));
        let (letters, parked) = (UndeliveredEvents::new(db.clone()), ParkingLot::new(db.clone()));
        let ordered = Ordered::new(db.clone());
        let caller = Caller::new(queues.clone(), ports.clone(), settings.log_grace);
        let client = WebhookClient::new(settings.target_policy, ClientOptions::default())?;
        let sender = Sender::new(client, keys.clone(), ports.clone(), settings.request_timeout);
        let event_types = EventTypes::new(db.clone(), keys.clone());
        let parts = Parts {
            publisher: Publisher::new(log.clone(), claims.clone(), queues.clone(), ports.clone(), settings.log_grace),
            deliverer: Deliverer {
                sender: sender.clone(),
                routes: routes.clone(),
                log: log.clone(),
                claims: claims.clone(),
                letters: letters.clone(),
                parked: parked.clone(),
                journal: journal.clone(),
                outcomes: Outcomes::new(db.clone()),
                queues: queues.clone(),
                stream: settings.retry_stream.clone(),
                webhook: settings.retry_webhook.clone(),
                suspension: settings.suspension.clone(),
                pace: RateLimiter::new(db.clone()),
                lanes: Lanes::default(),
                ordered: ordered.clone(),
                caller: caller.clone(),
                grace: settings.log_grace,
                ports: ports.clone(),
            },
            replayer: Replayer {
                routes: routes.clone(),
                log: log.clone(),
                parked: parked.clone(),
                queues: queues.clone(),
                grace: settings.log_grace,
                ports: ports.clone(),
            },
            exporter: Exporter {
                routes: routes.clone(),
                log: log.clone(),
                exports: exports.clone(),
                journal: journal.clone(),
                queues: queues.clone(),
                buckets: Buckets::new(keys.clone(), settings.target_policy, clients.observer.clone()),
                settings: settings.clone(),
                lanes: Lanes::default(),
                ports: ports.clone(),
            },
            ports,
            settings,
            keys,
            log,
            claims,
            routes,
            event_types,
            credentials,
            tenants,
            counters: Counters::new(db.clone()),
            exports,
            answers: IdempotencyRecords::new(db.clone()),
            audit: AuditLog::new(db.clone()),
            endings: Endings::new(db),
            ordered,
            caller,
            journal,
            letters,
            parked,
            queues,
            sender,
        };
        Ok(Self(Arc::new(parts)))
    }
}
