//! Which transactions are asked for, and what finds them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Direction, Outcome, RouteKind, TransactionStatus};
use crate::time::Millis;

/// Values of [`Fact::Status`].
const DELIVERIES: &str = "";
const RECORDS: &str = "records";

/// What transactions with an entry are indexed by, each together with the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The partner.
    Partner,
    /// The route.
    Route,
    /// The document type.
    Document,
    /// That somebody handed it in.
    Inbound,
    /// Nothing more than the status. Records of pipelines are apart.
    Status,
}

impl Fact {
    /// Every fact; the one that usually leaves the fewest transactions comes first.
    pub const ALL: [Self; 5] = [Self::Partner, Self::Route, Self::Document, Self::Inbound, Self::Status];

    /// The name of its index, and of the attribute that the index is over.
    #[must_use]
    pub const fn index(self) -> &'static str {
        match self {
            Self::Partner => "by_partner",
            Self::Route => "by_route",
            Self::Document => "by_document",
            Self::Inbound => "by_inbound",
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
            Self::Inbound => (outcome.direction == Direction::Inbound).then_some(""),
            Self::Status => Some(if outcome.route.kind == RouteKind::Pipeline { RECORDS } else { DELIVERIES }),
        }
    }

    /// What a filter asks it to be: one of these; nothing if it does not ask.
    fn asked<'a>(self, filter: &'a TransactionFilter) -> Vec<&'a str> {
        let one = |value: &'a Option<String>| value.as_deref().into_iter().collect();
        match self {
            Self::Partner => one(&filter.partner_id),
            Self::Route => one(&filter.route),
            Self::Document => one(&filter.document_type),
            Self::Inbound if filter.direction == Some(Direction::Inbound) => vec![""],
            Self::Status if filter.deliveries => vec![DELIVERIES],
            Self::Status if !filter.statuses.is_empty() => vec![DELIVERIES, RECORDS],
            Self::Inbound | Self::Status => Vec::new(),
        }
    }
}

impl Outcome {
    /// What a header of outcomes lists for it: see [`header_keys`].
    fn keys(&self) -> impl Iterator<Item = u32> {
        let partner = self.partner_id.as_deref().map(|partner| key("partner", partner));
        let document = self.document_type.as_deref().map(|document| key("document", document));
        let inbound = (self.direction == Direction::Inbound).then(inbound);
        [Some(key("route", &self.route.uid)), partner, document, inbound].into_iter().flatten()
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
    #[serde(default)]
    direction: Direction,
}

#[derive(Debug, Deserialize)]
struct RouteFacts<'a> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
    kind: RouteKind,
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
    /// Which way they go.
    pub direction: Option<Direction>,
    /// Only deliveries, and no records of pipelines.
    pub deliveries: bool,
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
            route: RouteFacts { uid: Cow::Borrowed(&outcome.route.uid), kind: outcome.route.kind },
            direction: outcome.direction,
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
            && self.direction.is_none_or(|direction| facts.direction == direction)
            && !(self.deliveries && facts.route.kind == RouteKind::Pipeline)
            && self.from.is_none_or(|from| facts.logged_at >= from)
            && self.to.is_none_or(|to| facts.logged_at < to)
    }

    /// The index that has what is asked for, and the values of its fact; none if everything is asked for.
    #[must_use]
    pub fn index(&self) -> Option<(Fact, Vec<&str>)> {
        Fact::ALL.into_iter().map(|fact| (fact, fact.asked(self))).find(|(_, values)| !values.is_empty())
    }

    /// Whether plain outcomes can be among those that are asked for.
    #[must_use]
    pub fn takes_plain(&self) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&TransactionStatus::Delivered)
    }

    /// The keys that a header must list, all of them.
    #[must_use]
    pub fn keys(&self) -> Vec<u32> {
        let facts = [("route", &self.route), ("partner", &self.partner_id), ("document", &self.document_type)];
        let keys = facts.into_iter().filter_map(|(family, value)| Some(key(family, value.as_deref()?)));
        keys.chain((self.direction == Some(Direction::Inbound)).then(inbound)).collect()
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

/// The key of what was handed in.
fn inbound() -> u32 {
    key("direction", Direction::Inbound.as_str())
}
