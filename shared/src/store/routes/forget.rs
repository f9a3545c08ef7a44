//! Forgets a route: every record that hangs on it, in every family there is.

use super::Routes;
use crate::domain::partition::{GlobalPartition, RouteFamily};
use crate::domain::scope::Scope;
use crate::store::{Db, Key, StoreError};

impl Routes {
    /// Deletes everything that belongs to the route of that uid, once its own record is gone.
    ///
    /// # Errors
    /// [`StoreError`]; then it may be called again.
    pub async fn forget_route(&self, scope: &Scope, uid: &str) -> Result<(), StoreError> {
        let db = &self.catalogue.db;
        for global in GlobalPartition::ALL.iter().filter(|global| global.is_of_routes()) {
            db.delete(&db.tables.config, &Key::global(*global, &scope.sort_key(uid))).await?;
        }
        for family in RouteFamily::ALL {
            db.clear(table(db, *family), &scope.route_partition(*family, uid)).await?;
        }
        Ok(())
    }
}

/// Which table holds a family.
fn table(db: &Db, family: RouteFamily) -> &str {
    match family {
        RouteFamily::Export => &db.tables.config,
        RouteFamily::Journal
        | RouteFamily::Rejected
        | RouteFamily::RejectedEvents
        | RouteFamily::Dead
        | RouteFamily::DeadEvents
        | RouteFamily::Parked
        | RouteFamily::Ordered
        | RouteFamily::Health
        | RouteFamily::RateLimiter
        | RouteFamily::Scheduled => &db.tables.activity,
    }
}
