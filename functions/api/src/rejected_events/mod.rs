//! Events that a target answered with 400: kept, shown, sent again or deleted.

pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod retry;

use sluice::domain::route::Route;
use sluice::domain::scope::Scope;
use sluice::store::routes::Routes;
use sluice::store::undelivered::{UndeliveredEvent, UndeliveredEvents, UndeliveredKind};

use crate::http::problem::Problem;
use crate::integrations;

/// The path of one rejected event.
pub(crate) type Place = (String, String);

/// A rejected event and the route it was for.
pub(crate) async fn find(
    routes: &Routes,
    letters: &UndeliveredEvents,
    scope: &Scope,
    (id, event_id): &Place,
) -> Result<(Route, UndeliveredEvent), Problem> {
    let route = integrations::find(routes, scope, id).await?;
    let letter = letters.of_event(scope, UndeliveredKind::Rejected, &route.uid, event_id).await?;
    letter.map(|letter| (route, letter)).ok_or_else(Problem::not_found)
}
