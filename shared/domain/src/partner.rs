//! Trading partners: who they are, how documents reach them, and what all that must look like.

mod as2;
mod certificates;
mod changes;
mod rules;
mod sftp;
mod status;

use std::collections::BTreeMap;
use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use crate::sealed::{MASK, Sealed};
use crate::time::Millis;

pub(crate) use as2::is_as2_id;
pub use as2::{As2, BasicAuth, Digest, Encryption, Mdn, WrittenAs2};
pub use certificates::{CertificateUsage, GivenCertificate, PartnerCertificate, read_certificates};
pub use changes::{Change, changes, merge};
pub use rules::Problems;
pub use sftp::{
    AfterPickup, Decision, FileNameFacts, Inbound, ListedFile, Look, Outbound, STILL, Sftp, WrittenSftp, is_plain_name,
};
pub use status::{Arrivals, Deliveries, EXPIRES_SOON, ExpiringCertificate, LastLook, LastRefusal, PartnerStatus};

/// The most partners of one scope.
pub const MAX_PARTNERS: usize = 1_000;
/// The most contacts of a partner.
pub const MAX_CONTACTS: usize = 20;
/// The most identifiers of a partner.
pub const MAX_IDENTIFIERS: usize = 50;
/// The longest time in which documents may be promised, in seconds: 30 days.
pub const MAX_SLA_SECONDS: u32 = 2_592_000;

/// A trading partner, as it is stored.
#[derive(Clone, Serialize, Deserialize)]
pub struct Partner {
    /// The id, which its user may have chosen.
    pub id: String,
    /// Distinguishes it from an earlier partner of the same id.
    pub uid: String,
    /// The configuration.
    pub profile: Profile<Sealed, PartnerCertificate>,
    /// When it was made.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
    /// How often it was written.
    pub revision: u64,
}

/// The configuration of a partner. `S` is a secret and `C` a certificate, as they are written, stored or shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile<S, C> {
    /// A name for people.
    pub name: String,
    /// How documents are sent to it.
    pub transport: Transport,
    /// How it is reached by AS2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as2: Option<As2<S>>,
    /// How it is reached by SFTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sftp: Option<Sftp<S>>,
    /// Its certificates; several of one usage during a rollover.
    #[serde(default = "Vec::new")]
    pub certificates: Vec<C>,
    /// Its numbers and names elsewhere, such as a DUNS number.
    #[serde(default)]
    pub identifiers: BTreeMap<String, String>,
    /// People to talk to.
    #[serde(default)]
    pub contacts: Vec<Contact>,
    /// What was promised to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sla: Option<Sla>,
    /// Whether documents are exchanged with it.
    #[serde(default)]
    pub status: Activity,
}

/// A profile as a user writes it.
pub type WrittenProfile = Profile<String, GivenCertificate>;
/// A profile as it is stored.
pub type StoredProfile = Profile<Sealed, PartnerCertificate>;

/// How documents are sent to a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Signed and encrypted messages over HTTP (RFC 4130).
    As2,
    /// Files on a server.
    Sftp,
    /// Events by webhook.
    Webhook,
    /// Files in a bucket.
    S3,
}

/// Whether documents are exchanged with a partner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PartnerActivity)]
pub enum Activity {
    /// They are.
    #[default]
    Active,
    /// They are not.
    Inactive,
}

/// A person to talk to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// A name: 1 to 200 bytes.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// An e-mail address.
    #[schema(example = "edi@example.com", max_length = 254)]
    pub email: String,
    /// What to ask this person about: 1 to 100 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100)]
    pub role: Option<String>,
}

/// What was promised to a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sla {
    /// The time in which a document is delivered: 1 second to 30 days.
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub deliver_within_seconds: u32,
}

/// Whether `id` is 1–64 of `[A-Za-z0-9_-]`.
#[must_use]
pub fn is_partner_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// The JSON Pointers of the secrets that a profile can have.
pub const SECRETS: [&str; 3] = [as2::PASSWORD, sftp::PASSWORD, sftp::PRIVATE_KEY];

impl<S, C> Profile<S, C> {
    /// Its secrets, each with its JSON Pointer.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, &S)> {
        self.as2.iter().flat_map(As2::secrets).chain(self.sftp.iter().flat_map(Sftp::secrets))
    }

    /// The secret at a JSON Pointer.
    #[must_use]
    pub fn secret(&self, pointer: &str) -> Option<&S> {
        self.secrets().find_map(|(at, secret)| (at == pointer).then_some(secret))
    }

    /// The same profile with these certificates, and with its secrets in another form.
    ///
    /// # Errors
    /// The first of `form`.
    pub fn convert<T, D, E>(
        self,
        certificates: Vec<D>,
        mut form: impl FnMut(&'static str, S) -> Result<T, E>,
    ) -> Result<Profile<T, D>, E> {
        Ok(Profile {
            name: self.name,
            transport: self.transport,
            as2: self.as2.map(|as2| as2.convert(&mut form)).transpose()?,
            sftp: self.sftp.map(|sftp| sftp.convert(&mut form)).transpose()?,
            certificates,
            identifiers: self.identifiers,
            contacts: self.contacts,
            sla: self.sla,
            status: self.status,
        })
    }

    /// The same profile with these certificates, and with masks for its secrets.
    #[must_use]
    pub fn masked<D>(self, certificates: Vec<D>) -> Profile<String, D> {
        let Ok(masked) = self.convert(certificates, |_, _| Ok::<_, Infallible>(MASK.to_owned()));
        masked
    }
}

impl StoredProfile {
    /// As a user would write it: what a change is applied to.
    #[must_use]
    pub fn written(&self) -> WrittenProfile {
        let certificates = self.certificates.iter().map(PartnerCertificate::given).collect();
        self.clone().masked(certificates)
    }
}

impl WrittenProfile {
    /// What is wrong with it, its certificates and its addresses aside.
    #[must_use]
    pub fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        problems.label("/name", &self.name, 200);
        if let Some(as2) = &self.as2 {
            problems.within("/as2", as2.problems());
        }
        if let Some(sftp) = &self.sftp {
            problems.within("/sftp", sftp.problems());
        }
        problems.identifiers(&self.identifiers);
        problems.contacts(&self.contacts);
        if let Some(Sla { deliver_within_seconds }) = self.sla {
            problems.range("/sla/deliver_within_seconds", deliver_within_seconds, 1..=MAX_SLA_SECONDS);
        }
        problems
    }
}

#[cfg(test)]
mod tests;
