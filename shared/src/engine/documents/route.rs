//! The route of a partner's documents: made with the first one.

use serde_json::json;

use super::DocumentError;
use crate::domain::destination::Destination;
use crate::domain::document::QUEUED;
use crate::domain::face::{Face, FaceKind};
use crate::domain::filter::FilterConditions;
use crate::domain::route::{Draft, RetryKind, Route, RouteKey, RouteStatus, Way};
use crate::domain::scope::Scope;
use crate::engine::lifecycle::{Lifecycle, LifecycleError};
use crate::outbound::{Kind as _, PartnerKind};
use crate::store::StoreError;
use crate::store::routes::CreateError;

/// The partner's route, which runs from now on if it did not.
pub(super) async fn ensure(lifecycle: &Lifecycle, scope: &Scope, partner: &str) -> Result<Route, DocumentError> {
    let key = RouteKey::new(FaceKind::Documents, partner);
    let routes = &lifecycle.transitions.routes;
    let snapshot = routes.snapshot(scope).await?;
    let known = match snapshot.entry(key.face.as_str(), partner) {
        Some(compiled) => Some(compiled.route.clone()),
        None => match lifecycle.create(scope, draft(partner)).await {
            Ok(route) => return Ok(route),
            // Another request made it.
            Err(LifecycleError::Create(CreateError::Exists)) => routes.get(scope, &key).await?,
            Err(error) => return Err(error.into()),
        },
    };
    let route = known.ok_or(StoreError::Conflict)?;
    let starts = match route.status() {
        // It was given up after days of silence: who hands in a document wants it sent.
        RouteStatus::Stopped => true,
        // Whoever started it may have died before it saw to what waits.
        RouteStatus::Running => !route.state.backlog().is_empty(),
        RouteStatus::Suspended => false,
    };
    if starts {
        return Ok(lifecycle.start(scope, &route.key()).await?.ok_or(StoreError::Conflict)?);
    }
    // Whoever made it may not have come so far: what is logged before its first live moment, it does not get.
    lifecycle.until_live(&route).await;
    Ok(route)
}

fn draft(partner: &str) -> Draft {
    Draft {
        face: Face::Documents,
        id: partner.to_owned(),
        filter: FilterConditions { event_filter: vec![QUEUED.to_owned()], ..FilterConditions::default() },
        partner_id: Some(partner.to_owned()),
        destination: Destination { kind: PartnerKind::NAME.to_owned(), parameters: json!({ "partner": partner }) },
        way: Way::Live,
        // A partner's server may be down for hours.
        retry: RetryKind::Webhook,
        deliver_within_seconds: None,
        starts_at: None,
        ends_at: None,
    }
}
