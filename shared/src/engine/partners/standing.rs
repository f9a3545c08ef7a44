//! How a partner is doing: its routes, and what became of its deliveries.

use std::cmp::Reverse;

use futures::future::try_join_all;

use super::{PartnerError, PartnerRegistry};
use crate::domain::face::FaceKind;
use crate::domain::partner::{Arrivals, Deliveries, Partner, PartnerStatus};
use crate::domain::route::{Route, RouteStatus};
use crate::domain::scope::Scope;
use crate::domain::transaction::{Outcome, TransactionFilter, TransactionStatus};
use crate::store::StoreError;

/// Transactions that are looked at, at most.
const LOOK_BACK: usize = 500;

impl PartnerRegistry {
    /// How a partner is doing.
    ///
    /// # Errors
    /// [`PartnerError`].
    pub async fn status(&self, scope: &Scope, partner: &Partner) -> Result<PartnerStatus, PartnerError> {
        let routes = self.routes_of(scope, &partner.id).await?;
        let success = self.deliveries(scope, &routes, &[TransactionStatus::Delivered], 1).await?.into_iter().next();
        let last_success_at = success.map(|outcome| outcome.at);
        let failing = [TransactionStatus::Failed, TransactionStatus::Dead];
        let failures = self.deliveries(scope, &routes, &failing, LOOK_BACK).await?;
        let since =
            failures.iter().map(|failure| failure.at).filter(|at| last_success_at.is_none_or(|last| *at > last));
        let waiting = |outcome: &&Outcome| outcome.status == TransactionStatus::Failed;
        let deliveries = Deliveries {
            last_success_at,
            failing_since: since.min(),
            backlog: failures.iter().filter(waiting).count(),
            suspended: routes.iter().filter(|route| route.status() == RouteStatus::Suspended).map(name).collect(),
        };
        let looks = self.pickups.due(scope, &partner.uid).await?;
        let arrivals = Arrivals {
            last_look: looks.and_then(|due| due.last),
            last_refusal: self.documents.last_refusal(scope, &partner.uid).await?,
        };
        Ok(PartnerStatus::of(partner, deliveries, arrivals, self.vault.ports().now()))
    }

    /// The newest deliveries to a partner, by its routes. Its id alone would not do: it also stands in what comes from the
    /// partner, and in what others are told of it.
    async fn deliveries(
        &self,
        scope: &Scope,
        routes: &[Route],
        statuses: &[TransactionStatus],
        limit: usize,
    ) -> Result<Vec<Outcome>, StoreError> {
        let pages = routes.iter().map(|route| async move {
            let (statuses, route) = (statuses.to_vec(), Some(route.uid.clone()));
            let filter = TransactionFilter { statuses, route, ..TransactionFilter::default() };
            Ok::<_, StoreError>(self.transactions.page(scope, &filter, None, limit).await?.0)
        });
        let mut newest = try_join_all(pages).await?.concat();
        newest.sort_by_key(|outcome| Reverse(outcome.logged_at));
        newest.truncate(limit);
        Ok(newest)
    }

    /// The routes that are a partner's.
    async fn routes_of(&self, scope: &Scope, partner: &str) -> Result<Vec<Route>, StoreError> {
        let routes = self.lifecycle.transitions.routes.list(scope).await?;
        Ok(routes.into_iter().filter(|route| route.partner_id.as_deref() == Some(partner)).collect())
    }

    /// What needs a partner: its routes, and deliveries to it that have not arrived.
    pub(super) async fn uses(&self, scope: &Scope, partner: &Partner) -> Result<Vec<String>, StoreError> {
        // The route of its documents makes itself.
        let routes = self.routes_of(scope, &partner.id).await?;
        let others = routes.iter().filter(|route| route.face.kind() != FaceKind::Documents);
        let mut uses: Vec<String> = others.map(name).collect();
        let waiting = [TransactionStatus::Failed, TransactionStatus::Queued, TransactionStatus::Delivering];
        let waiting = self.deliveries(scope, &routes, &waiting, 1).await?;
        uses.extend(waiting.iter().map(|outcome| outcome.id().to_string()));
        Ok(uses)
    }

    /// Deletes a partner's callbacks and the route of its documents: nothing else is sent there.
    pub(super) async fn delete_callbacks(&self, scope: &Scope, partner: &str) -> Result<(), PartnerError> {
        for route in self.routes_of(scope, partner).await? {
            if matches!(route.face.kind(), FaceKind::Callback | FaceKind::Documents) {
                self.lifecycle.delete(scope, &route.key()).await?;
            }
        }
        Ok(())
    }
}

/// A route as its user knows it.
fn name(route: &Route) -> String {
    format!("{} {}", route.face.kind().as_str(), route.id)
}
