//! The certificates of a partner: each is read, and said what it is for.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::Problems;
use crate::certificate::{Certificate, CertificateError, KeyType};
use crate::time::Millis;

/// The most certificates of a partner.
const MAX_CERTIFICATES: usize = 20;
/// The most bytes of all of them together: a partner is one record.
const MAX_CERTIFICATES_BYTES: usize = 128 * 1_024;

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertificateUsage {
    /// The partner signs with it.
    Signing,
    /// What is sent to the partner is encrypted for it.
    Encryption,
    /// The partner's server shows it.
    Tls,
}

impl CertificateUsage {
    /// AS2 signs and encrypts with RSA alone.
    fn check(self, certificate: &Certificate) -> Result<(), CertificateError> {
        let fits = self == Self::Tls || certificate.key_type == KeyType::Rsa;
        if fits { Ok(()) } else { Err(CertificateError::NotRsa) }
    }
}

/// A certificate as a user writes it. What else is shown of one may be sent back, and is not read: it follows from
/// `pem`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(from = "SentCertificate")]
pub struct GivenCertificate {
    /// What it is for.
    pub usage: CertificateUsage,
    /// A single certificate as PEM or as base64 of DER, at most 64 KiB.
    #[schema(max_length = 65_536)]
    pub pem: String,
}

/// The fields that may stand in a certificate that is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentCertificate {
    usage: CertificateUsage,
    pem: String,
    #[serde(default, rename = "subject")]
    _subject: IgnoredAny,
    #[serde(default, rename = "issuer")]
    _issuer: IgnoredAny,
    #[serde(default, rename = "serial")]
    _serial: IgnoredAny,
    #[serde(default, rename = "fingerprint")]
    _fingerprint: IgnoredAny,
    #[serde(default, rename = "not_before")]
    _not_before: IgnoredAny,
    #[serde(default, rename = "not_after")]
    _not_after: IgnoredAny,
    #[serde(default, rename = "key_type")]
    _key_type: IgnoredAny,
    #[serde(default, rename = "key_bits")]
    _key_bits: IgnoredAny,
}

impl From<SentCertificate> for GivenCertificate {
    fn from(SentCertificate { usage, pem, .. }: SentCertificate) -> Self {
        Self { usage, pem }
    }
}

/// A certificate, what it is for, and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PartnerCertificate {
    /// What it is for.
    pub usage: CertificateUsage,
    /// The certificate, and what it says.
    #[serde(flatten)]
    pub certificate: Certificate,
}

impl PartnerCertificate {
    /// As a user would write it.
    #[must_use]
    pub fn given(&self) -> GivenCertificate {
        GivenCertificate { usage: self.usage, pem: self.certificate.pem.clone() }
    }
}

/// Reads certificates. Those that are among the `kept` may have expired since they were stored.
///
/// # Errors
/// Every problem there is.
pub fn read_certificates(
    given: &[GivenCertificate],
    kept: &[PartnerCertificate],
    now: Millis,
) -> Result<Vec<PartnerCertificate>, Problems> {
    let mut problems = Problems::default();
    problems.most("/certificates", given.len(), MAX_CERTIFICATES);
    let mut read: Vec<PartnerCertificate> = Vec::new();
    for (index, GivenCertificate { usage, pem }) in given.iter().enumerate().take(MAX_CERTIFICATES) {
        let is_kept = |one: &Certificate| kept.iter().any(|kept| kept.certificate.fingerprint == one.fingerprint);
        let certificate = Certificate::read(pem).and_then(|one| {
            if !is_kept(&one) {
                one.check(now)?;
                usage.check(&one)?;
            }
            Ok(PartnerCertificate { usage: *usage, certificate: one })
        });
        match certificate {
            Ok(certificate) if read.contains(&certificate) => {
                problems.add(format!("/certificates/{index}/pem"), "is there already for the same usage");
            }
            Ok(certificate) => read.push(certificate),
            Err(error) => problems.add(format!("/certificates/{index}/pem"), error.to_string()),
        }
    }
    let bytes: usize = read.iter().map(|one| one.certificate.pem.len()).sum();
    if bytes > MAX_CERTIFICATES_BYTES {
        problems.add("/certificates", format!("at most {MAX_CERTIFICATES_BYTES} bytes together"));
    }
    if problems.0.is_empty() { Ok(read) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::tests::{NOW, ec, params, rsa};

    fn given(usage: CertificateUsage, years: std::ops::Range<i32>) -> GivenCertificate {
        let mut params = params("partner");
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        GivenCertificate { usage, pem: ec(&params).pem() }
    }

    fn pointers(given: &[GivenCertificate], kept: &[PartnerCertificate]) -> Vec<String> {
        let problems = read_certificates(given, kept, NOW).err().unwrap_or_default();
        problems.0.into_iter().map(|(pointer, _)| pointer).collect()
    }

    #[test]
    fn each_is_checked_unless_it_was_stored_before() {
        let (good, old) = (given(CertificateUsage::Tls, 2025..2030), given(CertificateUsage::Signing, 2024..2025));
        let read = read_certificates(std::slice::from_ref(&good), &[], NOW).expect("valid");
        assert_eq!((read.len(), read[0].usage, &read[0].given().usage), (1, CertificateUsage::Tls, &good.usage));
        assert_eq!(read[0].given().pem, read[0].certificate.pem);
        assert_eq!(pointers(&[good.clone(), old.clone()], &read), ["/certificates/1/pem"]);
        let certificate = Certificate::read(&old.pem).expect("a certificate");
        let kept = [PartnerCertificate { usage: CertificateUsage::Encryption, certificate }];
        assert_eq!(pointers(&[good, old], &kept), Vec::<String>::new());
    }

    #[test]
    fn the_next_one_is_stored_before_it_begins() {
        let (next, old) = (given(CertificateUsage::Tls, 2027..2030), given(CertificateUsage::Tls, 2024..2026));
        assert_eq!(pointers(&[next, old], &[]), ["/certificates/1/pem"]);
    }

    #[test]
    fn what_is_shown_can_be_sent_back() {
        let given = given(CertificateUsage::Tls, 2025..2030);
        let read = read_certificates(std::slice::from_ref(&given), &[], NOW).expect("valid");
        let mut shown = serde_json::to_value(&read[0]).expect("JSON");
        let sent: GivenCertificate = serde_json::from_value(shown.clone()).expect("what was shown");
        assert_eq!(sent, read[0].given());
        shown["more"] = serde_json::json!(1);
        let refused = serde_json::from_value::<GivenCertificate>(shown).expect_err("an unknown field");
        assert!(refused.to_string().contains("unknown field `more`"), "{refused}");
    }

    #[test]
    fn one_is_there_once_for_each_usage() {
        let one = GivenCertificate { usage: CertificateUsage::Tls, pem: rsa(&params("partner")).pem() };
        let other = GivenCertificate { usage: CertificateUsage::Signing, ..one.clone() };
        assert_eq!(pointers(&[one.clone(), other.clone()], &[]), Vec::<String>::new());
        assert_eq!(pointers(&[one.clone(), other, one], &[]), ["/certificates/2/pem"]);
    }

    #[test]
    fn what_signs_and_encrypts_has_an_rsa_key() {
        let of = |usage, pem: String| pointers(&[GivenCertificate { usage, pem }], &[]);
        for usage in [CertificateUsage::Signing, CertificateUsage::Encryption] {
            assert_eq!(of(usage, ec(&params("partner")).pem()), ["/certificates/0/pem"]);
            assert_eq!(of(usage, rsa(&params("partner")).pem()), Vec::<String>::new());
        }
        assert_eq!(of(CertificateUsage::Tls, ec(&params("partner")).pem()), Vec::<String>::new());
    }

    #[test]
    fn their_number_and_their_size_are_limited() {
        let small = |_| given(CertificateUsage::Tls, 2025..2030);
        let mut many: Vec<GivenCertificate> = (0..21).map(small).collect();
        assert_eq!(pointers(&many, &[]), ["/certificates"]);
        many.pop();
        assert_eq!(pointers(&many, &[]), Vec::<String>::new());
        let large = |_| {
            let mut params = params("partner");
            let content = vec![0; 46_000];
            params.custom_extensions.push(rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], content));
            GivenCertificate { usage: CertificateUsage::Tls, pem: ec(&params).pem() }
        };
        let mut large: Vec<GivenCertificate> = (0..3).map(large).collect();
        assert_eq!(pointers(&large, &[]), ["/certificates"]);
        large.pop();
        assert_eq!(pointers(&large, &[]), Vec::<String>::new());
    }
}
