//! How a partner is doing: what its users should look after.

use std::time::Duration;

use serde::Serialize;

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
    /// Of a partner whose deliveries went so.
    #[must_use]
    pub fn of(partner: &Partner, deliveries: Deliveries, now: Millis) -> Self {
        let certificates = partner.profile.certificates.iter();
        let expiring = certificates.filter(|one| one.certificate.not_after <= now.plus(EXPIRES_SOON));
        let shown = expiring.map(|one| ExpiringCertificate {
            usage: one.usage,
            subject: one.certificate.subject.clone(),
            fingerprint: one.certificate.fingerprint.clone(),
            not_after: one.certificate.not_after,
        });
        Self { certificates_expiring: shown.collect(), deliveries }
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
        let found = |now| PartnerStatus::of(&partner, Deliveries::default(), now).certificates_expiring;
        assert_eq!(found(Millis(end.minus(EXPIRES_SOON).0 - 1)), []);
        let reported = found(end.minus(EXPIRES_SOON));
        assert_eq!((reported.len(), &reported[0].fingerprint, reported[0].not_after), (1, &fingerprint, end));
        assert_eq!((&*reported[0].subject, reported[0].usage), ("CN=partner", CertificateUsage::Tls));
        assert_eq!(found(end.plus(EXPIRES_SOON)), reported, "what has expired is reported too");
        assert_eq!(EXPIRES_SOON.as_secs(), 2_592_000);
    }
}
