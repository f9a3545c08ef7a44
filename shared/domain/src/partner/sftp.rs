//! SFTP: the server that a partner's files are put on, and fetched from.

mod file_name;
mod pickup;

use serde::{Deserialize, Serialize};

pub use file_name::FileNameFacts;
pub use pickup::{Decision, ListedFile, Look, STILL, is_plain_name};

use super::rules::{Problems, is_text};
use crate::sealed::MASK;

/// The JSON Pointers of the secrets.
pub(super) const PASSWORD: &str = "/sftp/password";
pub(super) const PRIVATE_KEY: &str = "/sftp/private_key";
/// The most host keys that are pinned.
const MAX_FINGERPRINTS: usize = 10;
const MAX_PRIVATE_KEY_BYTES: usize = 16 * 1_024;
const MAX_DIRECTORY_BYTES: usize = 1_024;
/// What a file's name can be made of.
const PLACEHOLDERS: [&str; 3] = ["{document_type}", "{control_number}", "{transaction_id}"];

// `S` is a secret as it is written, stored or shown. There is no `Debug`: it is never printed.
/// How a partner is reached by SFTP.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Sftp)]
pub struct Sftp<S> {
    /// A name or an IP address; a public one.
    #[schema(example = "sftp.example.com", min_length = 1, max_length = 253)]
    pub host: String,
    /// The port.
    #[serde(default = "ssh")]
    #[schema(default = 22, minimum = 1, maximum = 65_535)]
    pub port: u16,
    /// 1 to 255 bytes.
    #[schema(min_length = 1, max_length = 255)]
    pub username: String,
    /// 1 to 1,024 bytes; this or `private_key`. Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub password: Option<S>,
    /// A private key as PEM or as OpenSSH writes it, without a passphrase. Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub private_key: Option<S>,
    /// The keys that the server may have, as OpenSSH shows them; at most 10. A server with another key is refused.
    #[serde(default)]
    #[schema(example = json!(["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"]))]
    pub host_key_fingerprints: Vec<String>,
    /// Where files are put.
    #[serde(default)]
    pub outbound: Outbound,
    /// Where files are fetched from; nowhere if missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbound: Option<Inbound>,
}

/// As a user writes it, or sees it with masks.
pub type WrittenSftp = Sftp<String>;

/// Where files are put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = SftpOutbound)]
pub struct Outbound {
    /// The directory; the one that a login begins in if missing.
    #[schema(default = ".")]
    pub directory: String,
    /// The name of a file; `{document_type}`, `{control_number}` and `{transaction_id}` are filled in.
    #[schema(default = "{document_type}-{control_number}-{transaction_id}.edi")]
    pub file_name: String,
    /// What a file's name ends with until the file is whole.
    #[schema(default = ".part")]
    pub temporary_suffix: String,
}

impl Default for Outbound {
    fn default() -> Self {
        let file_name = format!("{}.edi", PLACEHOLDERS.join("-"));
        Self { directory: ".".to_owned(), file_name, temporary_suffix: ".part".to_owned() }
    }
}

/// Where files are fetched from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SftpInbound)]
pub struct Inbound {
    /// The directory.
    pub directory: String,
    /// The names of files, with `*` and `?` as wildcards.
    #[serde(default = "anything")]
    #[schema(default = "*", min_length = 1, max_length = 128)]
    pub pattern: String,
    /// How often to look: every minute to once a day.
    #[serde(default = "five")]
    #[schema(default = 5, minimum = 1, maximum = 1_440)]
    pub every_minutes: u32,
    /// What becomes of a file that was fetched.
    #[schema(inline)]
    pub after: AfterPickup,
    /// The directory that it is moved to, if it is moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub move_to: Option<String>,
}

/// What becomes of a file that was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterPickup {
    /// It is deleted.
    Delete,
    /// It is moved to another directory.
    Move,
}

fn ssh() -> u16 {
    22
}

fn five() -> u32 {
    5
}

fn anything() -> String {
    "*".to_owned()
}

impl<S> Sftp<S> {
    /// Its secrets, each with its JSON Pointer in the profile.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, &S)> {
        let password = self.password.iter().map(|secret| (PASSWORD, secret));
        password.chain(self.private_key.iter().map(|secret| (PRIVATE_KEY, secret)))
    }

    /// The secret at a JSON Pointer in these parameters.
    #[must_use]
    pub fn secret(&self, pointer: &str) -> Option<&S> {
        match pointer {
            "/password" => self.password.as_ref(),
            "/private_key" => self.private_key.as_ref(),
            _ => None,
        }
    }

    /// The same with its secrets in another form.
    ///
    /// # Errors
    /// The first of `form`.
    pub fn convert<T, E>(self, form: &mut impl FnMut(&'static str, S) -> Result<T, E>) -> Result<Sftp<T>, E> {
        Ok(Sftp {
            host: self.host,
            port: self.port,
            username: self.username,
            password: self.password.map(|secret| form(PASSWORD, secret)).transpose()?,
            private_key: self.private_key.map(|secret| form(PRIVATE_KEY, secret)).transpose()?,
            host_key_fingerprints: self.host_key_fingerprints,
            outbound: self.outbound,
            inbound: self.inbound,
        })
    }
}

impl Sftp<String> {
    /// What is wrong with it; whether the host may be reached, is not known here.
    #[must_use]
    pub fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        problems.unless(is_host(&self.host), "/host", "must be a host name or an IP address");
        problems.unless(self.port > 0, "/port", "must be 1 to 65535");
        problems.text("/username", &self.username, 255);
        let one = self.password.is_some() != self.private_key.is_some();
        problems.unless(one, "", "exactly one of password and private_key is needed");
        if let Some(password) = &self.password {
            problems.password("/password", password);
        }
        if let Some(Err(message)) = self.private_key.as_deref().map(check_private_key) {
            problems.add("/private_key", message);
        }
        self.fingerprint_problems(&mut problems);
        problems.within("/outbound", self.outbound.problems());
        if let Some(inbound) = &self.inbound {
            problems.within("/inbound", inbound.problems());
        }
        problems
    }

    fn fingerprint_problems(&self, problems: &mut Problems) {
        problems.most("/host_key_fingerprints", self.host_key_fingerprints.len(), MAX_FINGERPRINTS);
        for (index, fingerprint) in self.host_key_fingerprints.iter().enumerate().take(MAX_FINGERPRINTS) {
            let message = "must be SHA256: and 43 characters of base64, as ssh-keygen -l shows it";
            problems.unless(is_fingerprint(fingerprint), &format!("/host_key_fingerprints/{index}"), message);
        }
    }
}

impl Outbound {
    fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        problems.text("/directory", &self.directory, MAX_DIRECTORY_BYTES);
        let name = is_file_name(&self.file_name, 255) && knows_placeholders(&self.file_name);
        let message = "must be a file name of 1 to 255 bytes; {document_type}, {control_number} and {transaction_id} are \
                       filled in";
        problems.unless(name, "/file_name", message);
        let suffix = is_file_name(&self.temporary_suffix, 32) && !self.temporary_suffix.contains(['{', '}']);
        problems.unless(suffix, "/temporary_suffix", "must be 1 to 32 bytes of a file name");
        problems
    }
}

impl Inbound {
    fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        problems.text("/directory", &self.directory, MAX_DIRECTORY_BYTES);
        let pattern = is_text(&self.pattern, 128) && !self.pattern.contains('/');
        problems.unless(pattern, "/pattern", "must be 1 to 128 bytes of a file name, with * and ? as wildcards");
        problems.range("/every_minutes", self.every_minutes, 1..=1_440);
        match (self.after, &self.move_to) {
            (AfterPickup::Move, Some(directory)) => {
                problems.text("/move_to", directory, MAX_DIRECTORY_BYTES);
                let elsewhere = directory.trim_end_matches('/') != self.directory.trim_end_matches('/');
                problems.unless(elsewhere, "/move_to", "must be another directory than the one that is looked at");
            }
            (AfterPickup::Move, None) => problems.add("/move_to", "is needed to move files"),
            (AfterPickup::Delete, Some(_)) => problems.add("/move_to", "is only for files that are moved"),
            (AfterPickup::Delete, None) => {}
        }
        problems
    }
}

/// Whether a text can stand for a host in a URL, and means nothing else there.
fn is_host(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:".contains(&b);
    (1..=253).contains(&text.len()) && text.bytes().all(plain)
}

fn is_fingerprint(text: &str) -> bool {
    let digits = text.strip_prefix("SHA256:").unwrap_or_default();
    digits.len() == 43 && digits.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

fn is_file_name(text: &str, most: usize) -> bool {
    is_text(text, most) && !text.contains('/') && text != "." && text != ".."
}

/// Whether braces stand around known names only.
fn knows_placeholders(text: &str) -> bool {
    let rest = PLACEHOLDERS.iter().fold(text.to_owned(), |rest, placeholder| rest.replace(placeholder, ""));
    !rest.contains(['{', '}'])
}

/// Whether a text looks like a private key that can be used. Its inside is read when it is used.
fn check_private_key(text: &str) -> Result<(), &'static str> {
    if text == MASK {
        return Ok(());
    }
    if text.len() > MAX_PRIVATE_KEY_BYTES {
        return Err("at most 16 KiB");
    }
    if text.contains(|c: char| c.is_control() && !c.is_ascii_whitespace()) {
        return Err("must be text without control characters");
    }
    let label = text.trim_start().strip_prefix("-----BEGIN ").and_then(|rest| rest.split_once("-----"));
    let Some((label, body)) = label.filter(|(label, _)| label.ends_with("PRIVATE KEY")) else {
        return Err("must be a private key as PEM or as OpenSSH writes it");
    };
    if label.contains("ENCRYPTED") || body.contains("ENCRYPTED") {
        return Err("is encrypted with a passphrase: give the key without one");
    }
    if body.contains(&format!("-----END {label}-----")) { Ok(()) } else { Err("has no end: it was cut off") }
}
