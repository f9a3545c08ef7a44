//! Changes to the two kinds of target: what is missing stays, `null` takes away, a mask keeps the secret.

use std::collections::BTreeMap;

use crate::http::body::present;
use crate::http::problem::{FieldError, Problem};
use serde::Deserialize;
use sluice::app::App;
use sluice::domain::route::{S3Target, WebhookTarget};
use sluice::domain::scope::Scope;
use sluice::domain::sealed::{MASK, Sealed};

use super::parameters::{CallbackParameters, S3Parameters};

/// Changes to a webhook target.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CallbackPatch {
    callback_url: Option<String>,
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    api_key: Option<Option<String>>,
    signing_secret: Option<String>,
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    headers: Option<Option<BTreeMap<String, String>>>,
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 60)]
    timeout_seconds: Option<Option<u32>>,
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 10_000)]
    max_per_second: Option<Option<u32>>,
}

/// Changes to a bucket.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct S3Patch {
    #[schema(max_length = 128)]
    aws_access_key_id: Option<String>,
    aws_secret_access_key: Option<String>,
    aws_region: Option<String>,
    bucket: Option<String>,
    key_prefix: Option<String>,
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    endpoint_url: Option<Option<String>>,
}

/// A new secret; `None` where the mask says to keep the old one.
fn fresh(secret: Option<String>) -> Option<String> {
    secret.filter(|secret| secret != MASK)
}

impl CallbackPatch {
    /// Applies the changes, where they are good; gives what is wrong with them.
    pub(crate) async fn apply(
        self,
        app: &App,
        scope: &Scope,
        target: &mut WebhookTarget,
    ) -> Result<Vec<FieldError>, Problem> {
        let (old_key, old_secrets) = (target.api_key.clone(), target.signing_secrets.clone());
        let (key, secret) = (self.api_key.clone(), fresh(self.signing_secret));
        let keeps_key = key.as_ref().is_none_or(|key| key.as_deref() == Some(MASK));
        let whole = CallbackParameters {
            callback_url: self.callback_url.unwrap_or_else(|| target.url.to_string()),
            api_key: key.flatten().filter(|_| !keeps_key),
            signing_secret: secret.clone(),
            headers: self.headers.map_or_else(|| target.headers.iter().cloned().collect(), Option::unwrap_or_default),
            timeout_seconds: self.timeout_seconds.unwrap_or(target.timeout_seconds),
            max_per_second: self.max_per_second.unwrap_or(target.max_per_second),
        };
        let faults = whole.faults();
        if faults.is_empty() {
            (*target, _) = whole.target(app, scope).await?;
            if keeps_key {
                target.api_key = old_key;
            }
            if secret.is_none() {
                target.signing_secrets = old_secrets;
            }
        }
        Ok(faults)
    }
}

impl S3Patch {
    /// Applies the changes, where they are good; gives what is wrong with them.
    pub(crate) async fn apply(
        self,
        app: &App,
        scope: &Scope,
        target: &mut S3Target,
    ) -> Result<Vec<FieldError>, Problem> {
        let open = |sealed: &Sealed| app.keys.open(scope, sealed).map_err(|e| Problem::internal(&e));
        let or_old = |new: Option<String>, old: &Sealed| match fresh(new) {
            Some(new) => Ok(new),
            None => open(old).map(|secret| secret.to_string()),
        };
        let whole = S3Parameters {
            aws_access_key_id: or_old(self.aws_access_key_id, &target.access_key_id)?,
            aws_secret_access_key: or_old(self.aws_secret_access_key, &target.secret_access_key)?,
            aws_region: self.aws_region.unwrap_or_else(|| target.region.clone()),
            bucket: self.bucket.unwrap_or_else(|| target.bucket.clone()),
            key_prefix: self.key_prefix.unwrap_or_else(|| target.key_prefix.clone()),
            endpoint_url: self.endpoint_url.unwrap_or_else(|| target.endpoint_url.as_ref().map(ToString::to_string)),
        };
        let faults = whole.faults();
        if faults.is_empty() {
            *target = whole.target(app, scope).await?;
        }
        Ok(faults)
    }
}
