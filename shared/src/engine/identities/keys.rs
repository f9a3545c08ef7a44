//! A key as a user gives it: generated here, in PEM, or as PKCS#12.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde::Deserialize;
use sluice_as2::keys::{KeyError, generate};
use sluice_as2::{Certificate as As2Certificate, Identity as As2Identity};
use zeroize::Zeroizing;

use super::{IdentityError, fault};
use crate::deep;
use crate::domain::certificate::Certificate;
use crate::domain::time::Millis;

/// How long a generated certificate is valid: three years.
const VALID: Duration = Duration::from_secs(3 * 365 * 86_400);
/// A certificate is valid a while before it is made: clocks differ.
const BEFORE: Duration = Duration::from_secs(3_600);

/// Exactly one of: `generate`, `private_key_pem` with `certificate_pem`, `pkcs12` with `password`. There is no `Debug`:
/// it is never printed.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"generate": "rsa-3072"}))]
pub struct WrittenKey {
    /// A new key, with a certificate that it signs itself, for three years.
    #[schema(inline)]
    generate: Option<GeneratedKey>,
    /// An RSA key of 2,048 to 8,192 bits in PKCS#8 or PKCS#1. Secret.
    #[schema(value_type = Option<String>, max_length = 16_384)]
    private_key_pem: Option<Zeroizing<String>>,
    /// The certificate of that key, without its chain.
    #[schema(max_length = 65_536)]
    certificate_pem: Option<String>,
    /// A file with one key and its certificate, in base64. Secret.
    #[schema(value_type = Option<String>, max_length = 65_536)]
    pkcs12: Option<Zeroizing<String>>,
    /// The password of that file. Secret.
    #[schema(value_type = Option<String>, max_length = 1_024)]
    password: Option<Zeroizing<String>>,
}

/// The kind of a new key.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
pub enum GeneratedKey {
    /// RSA with 3,072 bits.
    #[serde(rename = "rsa-3072")]
    Rsa3072,
}

/// The private key in PEM, and its certificate.
type Pair = (Zeroizing<String>, Certificate);

/// Reads or makes a key. It takes a while, so a thread of its own does it.
pub(super) async fn read(
    written: WrittenKey,
    name: &str,
    now: Millis,
    signs_from: Millis,
) -> Result<Pair, IdentityError> {
    let name = name.to_owned();
    let made = deep::run(move || written.pair(&name, now)).await;
    let (private_key, certificate) = made.map_err(|error| IdentityError::Generation(error.to_string()))??;
    let pointer = "/key";
    if certificate.not_before > signs_from {
        let message = format!("has a certificate that is not valid before {}", certificate.not_before);
        return Err(fault(pointer, message).into());
    }
    if certificate.not_after <= now.max(signs_from) {
        return Err(fault(pointer, format!("has a certificate that ends at {}", certificate.not_after)).into());
    }
    Ok((private_key, certificate))
}

impl WrittenKey {
    fn pair(self, name: &str, now: Millis) -> Result<Pair, IdentityError> {
        let given = |pointer: &str, error: KeyError| IdentityError::from(fault(pointer, error.to_string()));
        let Self { generate: wanted, private_key_pem, certificate_pem, pkcs12, password } = self;
        let identity = match (wanted, private_key_pem, certificate_pem, pkcs12, password) {
            (Some(GeneratedKey::Rsa3072), None, None, None, None) => {
                generate(name, timestamp(now.minus(BEFORE)), timestamp(now.plus(VALID)))?
            }
            (None, Some(key), Some(certificate), None, None) => {
                // The certificate is read first, so that an error names the right field.
                let pem = Certificate::read(&certificate)
                    .map_err(|error| fault("/key/certificate_pem", error.to_string()))?;
                let at = "/key/certificate_pem";
                As2Certificate::of_pem(&pem.pem).map_err(|error| given(at, error))?;
                As2Identity::of_pem(&key, &pem.pem).map_err(|error| given("/key/private_key_pem", error))?
            }
            (None, None, None, Some(file), password) => {
                let digits: Zeroizing<String> = Zeroizing::new(file.split_ascii_whitespace().collect());
                let file = BASE64.decode(digits.as_bytes()).map(Zeroizing::new);
                let file = file.map_err(|_| fault("/key/pkcs12", "is not base64"))?;
                let password = password.unwrap_or_default();
                As2Identity::of_pkcs12(&file, &password).map_err(|error| given("/key/pkcs12", error))?
            }
            _ => {
                let forms =
                    "must have `generate`, or `private_key_pem` and `certificate_pem`, or `pkcs12` and `password`";
                return Err(fault("/key", forms).into());
            }
        };
        let certificate = Certificate::read(&identity.certificate().to_pem());
        let certificate = certificate.map_err(|error| fault("/key", error.to_string()))?;
        Ok((identity.private_key_pem(), certificate))
    }
}

fn timestamp(time: Millis) -> Timestamp {
    Timestamp::from_millisecond(time.0).unwrap_or(Timestamp::UNIX_EPOCH)
}
