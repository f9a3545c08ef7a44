//! Requests and ids that an earlier publish had, which may have died at any point: what it has logged counts, and is sent
//! on its way; what it has not, it logs no more.
//!
//! The ids of a request's events follow from the place that its key claimed, so a repetition under the key finds each of
//! them. A request's key is claimed by one record, whatever the number of its events.

use std::collections::HashSet;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::EngineError;
use super::commit::{Committer, PARALLEL_CLAIMS};
use super::messages::DispatchMessage;
use super::submission::{NewEvent, Waiting};
use crate::domain::ids::ChunkId;
use crate::domain::scope::Scope;
use crate::queue::{Outgoing, Queue};
use crate::store::requests::{Place, RequestClaim, RequestKey};

/// What an earlier attempt has left of a request.
#[derive(Clone, Debug)]
pub(super) enum Earlier {
    /// Nothing.
    Nothing,
    /// Its events begin at that place; these ids are in the log.
    Logged(Place, HashSet<String>),
    /// It was another request.
    Other,
}

/// One event of a request, given what an earlier attempt has left.
pub(super) enum Standing {
    /// It is in the log, under this id.
    Logged(String),
    /// It is to be logged, unless its id says otherwise.
    New(NewEvent),
    /// Its request is refused.
    Refused,
}

impl Earlier {
    /// The standing of the request's `n`th event.
    pub(super) fn of(&self, n: usize, event: NewEvent) -> Standing {
        match self {
            Self::Other => Standing::Refused,
            Self::Logged(place, ids) if event.id.is_none() => {
                let id = place.event_id(n);
                // What the earlier attempt did not come to keeps its id, like one that its publisher gave.
                if ids.contains(&id) { Standing::Logged(id) } else { Standing::New(NewEvent { id: Some(id), ..event }) }
            }
            Self::Nothing | Self::Logged(..) => Standing::New(event),
        }
    }
}

impl Committer {
    /// Claims the keys of a group's requests for the publish that begins with `first`; gives what earlier attempts have
    /// left of each.
    pub(super) async fn earlier_attempts(
        &self,
        scope: &Scope,
        first: ChunkId,
        group: &[Waiting],
    ) -> Result<Vec<Earlier>, EngineError> {
        let mut before = 0;
        let places = group.iter().map(|waiting| {
            let place = Place { chunk: first, before };
            before += waiting.events.len();
            (waiting, place)
        });
        let earlier = places.map(|(waiting, place)| async move {
            match &waiting.request {
                Some(request) => self.earlier(scope, request, place, &waiting.events).await,
                None => Ok(Earlier::Nothing),
            }
        });
        let earlier: Vec<_> = earlier.collect();
        stream::iter(earlier).buffered(PARALLEL_CLAIMS).try_collect().await
    }

    async fn earlier(
        &self,
        scope: &Scope,
        request: &RequestKey,
        place: Place,
        events: &[NewEvent],
    ) -> Result<Earlier, EngineError> {
        let mut from = None;
        loop {
            let held = match self.requests.claim(scope, request, place, from).await? {
                RequestClaim::Granted => return Ok(Earlier::Nothing),
                RequestClaim::Reused => return Ok(Earlier::Other),
                RequestClaim::Held(held) => held,
            };
            // Events with ids of their own are found by those.
            let without = events.iter().enumerate().filter(|(_, event)| event.id.is_none());
            let wanted: Vec<String> = without.map(|(n, _)| held.event_id(n)).collect();
            if wanted.is_empty() {
                return Ok(Earlier::Logged(held, HashSet::new()));
            }
            let logged = self.ended(scope, held.chunk, |logged| wanted.iter().all(|id| logged.contains(id))).await?;
            if wanted.iter().any(|id| logged.contains(id)) {
                return Ok(Earlier::Logged(held, logged));
            }
            from = Some(held.chunk);
        }
    }

    /// The ids of what a publish has logged that was not answered; it is sent on its way. If that is not `all`, the publish
    /// logs no more: its next chunk finds a fence in its place.
    pub(super) async fn ended(
        &self,
        scope: &Scope,
        first: ChunkId,
        all: impl Fn(&HashSet<String>) -> bool,
    ) -> Result<HashSet<String>, EngineError> {
        loop {
            let chunks = self.log.publish_of(scope, first).await?;
            let fenced = chunks.last().is_some_and(|(_, events)| events.is_empty());
            let ids: HashSet<String> = chunks.iter().flat_map(|(_, events)| events).map(|e| e.id.clone()).collect();
            if !fenced && !all(&ids) {
                let next = u8::try_from(chunks.len()).unwrap_or(u8::MAX);
                self.log.fence(scope, first.nth(next)).await?;
                continue;
            }
            if !ids.is_empty() && !self.claims.is_settled(scope, first).await? {
                let message = |(id, _)| DispatchMessage::logged(scope, id);
                let chunks = chunks.into_iter().filter(|(_, events)| !events.is_empty());
                let messages: Result<Vec<Outgoing>, _> = chunks.map(message).collect();
                self.queues.send(Queue::Dispatch, messages?).await?;
                self.claims.settle(scope, first).await?;
            }
            return Ok(ids);
        }
    }
}
