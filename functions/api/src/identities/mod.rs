//! Identities: who the tenant is to trading partners.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod rotate;
pub(crate) mod update;

use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use sluice::domain::certificate::Certificate;
use sluice::domain::identity::{self, KeyState, MAX_IDENTITIES, MAX_KEYS};
use sluice::domain::time::Millis;
use sluice::engine::identities::IdentityError;

use crate::http::problem::Problem;

/// Who the tenant is to trading partners. Private keys are never shown.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Identity {
    /// Partners' profiles name it by this.
    #[schema(example = "main", pattern = "^[A-Za-z0-9_-]{1,64}$")]
    id: String,
    /// A name for people.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// The AS2 name: partners send to it, and messages come from it.
    #[schema(example = "OUR-AS2", min_length = 1, max_length = 128)]
    as2_id: String,
    /// The certificate that signs now, as PEM.
    certificate: Option<String>,
    /// The SHA-256 of that certificate in hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    fingerprint: Option<String>,
    /// The last second in which it is valid.
    not_after: Option<Millis>,
    /// All certificates: the one that signs, those before it, and the next one.
    certificates: Vec<IdentityCertificate>,
    created_at: Millis,
    updated_at: Millis,
}

/// A certificate of ours.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct IdentityCertificate {
    state: KeyState,
    /// From when on its key signs.
    signs_from: Millis,
    #[serde(flatten)]
    certificate: Certificate,
}

impl Identity {
    /// As it is now.
    fn shown(stored: identity::Identity, now: Millis) -> Self {
        let signing = stored.signing(now).map(|key| &key.certificate);
        let shown = |(key, state): (&identity::IdentityKey, KeyState)| IdentityCertificate {
            state,
            signs_from: key.signs_from,
            certificate: key.certificate.clone(),
        };
        Self {
            certificate: signing.map(|one| one.pem.clone()),
            fingerprint: signing.map(|one| one.fingerprint.clone()),
            not_after: signing.map(|one| one.not_after),
            certificates: stored.states(now).map(shown).collect(),
            id: stored.id,
            name: stored.name,
            as2_id: stored.as2_id,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        let conflict = |code, message: &str| Self::new(StatusCode::CONFLICT, code, message);
        match error {
            IdentityError::NotFound => Self::not_found(),
            IdentityError::Exists => conflict("identity_already_exists", "An identity with this id already exists."),
            IdentityError::NameTaken(other) => {
                let message = "Another identity has this AS2 name: partners could not tell them apart.";
                conflict("as2_id_taken", message).detail(json!({ "identity": other }))
            }
            IdentityError::LimitReached => {
                let message = format!("There are {MAX_IDENTITIES} identities already, which is the limit.");
                Self::bad_request("identity_limit_exceeded", message)
            }
            IdentityError::TooManyKeys => {
                let message = format!("The identity has {MAX_KEYS} keys whose certificates have not ended.");
                conflict("identity_key_limit_exceeded", &message)
            }
            IdentityError::InUse(partners) => {
                let message = "Partners name this identity: change them first.";
                conflict("identity_in_use", message).detail(json!({ "used_by": partners }))
            }
            IdentityError::Refused(refusal) => Self::of_refusal("", refusal),
            IdentityError::Generation(cause) => Self::internal(&cause),
            IdentityError::Store(error) => error.into(),
        }
    }
}
