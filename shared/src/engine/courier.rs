//! Sends one event to a route's target: the face writes the body, the destination sends it.

use std::sync::Arc;

use super::EngineError;
use crate::domain::attempt::Attempt;
use crate::domain::event::Event;
use crate::domain::face::Letterhead;
use crate::domain::route::Route;
use crate::domain::scope::Scope;
use crate::outbound::{Destinations, Parcel, Target};
use crate::ports::Ports;

/// Sends events.
#[derive(Clone)]
pub struct Courier {
    destinations: Destinations,
    ports: Ports,
}

impl Courier {
    /// A courier to these destinations.
    #[must_use]
    pub fn new(destinations: Destinations, ports: Ports) -> Self {
        Self { destinations, ports }
    }

    /// A route's target, with its secrets opened.
    ///
    /// # Errors
    /// [`EngineError`] if a stored parameter cannot be used.
    pub fn target(&self, scope: &Scope, route: &Route) -> Result<Arc<dyn Target>, EngineError> {
        Ok(self.destinations.prepare(scope, &route.uid, route.revision, &route.destination)?)
    }

    /// Sends one event now; `replay` marks it as one that its user asked for again.
    pub async fn send(
        &self,
        target: &dyn Target,
        scope: &Scope,
        route: &Route,
        event: &Event,
        replay: bool,
    ) -> Attempt {
        let mut body = Vec::with_capacity(event.payload.get().len() + event.name.len() + 128);
        route.face.write_body(&Letterhead { tenant: &scope.tenant, route: &route.id }, event, &mut body);
        let (id, content_type, sent_at) = (&event.id, "application/json", self.ports.now());
        target.send(Parcel { id, content_type, body: body.into(), sent_at, replay }).await
    }
}
