//! The two kinds of target as a user of integrations writes and sees them. The destination has every check.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice::outbound::{ClientCertificate, OAuth2Client};

use crate::http::body::present;

/// A webhook target.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallbackParameters {
    /// `https`, and a public address.
    #[schema(example = "https://erp.example.com/events")]
    callback_url: String,
    /// Sent as `Authorization: Bearer`. Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
    /// The OAuth 2.0 client whose access tokens are sent as `Authorization: Bearer`; not together with `api_key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oauth2: Option<OAuth2Client>,
    /// Presented to the target, and to the token endpoint, if they ask for a client certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_certificate: Option<ClientCertificate>,
    /// `whsec_` and base64 of 24 to 64 bytes; generated if missing, and then shown only in this response. Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signing_secret: Option<String>,
    /// Further headers of each request; at most 20. The values of `authorization`, `cookie`, `apikey`, `*-key`,
    /// `*-token` and `*-secret` are secret.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Which of the other headers have secret values; at most 20. A value that is kept by sending back its mask stays
    /// secret.
    #[serde(default)]
    #[schema(example = json!(["x-tenant"]))]
    secret_headers: Vec<String>,
    /// The target's time to answer: 1 to 60 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 60)]
    timeout_seconds: Option<u32>,
    /// The most requests in a second: 1 to 10,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000)]
    max_per_second: Option<u32>,
}

/// A bucket.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct S3Parameters {
    /// Secret.
    #[schema(min_length = 1, max_length = 128)]
    aws_access_key_id: String,
    /// Secret.
    #[schema(min_length = 1, max_length = 256)]
    aws_secret_access_key: String,
    /// Such as `eu-central-1`.
    #[schema(pattern = "^[a-z0-9-]{1,40}$")]
    aws_region: String,
    /// 3 to 63 of `[a-z0-9.-]`.
    #[schema(pattern = "^[a-z0-9.-]{3,63}$")]
    bucket: String,
    /// The prefix of keys.
    #[schema(max_length = 512)]
    key_prefix: String,
    /// The endpoint of an S3-compatible service; AWS if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endpoint_url: Option<String>,
}

/// Changes to a webhook target: missing fields keep their values, `null` removes a value, a mask keeps the secret. If
/// scheme, host or port of `callback_url` change, every secret must be given again, or removed with `null`.
#[derive(Debug, Default, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CallbackPatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_url: Option<String>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    api_key: Option<Option<String>>,
    /// Replaces the whole client; a mask keeps its secret, unless the origin of `token_url` or `callback_url` changes.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OAuth2Client>)]
    oauth2: Option<Option<OAuth2Client>>,
    /// Replaces the whole certificate; a mask keeps its private key.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ClientCertificate>)]
    client_certificate: Option<Option<ClientCertificate>>,
    /// `null` has a new one made, which is shown in this response alone.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    signing_secret: Option<Option<String>>,
    /// Replaces all headers; a mask keeps the value of that header.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    headers: Option<Option<BTreeMap<String, String>>>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    secret_headers: Option<Option<Vec<String>>>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 60)]
    timeout_seconds: Option<Option<u32>>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 10_000)]
    max_per_second: Option<Option<u32>>,
}

/// Changes to a bucket: missing fields keep their values, `null` removes a value, a mask keeps the secret.
#[derive(Debug, Default, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct S3Patch {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 128)]
    aws_access_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 256)]
    aws_secret_access_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[a-z0-9-]{1,40}$")]
    aws_region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[a-z0-9.-]{3,63}$")]
    bucket: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 512)]
    key_prefix: Option<String>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    endpoint_url: Option<Option<String>>,
}

/// A webhook target, its secrets masked.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct CallbackView {
    callback_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oauth2: Option<OAuth2Client>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificate: Option<ClientCertificate>,
    pub(crate) signing_secret: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    secret_headers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 60)]
    timeout_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000)]
    max_per_second: Option<u32>,
}

/// A bucket, its secrets masked.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct S3View {
    #[schema(min_length = 1, max_length = 128)]
    aws_access_key_id: String,
    #[schema(min_length = 1, max_length = 256)]
    aws_secret_access_key: String,
    aws_region: String,
    bucket: String,
    key_prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_url: Option<String>,
}
