//! Operational events: Sluice's own, about its work, published like any other to the routes that name them.
//!
//! An id follows from the subject, so that a repetition finds the first one. A failure to deliver one of these events
//! makes no further one, and no route is told about itself: it could not take it.

use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::publish::{NewEvent, Publisher};
use crate::domain::activity::{Activity, Failure, StopCause};
use crate::domain::event::is_operational;
use crate::domain::route::Route;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::domain::transaction::TransactionId;
use crate::store::routes::{Routes, Snapshot};
use crate::store::undelivered::{UndeliveredEvent, UndeliveredKind};

/// Publishes operational events.
#[derive(Clone)]
pub(crate) struct Announcer {
    pub(crate) publisher: Publisher,
    pub(crate) routes: Routes,
}

/// An operational event in the making.
struct Announcement {
    name: &'static str,
    /// The fact that it is about: announced once.
    subject: String,
    partner_id: Option<String>,
    payload: Value,
}

impl Announcer {
    /// An event that is given up.
    pub(super) async fn given_up(
        &self,
        scope: &Scope,
        (fate, letter): (UndeliveredKind, &UndeliveredEvent),
        failure: &Failure,
    ) {
        if is_operational(&letter.event.name) {
            return;
        }
        let Ok(snapshot) = self.routes.snapshot(scope).await else { return };
        let Some(compiled) = snapshot.by_uid(&letter.route) else { return };
        let (names, status): (&[&'static str], _) = match fate {
            UndeliveredKind::Rejected => (&["transaction.rejected"], "rejected"),
            UndeliveredKind::DeadLetter => (&["transaction.failed", "dead_letter.added"], "dead"),
        };
        let event = &letter.event;
        let id = TransactionId::of(event, &letter.route);
        let message = format!(
            "Event {} {} was not delivered to {}: {}.",
            event.id,
            event.name,
            failure.target,
            failure.reason.trim_end_matches('.')
        );
        for name in names.iter().filter(|name| another_asks(&snapshot, &letter.route, name)) {
            let mut payload = about(&compiled.route);
            payload.extend([
                ("transaction_id".to_owned(), json!(id.to_string())),
                ("status".to_owned(), json!(status)),
                ("event_id".to_owned(), json!(event.id)),
                ("event_name".to_owned(), json!(event.name)),
                ("document_type".to_owned(), json!(event.document_type)),
                ("partner_id".to_owned(), json!(event.partner_id)),
                ("attempts".to_owned(), json!(letter.attempts)),
                ("code".to_owned(), json!(letter.status)),
                ("error".to_owned(), json!(failure.reason)),
                ("message".to_owned(), json!(message)),
            ]);
            let subject = format!("{id}#{}", letter.attempts);
            let partner_id = event.partner_id.clone();
            self.publish(scope, Announcement { name, subject, partner_id, payload: payload.into() }).await;
        }
    }

    /// A change of a route's state: it was suspended or stopped.
    pub(super) async fn changed(&self, scope: &Scope, route: &Route, activity: &Activity) {
        let (name, reason) = match activity {
            Activity::Suspended { reason, .. } => {
                ("integration.suspended", format!("Its target failed too often in a row: {reason}."))
            }
            Activity::Stopped { cause: StopCause::TargetGone } => {
                ("integration.stopped", "Its target responded that it is gone.".to_owned())
            }
            Activity::Stopped { cause: StopCause::TargetUnreachable } => {
                ("integration.stopped", "Its target did not respond for five days.".to_owned())
            }
            Activity::Stopped { cause: StopCause::WindowOver } => {
                ("integration.stopped", "It reached its end date.".to_owned())
            }
            Activity::Stopped { cause: StopCause::Request } => {
                ("integration.stopped", "It was stopped via API.".to_owned())
            }
            _ => return,
        };
        if !self.is_asked_for(scope, route, name).await {
            return;
        }
        let mut payload = about(route);
        let message =
            format!("{} {} {}. {reason}", route.face.kind().as_str(), route.id, &name["integration.".len()..]);
        payload.extend([("reason".to_owned(), json!(reason)), ("message".to_owned(), json!(message))]);
        let subject = format!("{}#{}", route.uid, route.revision);
        let partner_id = route.partner_id.clone();
        self.publish(scope, Announcement { name, subject, partner_id, payload: payload.into() }).await;
    }

    /// A delivery that did not arrive in the time that was promised.
    pub(super) async fn late(
        &self,
        scope: &Scope,
        route: &Route,
        id: &TransactionId,
        (within, until): (Duration, Millis),
    ) {
        let name = "sla.violated";
        if !self.is_asked_for(scope, route, name).await {
            return;
        }
        let mut payload = about(route);
        let message = format!("Event {} was not delivered within {} s.", id.event, within.as_secs());
        payload.extend([
            ("transaction_id".to_owned(), json!(id.to_string())),
            ("event_id".to_owned(), json!(id.event)),
            ("deliver_within_seconds".to_owned(), json!(within.as_secs())),
            ("due_at".to_owned(), json!(until)),
            ("message".to_owned(), json!(message)),
        ]);
        let (subject, partner_id) = (id.to_string(), route.partner_id.clone());
        let announcement = Announcement { name, subject, partner_id, payload: payload.into() };
        self.publish(scope, announcement).await;
    }

    /// Whether a route other than the one it is about asks for an event of that name.
    async fn is_asked_for(&self, scope: &Scope, about: &Route, name: &str) -> bool {
        match self.routes.snapshot(scope).await {
            Ok(snapshot) => another_asks(&snapshot, &about.uid, name),
            // One that is not needed does less harm than one that is missing.
            Err(_) => true,
        }
    }

    /// Publishes an event. It only informs: an error ends in the process's log.
    async fn publish(&self, scope: &Scope, announcement: Announcement) {
        let Announcement { name, subject, partner_id, payload } = announcement;
        let digest = Sha256::new().chain_update(name).chain_update([0]).chain_update(&subject).finalize();
        let id = format!("op_{}", hex::encode(&digest[..16]));
        let Ok(payload) = RawValue::from_string(payload.to_string()) else { return };
        let event = NewEvent {
            id: Some(id),
            name: name.to_owned(),
            payload,
            published_at: None,
            partner_id,
            document_type: None,
            ordering_key: None,
        };
        if let Err(error) = self.publisher.publish(scope, vec![event]).await {
            tracing::error!(%scope, name, %error, "an operational event could not be published");
        }
    }
}

/// Whether a route other than `about` asks for an event of that name.
fn another_asks(snapshot: &Snapshot, about: &str, name: &str) -> bool {
    snapshot.entries.iter().any(|compiled| compiled.route.uid != about && compiled.filter.matches_name(name))
}

/// A route as its user knows it.
fn about(route: &Route) -> Map<String, Value> {
    let route = json!({"type": route.face.kind().as_str(), "id": route.id});
    Map::from_iter([("route".to_owned(), route)])
}
