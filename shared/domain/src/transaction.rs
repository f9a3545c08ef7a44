//! Transactions: a delivery, or a record of a pipeline, as an operator sees it, with its attempts.
//!
//! A transaction's id says where its records are: it holds the time at which the event was logged, the route and the
//! event.

mod filter;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::event::{Event, is_event_id};
use crate::face::FaceKind;
use crate::time::Millis;

pub use filter::{Fact, OutcomeFacts, TransactionFilter, header_keys};

/// The state of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransactionStatus {
    /// It waits to be sent: a document for the first time, anything again because somebody asked for it.
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

/// Which way a transaction goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Somebody handed it in.
    Inbound,
    /// To a target.
    #[default]
    Outbound,
}

impl Direction {
    /// Its name in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }

    /// Whether it is the common one, which records do not say.
    #[must_use]
    pub fn is_outbound(&self) -> bool {
        *self == Self::Outbound
    }
}

/// What a transaction goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// `/v1/integrations`
    Integration,
    /// `/v1/webhooks/subscriptions`
    Subscription,
    /// `/subscription/v1/subscription`
    Myd3,
    /// `/v1/partners/{id}/callbacks`
    Callback,
    /// `/v1/partners/{id}/documents`, and what the partner sends.
    Documents,
    /// `/v1/instances`: it is a record of a pipeline.
    Pipeline,
}

impl From<FaceKind> for RouteKind {
    fn from(face: FaceKind) -> Self {
        match face {
            FaceKind::Integration => Self::Integration,
            FaceKind::Subscription => Self::Subscription,
            FaceKind::Myd3 => Self::Myd3,
            FaceKind::Callback => Self::Callback,
            FaceKind::Documents => Self::Documents,
        }
    }
}

/// What a transaction goes through, as the engine and as its user know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteRef {
    /// The engine's id.
    pub uid: String,
    /// What it is.
    pub kind: RouteKind,
    /// Its user's id.
    pub id: String,
}

impl RouteRef {
    /// An instance of a pipeline, in the place of a route.
    #[must_use]
    pub fn of_instance(instance: &str) -> Self {
        Self { uid: uid_of("pipeline", instance), kind: RouteKind::Pipeline, id: instance.to_owned() }
    }

    /// What a partner sends, in the place of a route.
    #[must_use]
    pub fn of_documents(partner: &str) -> Self {
        Self { uid: uid_of("documents", partner), kind: RouteKind::Documents, id: partner.to_owned() }
    }
}

/// The uid of what stands in the place of a route.
fn uid_of(kind: &str, id: &str) -> String {
    let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(id).finalize();
    format!("{ROUTE_PREFIX}{}", hex::encode(&digest[..ROUTE_DIGITS / 2]))
}

/// One attempt, and the transaction as it left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// To which route.
    pub route: RouteRef,
    /// Which way.
    #[serde(default, skip_serializing_if = "Direction::is_outbound")]
    pub direction: Direction,
    /// The event's id, or what stands for it.
    pub event: String,
    /// The event's name, or a record's entity type.
    pub name: String,
    /// When the event was logged, or the record was read.
    pub logged_at: Millis,
    /// The partner it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner_id: Option<String>,
    /// The kind of business document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_type: Option<String>,
    /// Which attempt it was, from 1; 0 before the first one.
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

    /// Whether the transaction was one attempt and no more: the common case, which needs no record of its own. A
    /// document has one: its attempt may have ended long after it was recorded first.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let at_once = self.attempt == 1 && self.status == TransactionStatus::Delivered;
        at_once && self.route.kind != RouteKind::Documents
    }
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
