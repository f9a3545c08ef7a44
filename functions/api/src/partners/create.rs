//! `POST /v1/partners`: registers a trading partner.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use http::header::LOCATION;
use http::{HeaderName, StatusCode};
use serde::Deserialize;
use sluice::domain::partner::{
    Activity, Contact, GivenCertificate, Sla, Transport, WrittenAs2, WrittenProfile, WrittenSftp, is_partner_id,
};
use sluice::engine::partners::PartnerRegistry;

use super::Partner;
use crate::http::auth::{Needs, PartnersWrite};
use crate::http::body::JsonBody;
use crate::http::problem::{ErrorBody, Problem};

/// A partner to register. What its transport needs can follow later.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "example-ltd", "name": "Example Ltd", "transport": "as2",
    "as2": {"url": "https://as2.example.com/receive", "as2_id": "EXAMPLE-AS2", "sign": "sha256"},
    "identifiers": {"duns": "123456789"},
    "contacts": [{"name": "Ann Example", "email": "edi@example.com", "role": "EDI"}],
    "sla": {"deliver_within_seconds": 3600},
}))]
pub(crate) struct CreatePartner {
    /// 1 to 64 of `[A-Za-z0-9_-]`; generated if missing.
    #[schema(example = "example-ltd", pattern = "^[A-Za-z0-9_-]{1,64}$")]
    id: Option<String>,
    /// A name for people: 1 to 200 bytes.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    transport: Transport,
    as2: Option<WrittenAs2>,
    sftp: Option<WrittenSftp>,
    /// At most 20; several of one usage during a rollover.
    #[serde(default)]
    #[schema(max_items = 20)]
    certificates: Vec<GivenCertificate>,
    /// Its numbers and names elsewhere, such as a DUNS number: at most 50, with names of 1 to 64 of `[A-Za-z0-9_.-]` and
    /// values of 1 to 256 bytes.
    #[serde(default)]
    #[schema(example = json!({"duns": "123456789"}))]
    identifiers: BTreeMap<String, String>,
    /// At most 20.
    #[serde(default)]
    #[schema(max_items = 20)]
    contacts: Vec<Contact>,
    sla: Option<Sla>,
    #[serde(default)]
    status: Activity,
}

/// Register a trading partner
///
/// At most 1,000 in each environment. Certificates must not have expired; RSA keys have at least 2,048 bits.
#[utoipa::path(
    post, path = "/v1/partners", operation_id = "partners.create", tag = "partners",
    request_body = CreatePartner,
    responses(
        (status = 201, description = "The partner", body = Partner, headers(("Location" = String, description = "Its path"))),
        (status = 400, description = "`validation_failed`, `insecure_url`, `forbidden_address`, `partner_limit_exceeded`", body = ErrorBody),
        (status = 409, description = "`partner_already_exists`", body = ErrorBody),
    ),
    security(("oauth2" = ["partners:write"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn create(
    Needs { caller, .. }: Needs<PartnersWrite>,
    State(registry): State<PartnerRegistry>,
    JsonBody(request): JsonBody<CreatePartner>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Partner>), Problem> {
    let (id, profile) = request.split();
    if id.as_deref().is_some_and(|id| !is_partner_id(id)) {
        return Err(Problem::field("/id", "must be 1 to 64 of [A-Za-z0-9_-]"));
    }
    let partner = registry.create(&caller.scope, id, profile).await?;
    let location = format!("{}/v1/partners/{}", caller.scope.environment.path_prefix(), partner.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(partner.into())))
}

impl CreatePartner {
    fn split(self) -> (Option<String>, WrittenProfile) {
        let Self { id, name, transport, as2, sftp, certificates, identifiers, contacts, sla, status } = self;
        let profile = WrittenProfile { name, transport, as2, sftp, certificates, identifiers, contacts, sla, status };
        (id, profile)
    }
}
