//! Every family of records, made once a process.

use std::time::Duration;

use super::Db;
use super::audit::AuditLog;
use super::counters::Counters;
use super::credentials::Credentials;
use super::endings::Endings;
use super::event_ids::EventIdClaims;
use super::event_types::EventTypes;
use super::exports::Exports;
use super::idempotency::IdempotencyRecords;
use super::journal::Journal;
use super::log::EventLog;
use super::ordered::Ordered;
use super::outcomes::Outcomes;
use super::parked::ParkingLot;
use super::partners::Partners;
use super::rate_limiter::RateLimiter;
use super::routes::Routes;
use super::tenants::Tenants;
use super::undelivered::UndeliveredEvents;
use crate::secrets::Keyring;

/// The records of the deployment.
#[derive(Clone)]
pub struct Stores {
    /// The event log.
    pub log: EventLog,
    /// Claims on publishers' ids.
    pub claims: EventIdClaims,
    /// Routes.
    pub routes: Routes,
    /// The catalogue of event types.
    pub event_types: EventTypes,
    /// Trading partners.
    pub partners: Partners,
    /// Credentials.
    pub credentials: Credentials,
    /// Tenants.
    pub tenants: Tenants,
    /// The usage counters of limits.
    pub counters: Counters,
    /// Export cursors.
    pub exports: Exports,
    /// When temporary routes end.
    pub endings: Endings,
    /// How far ordered routes have come.
    pub ordered: Ordered,
    /// The logs of routes.
    pub journal: Journal,
    /// Outcomes of attempts.
    pub outcomes: Outcomes,
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
}

impl Stores {
    /// The records of this database; the log is kept for `retention`.
    #[must_use]
    pub fn new(db: &Db, keys: &Keyring, retention: Duration) -> Self {
        let db = || db.clone();
        Self {
            log: EventLog::new(db(), retention),
            claims: EventIdClaims::new(db(), retention),
            routes: Routes::new(db(), keys.clone()),
            event_types: EventTypes::new(db(), keys.clone()),
            partners: Partners::new(db(), keys.clone()),
            credentials: Credentials::new(db()),
            tenants: Tenants::new(db()),
            counters: Counters::new(db()),
            exports: Exports::new(db()),
            endings: Endings::new(db()),
            ordered: Ordered::new(db()),
            journal: Journal::new(db()),
            outcomes: Outcomes::new(db()),
            answers: IdempotencyRecords::new(db()),
            audit: AuditLog::new(db()),
            letters: UndeliveredEvents::new(db()),
            parked: ParkingLot::new(db()),
            pace: RateLimiter::new(db()),
        }
    }
}
