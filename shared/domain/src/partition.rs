//! Partition keys: each names its tenant and environment, or is one of a few global partitions.
//!
//! Only [`Scope`] and [`TenantId`] make a [`Partition`], and the [`SortKey`] of a record in a global partition. So tenant
//! and environment are in every key, but for that of the directory of instances, whose records name their scope.

use std::fmt;

use super::ids::ChunkId;
use super::scope::{Scope, TenantId};
use super::transaction::{Fact, TransactionStatus};

/// An enum without data, the text of each variant, and the list of all variants.
macro_rules! named {
    ($(#[$of_enum:meta])* $name:ident { $($(#[$of_variant:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$of_enum])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$of_variant])* $variant,)+ }

        impl $name {
            /// Every variant.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The text that stands for it in keys.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

/// A family of records of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeFamily<'a> {
    /// The catalogue of routes.
    Routes,
    /// The catalogue of event types.
    EventTypes,
    /// The catalogue of consumers.
    Consumers,
    /// Trading partners.
    Partners,
    /// Who we are to them.
    Identities,
    /// What was seen on partners' servers.
    Pickups,
    /// Messages of partners that were refused, the last of each.
    Refusals,
    /// The audit log.
    Audit,
    /// One shard of one day of the event log.
    Log {
        /// Days since the epoch.
        day: i64,
        /// The shard of the day.
        shard: u8,
    },
    /// Headers of outcomes: which deliveries succeeded at once.
    Deliveries,
    /// The outcomes that are too many for their header.
    Outcomes,
    /// Deliveries that did not succeed at once.
    Failures,
    /// Those of them that have a fact and a status: a partition of the fact's index.
    FailuresBy(Fact, TransactionStatus, &'a str),
    /// The attempts of such a delivery.
    Attempts(&'a str),
    /// Runs of automations.
    Runs,
    /// The catalogue of pipelines' configurations of one kind.
    Pipelines(&'a str),
    /// Runs of pipelines.
    SyncRuns,
    /// What runs of pipelines were given to work on.
    SyncPayloads,
    /// How far pipelines have read.
    SyncCursors,
    /// Records that did not reach their target.
    SyncLetters,
    /// When what a pipeline has written happened at its source.
    SyncTimes,
    /// The calls that are under way at systems.
    SyncSlots,
    /// Slow work that is under way.
    Shares,
    /// A document for or from a partner.
    Document(&'a str),
    /// What a document is known by, beside its id.
    DocumentBy(&'a str),
    /// The claim on an event id.
    Claim(&'a str),
    /// The receipt of a publish, by its first chunk.
    Receipt(ChunkId),
    /// The answer kept for an idempotency key.
    Answer(&'a str),
}

impl fmt::Display for ScopeFamily<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Routes => f.write_str("routes"),
            Self::EventTypes => f.write_str("event_types"),
            Self::Consumers => f.write_str("consumers"),
            Self::Partners => f.write_str("partners"),
            Self::Identities => f.write_str("identities"),
            Self::Pickups => f.write_str("pickups"),
            Self::Refusals => f.write_str("refusals"),
            Self::Audit => f.write_str("audit"),
            Self::Log { day, shard } => write!(f, "log#{day}#{shard}"),
            Self::Deliveries => f.write_str("deliveries"),
            Self::Outcomes => f.write_str("outcomes"),
            Self::Failures => f.write_str("failures"),
            Self::FailuresBy(fact, status, value) => write!(f, "{}#{}#{value}", fact.index(), status.as_str()),
            Self::Runs => f.write_str("runs"),
            Self::Pipelines(kind) => write!(f, "pipelines#{kind}"),
            Self::SyncRuns => f.write_str("sync_runs"),
            Self::SyncPayloads => f.write_str("sync_payloads"),
            Self::SyncCursors => f.write_str("sync_cursors"),
            Self::SyncLetters => f.write_str("sync_letters"),
            Self::SyncTimes => f.write_str("sync_times"),
            Self::SyncSlots => f.write_str("sync_slots"),
            Self::Shares => f.write_str("shares"),
            Self::Attempts(id) => write!(f, "attempts#{id}"),
            Self::Document(id) => write!(f, "document#{id}"),
            Self::DocumentBy(digest) => write!(f, "document_by#{digest}"),
            Self::Claim(id) => write!(f, "claim#{id}"),
            Self::Receipt(chunk) => write!(f, "receipt#{chunk}"),
            Self::Answer(key) => write!(f, "answer#{key}"),
        }
    }
}

named! {
    /// A family of records of one route. Deleting a route walks [`RouteFamily::ALL`].
    RouteFamily {
        /// The route's log.
        Journal = "journal",
        /// Rejected events: when and why.
        Rejected = "rejected",
        /// Rejected events: the events themselves.
        RejectedEvents = "rejected_events",
        /// Dead letters: when and why.
        Dead = "dead",
        /// Dead letters: the events themselves.
        DeadEvents = "dead_events",
        /// Deliveries parked while the route is stopped.
        Parked = "parked",
        /// The progress of an ordered route.
        Ordered = "ordered",
        /// The time reserved under the route's rate.
        RateLimiter = "pace",
        /// How many attempts in a row have failed.
        Health = "health",
        /// Events that wait for export.
        Export = "export",
        /// Deliveries that are due later than a queue can delay them.
        Scheduled = "scheduled",
    }
}

/// A family of records that both environments of a tenant share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantFamily<'a> {
    /// API clients and API keys.
    Credentials,
    /// The use of a limit.
    Counter(&'a str),
}

impl fmt::Display for TenantFamily<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credentials => f.write_str("credentials"),
            Self::Counter(subject) => f.write_str(subject),
        }
    }
}

named! {
    /// A partition that all tenants share, so that one query finds every record.
    GlobalPartition {
        /// Tenants.
        Tenants = "tenants",
        /// When temporary routes end.
        Endings = "endings",
        /// Export cursors.
        Exports = "exports",
        /// When routes have a scheduled delivery.
        WakeUps = "wake_ups",
        /// When pipelines are due.
        Schedules = "schedules",
        /// Whose pipeline instances are.
        Instances = "instances",
        /// The public keys of access tokens.
        TokenKeys = "token_keys",
        /// When partners' servers are looked at.
        Pickups = "pickups",
        /// Where the tick stopped.
        Ticks = "ticks",
    }
}

impl GlobalPartition {
    /// Whether its records belong to routes, and go with them.
    #[must_use]
    pub const fn is_of_routes(self) -> bool {
        match self {
            Self::Endings | Self::Exports | Self::WakeUps => true,
            Self::Tenants | Self::Schedules | Self::Instances | Self::TokenKeys | Self::Pickups | Self::Ticks => false,
        }
    }
}

/// The partition key of records of one scope or tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Partition(String);

/// The sort key of a record in a [`GlobalPartition`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SortKey(String);

impl SortKey {
    /// Of a record that is found by an id that no other tenant has; the record says whose it is.
    #[must_use]
    pub fn of_unique(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// The text of the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Partition {}
    impl Sealed for super::GlobalPartition {}
}

/// A queryable partition: a [`Partition`] or a [`GlobalPartition`].
pub trait AnyPartition: sealed::Sealed {
    /// The text of the partition key.
    fn as_str(&self) -> &str;
}

impl AnyPartition for Partition {
    fn as_str(&self) -> &str {
        &self.0
    }
}

impl AnyPartition for GlobalPartition {
    fn as_str(&self) -> &str {
        (*self).as_str()
    }
}

/// `#` cannot stand in a tenant's identifier, so no two scopes share a prefix.
impl Scope {
    /// The partition of a family of records of this scope.
    #[must_use]
    pub fn partition(&self, family: ScopeFamily<'_>) -> Partition {
        Partition(format!("{self}#{family}"))
    }

    /// The partition of a family of records of the route with that uid.
    #[must_use]
    pub fn route_partition(&self, family: RouteFamily, uid: &str) -> Partition {
        Partition(format!("{self}#{}#{uid}", family.as_str()))
    }

    /// The sort key of the route with that uid in a global partition.
    #[must_use]
    pub fn sort_key(&self, uid: &str) -> SortKey {
        SortKey(format!("{self}#{uid}"))
    }
}

impl TenantId {
    /// The partition of a family of records of this tenant.
    #[must_use]
    pub fn partition(&self, family: TenantFamily<'_>) -> Partition {
        Partition(format!("{self}#both#{family}"))
    }

    /// The tenant's sort key in a global partition.
    #[must_use]
    pub fn sort_key(&self) -> SortKey {
        SortKey(self.as_str().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::scope::Environment;

    fn scope() -> Scope {
        Scope { tenant: "acme".parse().expect("valid"), environment: Environment::Sandbox }
    }

    #[test]
    fn keys_name_tenant_and_environment() {
        let chunk = ChunkId::floor(crate::time::Millis(1));
        let families = [
            (ScopeFamily::Routes, "acme#s#routes".to_owned()),
            (ScopeFamily::EventTypes, "acme#s#event_types".to_owned()),
            (ScopeFamily::Consumers, "acme#s#consumers".to_owned()),
            (ScopeFamily::Partners, "acme#s#partners".to_owned()),
            (ScopeFamily::Audit, "acme#s#audit".to_owned()),
            (ScopeFamily::Log { day: 20_000, shard: 3 }, "acme#s#log#20000#3".to_owned()),
            (ScopeFamily::Deliveries, "acme#s#deliveries".to_owned()),
            (ScopeFamily::Outcomes, "acme#s#outcomes".to_owned()),
            (ScopeFamily::Failures, "acme#s#failures".to_owned()),
            (ScopeFamily::Runs, "acme#s#runs".to_owned()),
            (ScopeFamily::Attempts("txn_1"), "acme#s#attempts#txn_1".to_owned()),
            (ScopeFamily::Claim("id"), "acme#s#claim#id".to_owned()),
            (ScopeFamily::Receipt(chunk), format!("acme#s#receipt#{chunk}")),
            (ScopeFamily::Answer("key"), "acme#s#answer#key".to_owned()),
        ];
        for (family, text) in families {
            assert_eq!(AnyPartition::as_str(&scope().partition(family)), text);
        }
        let tenant = scope().tenant;
        assert_eq!(tenant.partition(TenantFamily::Credentials).as_str(), "acme#both#credentials");
        assert_eq!(tenant.partition(TenantFamily::Counter("events")).as_str(), "acme#both#events");
        assert_eq!((tenant.sort_key().as_str(), scope().sort_key("rt_1").as_str()), ("acme", "acme#s#rt_1"));
    }

    #[test]
    fn families_of_a_route_are_distinct() {
        let texts: HashSet<String> = RouteFamily::ALL
            .iter()
            .map(|family| scope().route_partition(*family, "rt_1").as_str().to_owned())
            .inspect(|text| assert!(text.starts_with("acme#s#") && text.ends_with("#rt_1"), "{text}"))
            .collect();
        assert_eq!(texts.len(), RouteFamily::ALL.len());
        assert!(texts.contains("acme#s#journal#rt_1") && texts.contains("acme#s#pace#rt_1"), "{texts:?}");
    }

    #[test]
    fn global_partitions() {
        let names: Vec<&str> = GlobalPartition::ALL.iter().map(AnyPartition::as_str).collect();
        assert_eq!(
            names,
            ["tenants", "endings", "exports", "wake_ups", "schedules", "instances", "token_keys", "pickups", "ticks"]
        );
        let of_routes = GlobalPartition::ALL.iter().filter(|partition| partition.is_of_routes());
        assert_eq!(of_routes.count(), 3);
    }
}
