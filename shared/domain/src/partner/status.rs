//! How a partner is doing: what its users should look after.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CertificateUsage, Partner};
use crate::time::Millis;

/// How long before its end a certificate is reported: 30 days.
pub const EXPIRES_SOON: Duration = Duration::from_secs(30 * 86_400);

/// How a partner is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PartnerStatus {
    /// Certificates that expire within 30 days, or have expired.
    pub certificates_expiring: Vec<ExpiringCertificate>,
    /// What became of its deliveries.
    #[serde(flatten)]
    pub deliveries: Deliveries,
    /// What comes from it.
    #[serde(flatten)]
    pub arrivals: Arrivals,
}

/// What comes from a partner, and what does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = PartnerArrivals)]
pub struct Arrivals {
    /// The last look at its SFTP server.
    pub last_look: Option<LastLook>,
    /// The last AS2 message in its name that was refused.
    pub last_refusal: Option<LastRefusal>,
}

/// The last look at a partner's SFTP server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LastLook {
    /// When.
    pub at: Millis,
    /// How many files became documents.
    #[schema(minimum = 0, maximum = 2_000)]
    pub fetched: usize,
    /// What failed: the server as a whole, or files of it.
    #[schema(max_items = 5)]
    pub errors: Vec<String>,
}

/// A message that was refused: nothing else is kept of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LastRefusal {
    /// When.
    pub at: Millis,
    /// Its `Message-ID`.
    #[schema(max_length = 100)]
    pub message_id: String,
    /// Why.
    #[schema(max_length = 2_000)]
    pub reason: String,
}

/// What became of a partner's deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = PartnerDeliveries)]
pub struct Deliveries {
    /// When the last one arrived.
    pub last_success_at: Option<Millis>,
    /// Since when none arrives; none if the last one did.
    pub failing_since: Option<Millis>,
    /// How many are to be tried again, of the newest 500 that failed.
    #[schema(minimum = 0, maximum = 500)]
    pub backlog: usize,
    /// Its routes whose targets failed too often in a row, and are only probed.
    pub suspended: Vec<String>,
}

/// A certificate that expires soon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ExpiringCertificate {
    /// What it is for.
    pub usage: CertificateUsage,
    /// Whose it is.
    pub subject: String,
    /// Its SHA-256 in hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub fingerprint: String,
    /// The last second in which it is valid.
    pub not_after: Millis,
}

impl PartnerStatus {
    /// Of a partner whose deliveries and arrivals went so.
    #[must_use]
    pub fn of(partner: &Partner, deliveries: Deliveries, arrivals: Arrivals, now: Millis) -> Self {
        let certificates = partner.profile.certificates.iter();
        let expiring = certificates.filter(|one| one.certificate.not_after <= now.plus(EXPIRES_SOON));
        let shown = expiring.map(|one| ExpiringCertificate {
            usage: one.usage,
            subject: one.certificate.subject.clone(),
            fingerprint: one.certificate.fingerprint.clone(),
            not_after: one.certificate.not_after,
        });
        Self { certificates_expiring: shown.collect(), deliveries, arrivals }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::Certificate;
    use crate::certificate::tests::{ec, params};
    use crate::partner::{PartnerCertificate, StoredProfile};

    #[test]
    fn certificates_are_reported_from_30_days_before_their_end() {
        let certificate = Certificate::read(&ec(&params("partner")).pem()).expect("a certificate");
        let (end, fingerprint) = (certificate.not_after, certificate.fingerprint.clone());
        let profile = serde_json::json!({"name": "n", "transport": "s3"});
        let mut profile: StoredProfile = serde_json::from_value(profile).expect("a profile");
        profile.certificates = vec![PartnerCertificate { usage: CertificateUsage::Tls, certificate }];
        let (id, uid, created_at) = ("a".to_owned(), "b".to_owned(), Millis(0));
        let partner = Partner { id, uid, profile, created_at, updated_at: created_at, revision: 1 };
        let found =
            |now| PartnerStatus::of(&partner, Deliveries::default(), Arrivals::default(), now).certificates_expiring;
        assert_eq!(found(Millis(end.minus(EXPIRES_SOON).0 - 1)), []);
        let reported = found(end.minus(EXPIRES_SOON));
        assert_eq!((reported.len(), &reported[0].fingerprint, reported[0].not_after), (1, &fingerprint, end));
        assert_eq!((&*reported[0].subject, reported[0].usage), ("CN=partner", CertificateUsage::Tls));
        assert_eq!(found(end.plus(EXPIRES_SOON)), reported, "what has expired is reported too");
        assert_eq!(EXPIRES_SOON.as_secs(), 2_592_000);
    }
}
