//! Requests to addresses that users chose.
//!
//! Each kind of destination is a folder: its parameters and their checks, its client, how it reads a
//! response. What all kinds share is here: which addresses are allowed, how names are resolved, how
//! parameters are read ([`written`]), and the list of the kinds ([`Destinations`]).
//!
//! A customer's URL is checked three times, because each check sees something the others cannot:
//! [`check_url`] at registration (scheme, literal addresses), [`SafeResolver`] when a connection is
//! made (what the name means *now*), and [`check_target`] before every request (literal addresses
//! never reach a resolver, and a policy may have been tightened since registration).

mod address;
mod as2;
mod failure;
mod kind;
pub mod moved;
mod partner;
mod reach;
mod registry;
mod resolver;
mod retry_after;
mod s3;
mod sftp;
mod vault;
mod webhook;
pub mod written;

use std::time::Duration;

pub use address::{MAX_URL_LENGTH, ParsePolicyError, TargetError, TargetPolicy, check_target, check_url, is_public};
pub use as2::{Answer, As2Client, Posting, TlsTerms};
pub(crate) use failure::{TIMEOUT, is_forbidden, of_status};
pub use kind::{Accepted, Fault, FileError, FileWriter, Kind, KindSettings, Parcel, PrepareError, Refusal, Target};
pub use partner::{Desk, Errand, Fate, PartnerKind, Placing};
pub use reach::Reach;
pub use registry::{Destinations, Made};
pub use resolver::{ResolveError, SafeResolver};
pub(crate) use retry_after::of_headers as retry_after_of;
pub use s3::S3;
pub(crate) use s3::{Failure as S3Failure, S3Clients};
pub use sftp::{
    Connection, Fetched, Listing, Probe, Sftp, SftpAccess, SftpClient, SftpFailure, SftpServer, Step, StepReport,
};
pub(crate) use sftp::{check_key as check_sftp_key, origin as sftp_origin};
pub use vault::{Secret, Vault};
pub(crate) use webhook::{AccessToken, AccessTokens, TOO_LARGE, TokenFailure, access_tokens, clean, read_whole};

pub use webhook::{
    ClientCertificate, ClientOptions, HeaderError, HeaderTemplate, OAuth2Client, SignatureHeaders, SigningKey,
    SigningKeyError, VerifyError, Webhook, WebhookClient, sign, verify,
};

/// Of a slow line.
const BYTES_PER_SECOND: u64 = 128 * 1024;

/// How long bytes may travel over a slow line, besides the time to answer.
#[must_use]
pub fn travel_time(bytes: usize) -> Duration {
    Duration::from_secs(bytes as u64 / BYTES_PER_SECOND)
}
