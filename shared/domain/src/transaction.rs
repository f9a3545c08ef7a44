//! Transactions: a delivery as an operator sees it, with its attempts.
//!
//! A transaction's id says where its records are: it holds the time at which the event was logged, the route and the
//! event.

#[cfg(test)]
pub(crate) mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::event::{Event, is_event_id};
use crate::face::FaceKind;
use crate::time::Millis;

/// The state of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransactionStatus {
    /// It is to be sent again because somebody asked for it.
    Queued,
    /// It is being sent.
    Delivering,
    /// The target accepted it.
    Delivered,
    /// The last attempt failed; another one follows.
    Failed,
    /// The target will never accept it.
    Rejected,
    /// It is out of retries.
    Dead,
}

impl TransactionStatus {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Delivering, Self::Delivered, Self::Failed, Self::Rejected, Self::Dead];

    /// Its name in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Delivering => "delivering",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Dead => "dead",
        }
    }
}

/// What transactions with an entry are indexed by, each together with the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The partner.
    Partner,
    /// The route.
    Route,
    /// The document type.
    Document,
    /// Nothing more than the status.
    Status,
}

impl Fact {
    /// Every fact; the one that usually leaves the fewest transactions comes first.
    pub const ALL: [Self; 4] = [Self::Partner, Self::Route, Self::Document, Self::Status];

    /// The name of its index, and of the attribute that the index is over.
    #[must_use]
    pub const fn index(self) -> &'static str {
        match self {
            Self::Partner => "by_partner",
            Self::Route => "by_route",
            Self::Document => "by_document",
            Self::Status => "by_status",
        }
    }

    /// What it is of a transaction, if it has it.
    #[must_use]
    pub fn of(self, outcome: &Outcome) -> Option<&str> {
        match self {
            Self::Partner => outcome.partner_id.as_deref(),
            Self::Route => Some(&outcome.route.uid),
            Self::Document => outcome.document_type.as_deref(),
            Self::Status => Some(""),
        }
    }

    /// What a filter asks it to be.
    fn asked(self, filter: &TransactionFilter) -> Option<&str> {
        match self {
            Self::Partner => filter.partner_id.as_deref(),
            Self::Route => filter.route.as_deref(),
            Self::Document => filter.document_type.as_deref(),
            Self::Status => (!filter.statuses.is_empty()).then_some(""),
        }
    }
}

/// Which way a transaction goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From a partner.
    Inbound,
    /// To a target.
    Outbound,
}

/// The route of a transaction, as the engine and as its user know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteRef {
    /// The engine's id.
    pub uid: String,
    /// Its face.
    pub face: FaceKind,
    /// Its user's id.
    pub id: String,
}

/// One attempt, and the transaction as it left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// To which route.
    pub route: RouteRef,
    /// The event's id.
    pub event: String,
    /// The event's name.
    pub name: String,
    /// When the event was logged.
    pub logged_at: Millis,
    /// The partner it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner_id: Option<String>,
    /// The kind of business document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_type: Option<String>,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// The transaction's state after it.
    pub status: TransactionStatus,
    /// The HTTP status code, if there was a response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// How long it took, in milliseconds.
    pub millis: u32,
    /// The first 4 KiB of the response.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub response: String,
    /// Why the target did not accept it; empty if it did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// When it ended.
    pub at: Millis,
    /// Whether somebody gave it up for good. A further attempt undoes that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub discarded: bool,
}

impl Outcome {
    /// The transaction's id.
    #[must_use]
    pub fn id(&self) -> TransactionId {
        let (logged_at, route, event) = (self.logged_at, self.route.uid.clone(), self.event.clone());
        TransactionId { logged_at, route, event }
    }

    /// Whether the transaction was one attempt and no more: the common case, which needs no record of its own.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.attempt == 1 && self.status == TransactionStatus::Delivered
    }

    /// What a header of outcomes lists for it: see [`header_keys`].
    fn keys(&self) -> impl Iterator<Item = u32> {
        let partner = self.partner_id.as_deref().map(|partner| key("partner", partner));
        let document = self.document_type.as_deref().map(|document| key("document", document));
        [Some(key("route", &self.route.uid)), partner, document].into_iter().flatten()
    }
}

/// What of an outcome decides whether it is asked for, as it stands in its JSON text.
#[derive(Debug, Deserialize)]
pub struct OutcomeFacts<'a> {
    #[serde(borrow)]
    route: RouteFacts<'a>,
    logged_at: Millis,
    #[serde(borrow, default)]
    partner_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    document_type: Option<Cow<'a, str>>,
    status: TransactionStatus,
}

#[derive(Debug, Deserialize)]
struct RouteFacts<'a> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
}

/// The id of a transaction: `txn_`, the time in 12 hexadecimal digits, the route in 32, `_`, the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionId {
    /// When the event was logged.
    pub logged_at: Millis,
    /// The route's uid.
    pub route: String,
    /// The event's id.
    pub event: String,
}

impl TransactionId {
    /// Of an event on the route of that uid.
    #[must_use]
    pub fn of(event: &Event, route: &str) -> Self {
        Self { logged_at: event.logged_at, route: route.to_owned(), event: event.id.clone() }
    }
}

/// What the uid of a route begins with.
const ROUTE_PREFIX: &str = "rt_";
const TIME_DIGITS: usize = 12;
const ROUTE_DIGITS: usize = 32;

/// Not the id of a transaction.
#[derive(Debug, thiserror::Error)]
#[error("not a transaction's id")]
pub struct NotATransaction;

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let route = self.route.strip_prefix(ROUTE_PREFIX).unwrap_or(&self.route);
        write!(f, "txn_{:012x}{route}_{}", self.logged_at.0, self.event)
    }
}

impl FromStr for TransactionId {
    type Err = NotATransaction;

    fn from_str(text: &str) -> Result<Self, NotATransaction> {
        let rest = text.strip_prefix("txn_").filter(|rest| rest.is_ascii()).ok_or(NotATransaction)?;
        let (place, event) = rest.split_once('_').ok_or(NotATransaction)?;
        let hex = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if place.len() != TIME_DIGITS + ROUTE_DIGITS || !hex(place) || !is_event_id(event) {
            return Err(NotATransaction);
        }
        let (time, route) = place.split_at(TIME_DIGITS);
        let logged_at = i64::from_str_radix(time, 16).map(Millis).map_err(|_| NotATransaction)?;
        Ok(Self { logged_at, route: format!("{ROUTE_PREFIX}{route}"), event: event.to_owned() })
    }
}

/// Which transactions are asked for. What is missing sets no limit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TransactionFilter {
    /// In one of these states.
    pub statuses: Vec<TransactionStatus>,
    /// To this route.
    pub route: Option<String>,
    /// Of this partner.
    pub partner_id: Option<String>,
    /// Of this kind of business document.
    pub document_type: Option<String>,
    /// Logged at this time or later.
    pub from: Option<Millis>,
    /// Logged before.
    pub to: Option<Millis>,
}

impl TransactionFilter {
    /// Whether a transaction is one that is asked for.
    #[must_use]
    pub fn matches(&self, outcome: &Outcome) -> bool {
        self.asks_for(&OutcomeFacts {
            route: RouteFacts { uid: Cow::Borrowed(&outcome.route.uid) },
            logged_at: outcome.logged_at,
            partner_id: outcome.partner_id.as_deref().map(Cow::Borrowed),
            document_type: outcome.document_type.as_deref().map(Cow::Borrowed),
            status: outcome.status,
        })
    }

    /// Whether a transaction of these facts is one that is asked for.
    #[must_use]
    pub fn asks_for(&self, facts: &OutcomeFacts<'_>) -> bool {
        (self.statuses.is_empty() || self.statuses.contains(&facts.status))
            && self.route.as_deref().is_none_or(|route| facts.route.uid == route)
            && self.partner_id.as_deref().is_none_or(|partner| facts.partner_id.as_deref() == Some(partner))
            && self.document_type.as_deref().is_none_or(|document| facts.document_type.as_deref() == Some(document))
            && self.from.is_none_or(|from| facts.logged_at >= from)
            && self.to.is_none_or(|to| facts.logged_at < to)
    }

    /// The index that has what is asked for, and the value of its fact; none if everything is asked for.
    #[must_use]
    pub fn index(&self) -> Option<(Fact, &str)> {
        Fact::ALL.into_iter().find_map(|fact| Some((fact, fact.asked(self)?)))
    }

    /// Whether plain outcomes can be among those that are asked for.
    #[must_use]
    pub fn takes_plain(&self) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&TransactionStatus::Delivered)
    }

    /// The keys that a header must list, all of them.
    #[must_use]
    pub fn keys(&self) -> Vec<u32> {
        let keys = [("route", &self.route), ("partner", &self.partner_id), ("document", &self.document_type)];
        keys.into_iter().filter_map(|(family, value)| Some(key(family, value.as_deref()?))).collect()
    }
}

/// The distinct keys of outcomes: a reader passes over outcomes whose header lacks a key that it asks for.
#[must_use]
pub fn header_keys(outcomes: &[Outcome]) -> BTreeSet<u32> {
    outcomes.iter().flat_map(Outcome::keys).collect()
}

/// Four bytes of a hash: a collision costs a look at outcomes that do not match.
fn key(family: &str, value: &str) -> u32 {
    let digest = Sha256::new().chain_update(family).chain_update([0]).chain_update(value).finalize();
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}
