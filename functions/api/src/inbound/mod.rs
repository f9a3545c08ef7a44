//! Inbound webhooks: what others send, on its way through a pipeline.

pub(crate) mod receive;
pub(crate) mod shopify;
pub(crate) mod woocommerce;

use std::sync::Arc;

use axum::Json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, StatusCode};
use sha2::Sha256;
use sluice::domain::json::{JsonFault, MAX_PAYLOAD_DEPTH};
use sluice::domain::pipeline::config::Config;
use sluice::domain::pipeline::instance::Instance;
use sluice::domain::scope::{Environment, Scope};
use sluice::engine::pipelines::{Inbound, InboundError, Pipelines, Registry};

use crate::http::auth::{Authenticator, Source};
use crate::http::problem::Problem;
use crate::sync_events::AcceptedRun;
use crate::sync_events::create::inactive;

/// The most bytes of a webhook.
pub(crate) const MAX_BYTES: usize = 2 * 1024 * 1024;

impl From<InboundError> for Problem {
    fn from(error: InboundError) -> Self {
        match error {
            InboundError::Inactive(status) => inactive(status),
            InboundError::EntityType(types) => {
                let message = format!("Name one of the instance's entity types: {}.", types.join(", "));
                Self::bad_request("unknown_entity_type", message)
            }
            InboundError::Body(error) if error.too_deep => {
                let fault = JsonFault::TooDeep(MAX_PAYLOAD_DEPTH);
                Self::of_json("", &fault)
            }
            InboundError::Ambiguous(fault) => Self::of_json("", &fault),
            InboundError::Body(error) => Self::bad_request("malformed_json", format!("The body is not JSON: {error}.")),
            InboundError::Engine(error) => error.into(),
        }
    }
}

/// A header's text.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty())
}

/// What shops call, whose signature is all that says who they are.
#[derive(Clone)]
pub(crate) struct Shops {
    pipelines: Pipelines,
    registry: Registry,
    authenticator: Arc<Authenticator>,
}

impl Shops {
    pub(crate) fn new(pipelines: Pipelines, registry: Registry, authenticator: Arc<Authenticator>) -> Self {
        Self { pipelines, registry, authenticator }
    }

    /// An instance that a shop calls, and whose it is. The path's environment must be its own.
    async fn called(&self, environment: Environment, id: &str) -> Result<(Scope, Config<Instance>), Problem> {
        let scope = self.pipelines.owner(id).await?.filter(|scope| scope.environment == environment);
        let scope = scope.ok_or_else(Problem::not_found)?;
        let instance = self.pipelines.instance(&scope, id).await?.ok_or_else(Problem::not_found)?;
        Ok((scope, instance))
    }

    /// Checks a signature: the HMAC-SHA256 of the raw body, by any of the source's webhook secrets. A bad one counts as
    /// bad credentials do. It turns no other webhook away: all shops of a vendor call from the same addresses.
    async fn verify(
        &self,
        source: Source,
        scope: &Scope,
        instance: &Instance,
        (signature, body): (&str, &[u8]),
    ) -> Result<(), Problem> {
        let refused = || {
            let message = "The signature is none of this body by a webhook secret of the instance's source.";
            let problem = Problem::new(StatusCode::UNAUTHORIZED, "invalid_signature", message);
            self.authenticator.refuse(source, problem)
        };
        let signature = BASE64.decode(signature).map_err(|_| refused())?;
        for secret in self.registry.webhook_secrets(scope, instance).await? {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| refused())?;
            mac.update(body);
            if mac.verify_slice(&signature).is_ok() {
                return Ok(());
            }
        }
        Err(refused())
    }

    /// Accepts what a shop sent: 200 if it was seen before.
    async fn accepted(
        &self,
        scope: &Scope,
        instance: &Config<Instance>,
        inbound: &Inbound<'_>,
    ) -> Result<(StatusCode, Json<AcceptedRun>), Problem> {
        let (correlation_id, new) = self.pipelines.accept(scope, instance, inbound).await?;
        let status = if new { StatusCode::ACCEPTED } else { StatusCode::OK };
        Ok((status, Json(AcceptedRun { correlation_id })))
    }
}

/// The entity type that a topic such as `orders/create` or `order.updated` names.
fn entity_type(topic: &str) -> String {
    let resource = topic.split(['/', '.']).next().unwrap_or_default();
    resource.strip_suffix('s').unwrap_or(resource).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_names_an_entity_type() {
        assert_eq!(entity_type("orders/create"), "order");
        assert_eq!(entity_type("product.updated"), "product");
        assert_eq!(entity_type(""), "");
    }
}
