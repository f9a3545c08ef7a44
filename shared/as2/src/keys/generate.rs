//! Generates keys with certificates that they sign themselves, as AS2 partners exchange them.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use jiff::Timestamp;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, PKCS_RSA_SHA256,
    SerialNumber,
};

use super::{Certificate, Identity, KeyError};

/// An RSA key of 3,072 bits with a certificate for these dates. Takes about a second.
///
/// # Errors
/// [`KeyError::Generation`]: also for a name that no certificate can hold.
pub fn generate(name: &str, not_before: Timestamp, not_after: Timestamp) -> Result<Identity, KeyError> {
    of_size(KeySize::Rsa3072, name, not_before, not_after)
}

pub(super) fn of_size(
    size: KeySize,
    name: &str,
    not_before: Timestamp,
    not_after: Timestamp,
) -> Result<Identity, KeyError> {
    let key = KeyPair::generate(size).map_err(|_| KeyError::Generation)?;
    let pkcs8: Pkcs8V1Der<'_> = key.as_der().map_err(|_| KeyError::Generation)?;
    certified(pkcs8.as_ref(), name, not_before, not_after)
}

/// Another certificate for the same key.
///
/// # Errors
/// As [`generate`].
pub fn renew(
    identity: &Identity,
    name: &str,
    not_before: Timestamp,
    not_after: Timestamp,
) -> Result<Identity, KeyError> {
    certified(identity.pkcs8(), name, not_before, not_after)
}

fn certified(pkcs8: &[u8], name: &str, not_before: Timestamp, not_after: Timestamp) -> Result<Identity, KeyError> {
    let key = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.into(), &PKCS_RSA_SHA256)
        .map_err(|_| KeyError::Generation)?;
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.not_before = std::time::SystemTime::from(not_before).into();
    parameters.not_after = std::time::SystemTime::from(not_after).into();
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages =
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::ContentCommitment, KeyUsagePurpose::KeyEncipherment];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
    let mut serial = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut serial).map_err(|_| KeyError::Generation)?;
    // Positive, and not short.
    serial[0] = serial[0] & 0x7F | 0x40;
    parameters.serial_number = Some(SerialNumber::from_slice(&serial));
    let certificate = parameters.self_signed(&key).map_err(|_| KeyError::Generation)?;
    Identity::of_der(pkcs8, Certificate::of_der(certificate.der())?)
}
