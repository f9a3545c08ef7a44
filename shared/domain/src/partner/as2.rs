//! AS2: how a partner is sent signed and encrypted messages, and what is expected of its own.

use serde::{Deserialize, Serialize};

use super::is_partner_id;
use super::rules::{Problems, is_text};

/// The JSON Pointer of the one secret.
pub(super) const PASSWORD: &str = "/as2/basic_auth/password";
/// The longest time to wait for an MDN, in minutes: a week.
const MAX_MDN_TIMEOUT: u32 = 10_080;

// `S` is a secret as it is written, stored or shown. There is no `Debug`: it is never printed.
/// How a partner is reached by AS2 (RFC 4130).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = As2)]
pub struct As2<S> {
    /// Where messages are posted to: `https`, and a public address.
    #[schema(example = "https://as2.example.com/receive")]
    pub url: String,
    /// The partner's AS2 name: 1 to 128 printable ASCII characters, without spaces around it.
    #[schema(example = "EXAMPLE-AS2", min_length = 1, max_length = 128)]
    pub as2_id: String,
    /// The identity that messages are sent as.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    pub identity: Option<String>,
    /// The digest that messages are signed with.
    #[serde(default)]
    #[schema(inline, default = "sha256")]
    pub sign: Digest,
    /// The cipher that messages are encrypted with.
    #[serde(default)]
    #[schema(inline, default = "aes256-cbc")]
    pub encrypt: Encryption,
    /// Whether messages are compressed.
    #[serde(default)]
    pub compress: bool,
    /// The receipt that is asked for.
    #[serde(default)]
    #[schema(inline, default = "sync")]
    pub mdn: Mdn,
    /// Whether that receipt must be signed.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub mdn_signed: bool,
    /// How long to wait for an asynchronous receipt: 1 minute to a week.
    #[serde(default = "half_an_hour")]
    #[schema(default = 30, minimum = 1, maximum = 10_080)]
    pub mdn_timeout_minutes: u32,
    /// Whether its messages must be signed.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub require_signed: bool,
    /// Whether its messages must be encrypted.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub require_encrypted: bool,
    /// Whether its messages may be protected by SHA-1 and Triple DES.
    #[serde(default)]
    pub accept_legacy: bool,
    /// Whether its server is shown the identity's certificate when it asks for one (mutual TLS).
    #[serde(default)]
    pub client_certificate: bool,
    /// The subject of messages: 1 to 255 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 255)]
    pub subject: Option<String>,
    /// Credentials for its server.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<WrittenBasicAuth>)]
    pub basic_auth: Option<BasicAuth<S>>,
}

/// As a user writes it, or sees it with masks.
pub type WrittenAs2 = As2<String>;
type WrittenBasicAuth = BasicAuth<String>;

/// Credentials of HTTP Basic.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BasicAuth)]
pub struct BasicAuth<S> {
    /// 1 to 255 bytes without a colon.
    #[schema(min_length = 1, max_length = 255)]
    pub username: String,
    /// 1 to 1,024 bytes. Secret.
    #[schema(value_type = String)]
    pub password: S,
}

/// The digest of a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Digest {
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA-1: refused, because nothing signs with it any more.
    Sha1,
    /// Messages are not signed.
    None,
}

/// The cipher of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Encryption {
    /// AES with 256 bits, CBC.
    #[default]
    #[serde(rename = "aes256-cbc")]
    Aes256Cbc,
    /// AES with 192 bits, CBC.
    #[serde(rename = "aes192-cbc")]
    Aes192Cbc,
    /// AES with 128 bits, CBC.
    #[serde(rename = "aes128-cbc")]
    Aes128Cbc,
    /// AES with 256 bits, GCM.
    #[serde(rename = "aes256-gcm")]
    Aes256Gcm,
    /// AES with 128 bits, GCM.
    #[serde(rename = "aes128-gcm")]
    Aes128Gcm,
    /// Triple DES, for partners that know nothing newer.
    #[serde(rename = "3des")]
    TripleDes,
    /// Messages are not encrypted.
    #[serde(rename = "none")]
    None,
}

/// The receipt of a message: a message disposition notification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mdn {
    /// In the response.
    #[default]
    Sync,
    /// In a request of its own.
    Async,
    /// None.
    None,
}

fn yes() -> bool {
    true
}

fn half_an_hour() -> u32 {
    30
}

/// Whether `id` is an AS2 name that needs no escapes in its header.
pub(crate) fn is_as2_id(id: &str) -> bool {
    let printable = |b: u8| (b' '..=b'~').contains(&b);
    (1..=128).contains(&id.len()) && id.bytes().all(printable) && id.trim() == id
}

impl<S> As2<S> {
    /// Its secret, with its JSON Pointer in the profile.
    pub(super) fn secrets(&self) -> impl Iterator<Item = (&'static str, &S)> {
        self.basic_auth.iter().map(|auth| (PASSWORD, &auth.password))
    }

    /// The same with its secret in another form.
    pub(super) fn convert<T, E>(self, form: &mut impl FnMut(&'static str, S) -> Result<T, E>) -> Result<As2<T>, E> {
        let basic_auth = match self.basic_auth {
            Some(BasicAuth { username, password }) => Some(BasicAuth { username, password: form(PASSWORD, password)? }),
            None => None,
        };
        Ok(As2 {
            url: self.url,
            as2_id: self.as2_id,
            identity: self.identity,
            sign: self.sign,
            encrypt: self.encrypt,
            compress: self.compress,
            mdn: self.mdn,
            mdn_signed: self.mdn_signed,
            mdn_timeout_minutes: self.mdn_timeout_minutes,
            require_signed: self.require_signed,
            require_encrypted: self.require_encrypted,
            accept_legacy: self.accept_legacy,
            client_certificate: self.client_certificate,
            subject: self.subject,
            basic_auth,
        })
    }
}

impl As2<String> {
    /// What is wrong with it, its URL aside.
    pub(super) fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        let name = "must be 1 to 128 printable ASCII characters, without spaces around it";
        problems.unless(is_as2_id(&self.as2_id), "/as2_id", name);
        let identity = self.identity.as_deref().is_none_or(is_partner_id);
        problems.unless(identity, "/identity", "must be 1 to 64 of [A-Za-z0-9_-]");
        let broken = "SHA-1 is broken, and nothing is signed with it: use sha256, sha384, sha512 or none";
        problems.unless(self.sign != Digest::Sha1, "/sign", broken);
        problems.range("/mdn_timeout_minutes", self.mdn_timeout_minutes, 1..=MAX_MDN_TIMEOUT);
        if let Some(subject) = &self.subject {
            problems.text("/subject", subject, 255);
        }
        if let Some(BasicAuth { username, password }) = &self.basic_auth {
            let fits = is_text(username, 255) && !username.contains(':');
            problems.unless(
                fits,
                "/basic_auth/username",
                "must be 1 to 255 bytes without colons and control characters",
            );
            problems.password("/basic_auth/password", password);
        }
        problems
    }
}
