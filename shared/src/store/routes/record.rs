//! A route as a record of the catalogue.

use std::sync::Arc;

use crate::domain::destination::Destination;
use crate::domain::expression::Facts;
use crate::domain::face::Face;
use crate::domain::filter::Filter;
use crate::domain::partition::ScopeFamily;
use crate::domain::route::Route;
use crate::store::catalogue::{Record, Sealer};
use crate::store::{Item, StoreError};

/// A route and its compiled filter.
#[derive(Debug)]
pub struct Compiled {
    /// The route.
    pub route: Route,
    /// Its filter, compiled.
    pub filter: Arc<Filter>,
}

impl Compiled {
    /// Whether the route asks for an event.
    #[must_use]
    pub fn asks_for(&self, facts: &Facts<'_>) -> bool {
        let concerns = |partner: &String| facts.event().partner_id.as_ref() == Some(partner);
        self.route.partner_id.as_ref().is_none_or(concerns) && self.filter.matches(facts)
    }

    /// Whether the route asks for every event of this name, or for none; `None` where a name does not say that.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<bool> {
        self.filter.by_name(name).filter(|asked| !asked || self.route.partner_id.is_none())
    }
}

const DESTINATION: &str = "destination";
/// The attribute of the face: a subscription's may hold a secret.
const FACE: &str = "face";

impl Record for Route {
    type Compiled = Compiled;

    const FAMILY: ScopeFamily<'static> = ScopeFamily::Routes;

    fn kind(&self) -> &'static str {
        self.face.kind().as_str()
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn uid(&self) -> Option<&str> {
        Some(&self.uid)
    }

    fn revision_mut(&mut self) -> &mut u64 {
        &mut self.revision
    }

    /// Most writes leave the filter as it was, and compiling one takes a millisecond.
    fn compile(self, known: Option<&Compiled>) -> Option<Compiled> {
        if let Some(known) = known.filter(|known| known.route.filter == self.filter) {
            return Some(Compiled { filter: Arc::clone(&known.filter), route: self });
        }
        let filter = self.filter.compile();
        if let Some(error) = filter.refusal() {
            tracing::error!(route = self.uid, %error, "a stored payload filter does not compile: it matches nothing");
        }
        Some(Compiled { filter: Arc::new(filter), route: self })
    }

    /// The destination is sealed whole: URLs and headers hold secrets of their own.
    fn seal(&self, item: &mut Item, sealer: &Sealer<'_>) -> Result<(), StoreError> {
        sealer.seal(item, FACE, &self.face)?;
        sealer.seal(item, DESTINATION, &self.destination)
    }

    fn unseal(item: &mut Item, sealer: &Sealer<'_>) -> Result<(), StoreError> {
        sealer.unseal::<Face>(item, FACE)?;
        sealer.unseal::<Destination>(item, DESTINATION)
    }
}
