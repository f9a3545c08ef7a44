//! Who a message is from, and for.

use std::mem;
use std::sync::Arc;

use sluice_as2::{Envelope, Fault, Headers, Identity as Keys, Limits, Received, Recipient, open};

use super::inbound::DocumentInbox;
use super::terms::{policy, signing_certificates};
use crate::deep;
use crate::domain::identity::Identity;
use crate::domain::partner::{Activity, Partner};
use crate::domain::scope::Scope;
use crate::engine::EngineError;
use crate::store::StoreError;

/// Both sides of an exchange.
pub(super) struct Parties {
    pub(super) identity: Arc<Identity>,
    pub(super) partner: Partner,
}

impl DocumentInbox {
    /// A message as its sender's: opened, or why not. Where several partners have its name, the signature tells whose it
    /// is. `None`: nobody has it.
    pub(super) async fn opened(
        &self,
        scope: &Scope,
        identity: &Arc<Identity>,
        (headers, mut body): (Headers, Vec<u8>),
        envelope: &Envelope,
    ) -> Result<Option<(Parties, Result<Received, Fault>)>, EngineError> {
        let senders = self.senders(scope, envelope, &identity.id).await?;
        let (last, mut first) = (senders.len().saturating_sub(1), None);
        for (place, partner) in senders.into_iter().enumerate() {
            let body = if place == last { mem::take(&mut body) } else { body.clone() };
            let parties = Parties { identity: Arc::clone(identity), partner };
            match self.opened_by(scope, &parties, (headers.clone(), body), envelope).await? {
                Ok(received) => return Ok(Some((parties, Ok(received)))),
                Err(fault) => first = first.or(Some((parties, Err(fault)))),
            }
        }
        Ok(first)
    }

    /// The partners of that name who exchange documents with this identity; if none names it, those who name none.
    async fn senders(&self, scope: &Scope, envelope: &Envelope, identity: &str) -> Result<Vec<Partner>, StoreError> {
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for id in self.parts.partners.by_as2_id(scope, envelope.from.as_str()).await? {
            let Some(partner) = self.parts.partners.get(scope, &id).await? else { continue };
            let as2 = partner.profile.as2.as_ref().filter(|as2| as2.as2_id == envelope.from.as_str());
            let Some(as2) = as2.filter(|_| partner.profile.status == Activity::Active) else { continue };
            match as2.identity.as_deref() {
                Some(named) if named == identity => own.push(partner),
                Some(_) => {}
                None => others.push(partner),
            }
        }
        Ok(if own.is_empty() { others } else { own })
    }

    async fn opened_by(
        &self,
        scope: &Scope,
        parties: &Parties,
        (headers, body): (Headers, Vec<u8>),
        envelope: &Envelope,
    ) -> Result<Result<Received, Fault>, EngineError> {
        if let Some(modifier) = envelope.receipt.as_ref().and_then(|receipt| receipt.unsupported) {
            return Ok(Err(Fault::new(modifier, "The message insists on a receipt that nothing here can make.")));
        }
        let _turn = self.turn().await;
        let keys: Vec<Keys> = self.keys(scope, &parties.identity)?;
        let pinned = signing_certificates(&parties.partner);
        let policy = parties.partner.profile.as2.as_ref().map(policy).unwrap_or_default();
        let limits = Limits { inflated_bytes: self.parts.max_bytes, ..Limits::default() };
        let opened = deep::run(move || {
            let ours: Vec<&Keys> = keys.iter().collect();
            open(&headers, body, &Recipient { ours: &ours, partner: &pinned, policy: &policy, limits })
        });
        opened.await.map_err(|error| StoreError::Unavailable(error.to_string()).into())
    }

    /// The keys that open messages for an identity.
    fn keys(&self, scope: &Scope, identity: &Identity) -> Result<Vec<Keys>, EngineError> {
        let now = self.parts.ports.now();
        let open = |key| self.parts.open_key(scope, key);
        let opened: Result<Vec<Keys>, _> = identity.decrypting(now).map(open).collect();
        opened.map_err(|error| StoreError::Malformed(error.to_string()).into())
    }
}
