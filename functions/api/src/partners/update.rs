//! `PATCH /v1/partners/{id}`: changes a trading partner by a JSON merge patch.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sluice::domain::partner::{Activity, Contact, GivenCertificate, Sla, Transport};
use sluice::engine::partners::PartnerRegistry;

use super::Partner;
use crate::http::auth::{Needs, PartnersWrite};
use crate::http::body::{JsonBody, present};
use crate::http::problem::{ErrorBody, Problem};
use crate::http::query::PathParams;

/// The fields to change, as a JSON merge patch (RFC 7396): objects are merged, lists are replaced, `null` removes.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"as2": {"subject": "Invoices", "basic_auth": null}, "status": "inactive"}))]
pub(crate) struct UpdatePartner {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transport: Option<Transport>,
    /// A merge patch of `as2`; a mask keeps the secret.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    as2: Option<Option<Map<String, Value>>>,
    /// A merge patch of `sftp`; a mask keeps the secret.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    sftp: Option<Option<Map<String, Value>>>,
    /// Replaces all certificates. Those that stay may have expired.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<GivenCertificate>>, max_items = 20)]
    certificates: Option<Option<Vec<GivenCertificate>>>,
    /// A merge patch of `identifiers`, whose values are text or `null`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    identifiers: Option<Option<BTreeMap<String, Option<String>>>>,
    /// Replaces all contacts.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Contact>>, max_items = 20)]
    contacts: Option<Option<Vec<Contact>>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Sla>)]
    sla: Option<Option<Sla>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<Activity>,
}

/// Change a trading partner
///
/// What is missing stays as it is. Its id cannot be changed.
#[utoipa::path(
    patch, path = "/v1/partners/{id}", operation_id = "partners.update", tag = "partners",
    params(("id" = String, Path, description = "The partner")),
    request_body = UpdatePartner,
    responses(
        (status = 200, description = "The partner", body = Partner),
        (status = 400, description = "`validation_failed`, `insecure_url`, `forbidden_address`", body = ErrorBody),
        (status = 404, description = "There is no such partner", body = ErrorBody),
        (status = 409, description = "`conflict`: it was changed at the same time", body = ErrorBody),
    ),
    security(("oauth2" = ["partners:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn update(
    Needs { caller, .. }: Needs<PartnersWrite>,
    State(registry): State<PartnerRegistry>,
    PathParams(id): PathParams<String>,
    JsonBody(request): JsonBody<UpdatePartner>,
) -> Result<Json<Partner>, Problem> {
    let patch = serde_json::to_value(request).map_err(|error| Problem::internal(&error))?;
    Ok(Json(registry.update(&caller.scope, &id, patch).await?.into()))
}
