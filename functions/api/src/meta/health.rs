//! `GET /healthz`: whether this process answers.

use axum::Json;
use serde::Serialize;

/// The health of the service.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    status: &'static str,
    /// Sluice's version.
    version: &'static str,
}

/// Check the service's health
#[utoipa::path(
    get, path = "/healthz", operation_id = "meta.health", tag = "meta",
    responses((status = 200, description = "The service is up", body = Health)),
)]
pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}
