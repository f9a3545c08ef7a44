//! Trading partners: their configuration, from registration to promotion.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod promote;
pub(crate) mod test;
pub(crate) mod update;

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use sluice::domain::partner::{
    self, Activity, Contact, MAX_PARTNERS, PartnerCertificate, PartnerStatus, Sla, Transport, WrittenAs2, WrittenSftp,
};
use sluice::domain::time::Millis;
use sluice::engine::partners::PartnerError;

use crate::http::problem::Problem;

/// A trading partner, its secrets masked.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Partner {
    /// The partner's unique id.
    #[schema(example = "example-ltd", pattern = "^[A-Za-z0-9_-]{1,64}$")]
    id: String,
    /// A name for people.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    transport: Transport,
    /// How it is reached by AS2.
    #[serde(skip_serializing_if = "Option::is_none")]
    as2: Option<WrittenAs2>,
    /// How it is reached by SFTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    sftp: Option<WrittenSftp>,
    /// Its certificates.
    certificates: Vec<PartnerCertificate>,
    /// Its numbers and names elsewhere.
    identifiers: BTreeMap<String, String>,
    /// People to talk to.
    contacts: Vec<Contact>,
    /// What was promised to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sla: Option<Sla>,
    /// Whether documents are exchanged with it.
    status: Activity,
    /// How it is doing; only where a single partner is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<PartnerStatus>,
    created_at: Millis,
    updated_at: Millis,
}

impl From<partner::Partner> for Partner {
    fn from(stored: partner::Partner) -> Self {
        let certificates = stored.profile.certificates.clone();
        let profile = stored.profile.masked(certificates);
        Self {
            id: stored.id,
            name: profile.name,
            transport: profile.transport,
            as2: profile.as2,
            sftp: profile.sftp,
            certificates: profile.certificates,
            identifiers: profile.identifiers,
            contacts: profile.contacts,
            sla: profile.sla,
            status: profile.status,
            live: None,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}

impl From<PartnerError> for Problem {
    fn from(error: PartnerError) -> Self {
        match error {
            PartnerError::NotFound => Self::not_found(),
            PartnerError::Exists => {
                let message = "A partner with this id already exists.";
                Self::new(StatusCode::CONFLICT, "partner_already_exists", message)
            }
            PartnerError::LimitReached => {
                let message = format!("There are {MAX_PARTNERS} partners already, which is the limit.");
                Self::bad_request("partner_limit_exceeded", message)
            }
            PartnerError::InUse(uses) => {
                let message = "The partner is in use; delete it with ?force=true.";
                Self::new(StatusCode::CONFLICT, "partner_in_use", message).detail(json!({ "used_by": uses }))
            }
            PartnerError::Refused(refusal) => Self::of_refusal("", refusal),
            PartnerError::Store(error) => error.into(),
            PartnerError::Engine(error) => error.into(),
        }
    }
}
