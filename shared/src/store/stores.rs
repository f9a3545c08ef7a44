//! Every family of records, made once a process.

use std::time::Duration;

use super::Db;
use super::audit::AuditLog;
use super::consumers::Consumers;
use super::counters::Counters;
use super::credentials::Credentials;
use super::documents::{Blobs, Documents};
use super::endings::Endings;
use super::event_ids::EventIdClaims;
use super::event_types::EventTypes;
use super::exports::Exports;
use super::idempotency::IdempotencyRecords;
use super::identities::Identities;
use super::journal::Journal;
use super::leases::Leases;
use super::log::EventLog;
use super::ordered::Ordered;
use super::parked::ParkingLot;
use super::partners::Partners;
use super::pickups::Pickups;
use super::pipelines::PipelineStores;
use super::rate_limiter::RateLimiter;
use super::requests::RequestClaims;
use super::routes::Routes;
use super::runs::Runs;
use super::scheduled::Scheduled;
use super::shares::Shares;
use super::tenants::Tenants;
use super::transactions::Transactions;
use super::undelivered::UndeliveredEvents;
use super::verification_keys::VerificationKeys;
use crate::secrets::Keyring;

/// How long records are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// The event log.
    pub log: Duration,
    /// Transactions.
    pub transactions: Duration,
    /// Documents, and their bytes.
    pub documents: Duration,
}

/// The records of the deployment.
#[derive(Clone)]
pub struct Stores {
    /// The event log.
    pub log: EventLog,
    /// Claims on publishers' ids.
    pub claims: EventIdClaims,
    /// Claims on publishers' idempotency keys.
    pub requests: RequestClaims,
    /// Routes.
    pub routes: Routes,
    /// The catalogue of event types.
    pub event_types: EventTypes,
    /// Consumers and their positions.
    pub consumers: Consumers,
    /// Trading partners.
    pub partners: Partners,
    /// Who we are to them.
    pub identities: Identities,
    /// Documents for and from partners.
    pub documents: Documents,
    /// What was seen on partners' servers.
    pub pickups: Pickups,
    /// Credentials.
    pub credentials: Credentials,
    /// Tenants.
    pub tenants: Tenants,
    /// The public keys of access tokens.
    pub verification_keys: VerificationKeys,
    /// The usage counters of limits.
    pub counters: Counters,
    /// Export cursors.
    pub exports: Exports,
    /// Which worker is at a route.
    pub leases: Leases,
    /// When temporary routes end.
    pub endings: Endings,
    /// How far ordered routes have come.
    pub ordered: Ordered,
    /// The logs of routes.
    pub journal: Journal,
    /// Outcomes of attempts.
    pub transactions: Transactions,
    /// First answers to requests with an idempotency key.
    pub answers: IdempotencyRecords,
    /// The audit log.
    pub audit: AuditLog,
    /// Rejected events and dead letters.
    pub letters: UndeliveredEvents,
    /// Parked messages.
    pub parked: ParkingLot,
    /// Rate limits.
    pub pace: RateLimiter,
    /// Slow work that is under way.
    pub shares: Shares,
    /// Deliveries that are due much later.
    pub scheduled: Scheduled,
    /// Runs of automations.
    pub runs: Runs,
    /// Pipelines.
    pub pipelines: PipelineStores,
}

impl Stores {
    /// The records of this database, and the bytes of this bucket.
    #[must_use]
    pub fn new(db: &Db, blobs: Blobs, keys: &Keyring, retention: Retention) -> Self {
        let db = || db.clone();
        Self {
            log: EventLog::new(db(), retention.log),
            claims: EventIdClaims::new(db(), retention.log),
            requests: RequestClaims::new(db()),
            routes: Routes::new(db(), keys.clone()),
            event_types: EventTypes::new(db(), keys.clone()),
            consumers: Consumers::new(db(), keys.clone()),
            partners: Partners::new(db(), keys.clone()),
            identities: Identities::new(db(), keys.clone()),
            documents: Documents::new(db(), blobs, retention.documents),
            pickups: Pickups::new(db()),
            credentials: Credentials::new(db()),
            tenants: Tenants::new(db()),
            verification_keys: VerificationKeys::new(db()),
            counters: Counters::new(db()),
            exports: Exports::new(db()),
            leases: Leases::new(db()),
            endings: Endings::new(db()),
            ordered: Ordered::new(db()),
            journal: Journal::new(db()),
            transactions: Transactions::new(db(), retention.transactions),
            answers: IdempotencyRecords::new(db()),
            audit: AuditLog::new(db()),
            letters: UndeliveredEvents::new(db()),
            parked: ParkingLot::new(db()),
            pace: RateLimiter::new(db()),
            shares: Shares::new(db()),
            scheduled: Scheduled::new(db()),
            runs: Runs::new(db()),
            pipelines: PipelineStores::new(&db(), keys),
        }
    }
}
