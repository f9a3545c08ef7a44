//! Everything Sluice sends to an address somebody else chose: which addresses are allowed, how
//! names are resolved, how a webhook is signed, and the clients that carry it.
//!
//! A customer's URL is checked three times, because each check sees something the others cannot:
//! [`check_url`] at registration (scheme, literal addresses), [`SafeResolver`] when a connection is
//! made (what the name means *now*), and [`check_target`] before every request (literal addresses
//! never reach a resolver, and a policy may have been tightened since registration).

mod address;
mod answer;
mod client;
mod failure;
mod headers;
mod kind;
mod resolver;
mod s3;
mod signature;

pub use address::{MAX_URL_LENGTH, ParsePolicyError, TargetError, TargetPolicy, check_target, check_url, is_public};
pub use client::{Attempt, AttemptClass, ClientOptions, WebhookClient};
pub use headers::{HeaderError, HeaderTemplate, build_headers, check_api_key, check_header};
pub use kind::{Accepted, Fault, FileError, FileWriter, Kind, Parcel, PrepareError, Refusal, Target};
pub use resolver::{ResolveError, SafeResolver};
pub use s3::s3_http_client;
pub use signature::{KeyError, SignatureHeaders, SigningKey, VerifyError, sign, verify};
