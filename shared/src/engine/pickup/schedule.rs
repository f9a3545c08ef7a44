//! When servers are looked at.

use std::borrow::Cow;

use super::{Pickup, PickupReport};
use crate::deadline::Deadline;
use crate::domain::partner::{Activity, Inbound, LastLook, Partner};
use crate::domain::scope::Scope;
use crate::domain::time::Millis;
use crate::engine::EngineError;
use crate::engine::messages::SyncMessage;
use crate::engine::tick::{AHEAD, NEVER};
use crate::queue::{Outgoing, Queue, Queues};
use crate::store::StoreError;
use crate::store::partners::Partners;
use crate::store::pickups::{PickupDue, Pickups};

/// Failures of a look that are shown.
const MAX_SHOWN: usize = 5;

/// What is looked at, if anything is.
pub(super) fn inbound(partner: &Partner) -> Option<&Inbound> {
    let active = partner.profile.status == Activity::Active;
    partner.profile.sftp.as_ref().filter(|_| active)?.inbound.as_ref()
}

/// Sets when the server of a partner is looked at that is about to be written, so that a crash leaves none that never is.
/// A time of a partner that is not there is forgotten when it comes.
///
/// # Errors
/// [`StoreError`].
pub async fn arm(pickups: &Pickups, scope: &Scope, partner: &Partner, now: Millis) -> Result<(), StoreError> {
    if inbound(partner).is_some() { set(pickups, scope, partner, now).await } else { Ok(()) }
}

/// Sets when a partner's server is looked at, by its record. Who has written the record does so, and who has looked; each
/// until the record is still the one that it went by: of several at once, the last goes by what is there.
///
/// # Errors
/// [`StoreError`].
pub async fn settle(
    (partners, pickups): (&Partners, &Pickups),
    (scope, id, uid): (&Scope, &str, &str),
    now: Millis,
) -> Result<(), StoreError> {
    let mut partner = current(partners, scope, (id, uid)).await?;
    loop {
        match &partner {
            Some(partner) => set(pickups, scope, partner, now).await?,
            None => pickups.forget(scope, uid).await?,
        }
        let revision = |partner: &Option<Partner>| partner.as_ref().map(|partner| partner.revision);
        let after = current(partners, scope, (id, uid)).await?;
        if revision(&after) == revision(&partner) {
            return Ok(());
        }
        partner = after;
    }
}

/// A partner that is still the one of that uid.
async fn current(partners: &Partners, scope: &Scope, (id, uid): (&str, &str)) -> Result<Option<Partner>, StoreError> {
    Ok(partners.get(scope, id).await?.filter(|partner| partner.uid == uid))
}

/// A server that is looked at already keeps its time, unless that is too far away now.
async fn set(pickups: &Pickups, scope: &Scope, partner: &Partner, now: Millis) -> Result<(), StoreError> {
    let due = pickups.due(scope, &partner.uid).await?;
    let known = due.as_ref().map(|due| due.next);
    let next = match inbound(partner) {
        Some(inbound) => known.unwrap_or(now).min(inbound.next_look(now, false)),
        None if known.is_none() => return Ok(()),
        None => NEVER,
    };
    if known == Some(next) {
        return Ok(());
    }
    let last = due.and_then(|due| due.last);
    let (partner, uid) = (partner.id.clone(), partner.uid.clone());
    pickups.set_due(&PickupDue { scope: scope.clone(), partner, uid, next, last }).await
}

impl Pickup {
    /// Has the servers looked at that are due before the next tick.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn tick(&self, queues: &Queues, now: Millis) -> Result<(), EngineError> {
        let dues = self.pickups.dues().await?.into_iter().filter(|due| due.next <= now.plus(AHEAD));
        let messages = dues.map(|due| {
            let PickupDue { scope, uid, next: at, .. } = due;
            Outgoing::json(&SyncMessage::Pickup { scope, uid, at }, at.since(now))
        });
        let messages: Result<Vec<Outgoing>, _> = messages.collect();
        Ok(queues.send(Queue::Sync, messages?).await?)
    }

    /// Looks at a server that is due, and says when that is done again. `None`: it is no longer due, or another worker
    /// looks.
    ///
    /// # Errors
    /// [`EngineError`]; the next tick asks for it again.
    pub async fn fire(
        &self,
        scope: &Scope,
        uid: &str,
        at: Millis,
        deadline: Deadline,
    ) -> Result<Option<PickupReport>, EngineError> {
        let asked = self.pickups.due(scope, uid).await?.filter(|due| due.next == at);
        let Some(asked) = asked else { return Ok(None) };
        let report = match current(&self.partners, scope, (&asked.partner, uid)).await? {
            Some(partner) => self.look(&asked, &partner, deadline).await?,
            None => None,
        };
        let stores = (&self.partners, &self.pickups);
        settle(stores, (scope, &asked.partner, uid), self.vault.ports().now()).await?;
        Ok(report)
    }

    async fn look(
        &self,
        asked: &PickupDue,
        partner: &Partner,
        deadline: Deadline,
    ) -> Result<Option<PickupReport>, EngineError> {
        let Some(inbound) = inbound(partner) else { return Ok(None) };
        let scope = &asked.scope;
        let Some(report) = self.run(scope, partner, deadline).await? else { return Ok(None) };
        for (file, reason) in &report.failures {
            let what = if file.is_some() { "a file" } else { "the server" };
            tracing::warn!(%scope, partner = partner.id, what, %reason, "a partner's server was not read");
        }
        let now = self.vault.ports().now();
        let next = inbound.next_look(now, report.waiting > 0);
        self.pickups.set_due(&PickupDue { next, last: Some(report.last_look(now)), ..asked.clone() }).await?;
        Ok(Some(report))
    }
}

impl PickupReport {
    /// What is shown of it.
    fn last_look(&self, at: Millis) -> LastLook {
        let word = |(file, reason): &(Option<String>, Cow<'static, str>)| match file {
            Some(file) => format!("{file}: {reason}"),
            None => reason.to_string(),
        };
        LastLook { at, fetched: self.new, errors: self.failures.iter().take(MAX_SHOWN).map(word).collect() }
    }
}
