//! Requests to the API.

use axum::http::Method;
use proptest::prelude::*;
use tokio::sync::OnceCell;

use super::{body, runtime};
use crate::support::{Tenant, shared};

const EVENT: &[&str] = &[
    "name",
    "payload",
    "id",
    "published_at",
    "partner_id",
    "document_type",
    "ordering_key",
    "events",
    "a.b",
    "é",
    "2026-01-01T00:00:00.000Z",
    "9999-12-31T23:59:59.999Z",
    "evt_",
    "\u{0}",
];
const INTEGRATION: &[&str] = &[
    "id",
    "integration_type",
    "permanent",
    "temporary",
    "callback_parameters",
    "callback_url",
    "api_key",
    "signing_secret",
    "headers",
    "timeout_seconds",
    "max_per_second",
    "oauth2",
    "token_url",
    "client_id",
    "client_secret",
    "scope",
    "audience",
    "client_certificate",
    "certificate_pem",
    "private_key_pem",
    "s3_parameters",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_region",
    "bucket",
    "key_prefix",
    "endpoint_url",
    "starts_at",
    "ends_at",
    "filter_conditions",
    "entity_filter",
    "event_filter",
    "payload_filter",
    "a-1",
    "http://127.0.0.1:9/",
    "https://10.0.0.1/",
    "https://[::1]:1/?q",
    "••••••••",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    "*",
    "2026-01-01T00:00:00.000Z",
    "payload.n > 1",
];
const ACK: &[&str] = &[
    "ack",
    "x",
    // Tokens of the right shape: of nobody, and of nobody and a time to come.
    "Y3NtXzEvMDAwMDAwMDAwMDAwMDAwMDAwMDAuMDAwMA",
    "Y3NtXzEvdnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dmcuMDAwMA",
];
const PARTNER: &[&str] = &[
    "id",
    "name",
    "transport",
    "as2",
    "sftp",
    "url",
    "as2_id",
    "sign",
    "sha256",
    "mdn_timeout_minutes",
    "basic_auth",
    "username",
    "password",
    "private_key",
    "host",
    "host_key_fingerprints",
    "outbound",
    "inbound",
    "certificates",
    "usage",
    "signing",
    "pem",
    "-----BEGIN CERTIFICATE-----",
    "-----END CERTIFICATE-----",
    "identifiers",
    "contacts",
    "email",
    "a@b.c",
    "sla",
    "deliver_within_seconds",
    "status",
    "http://127.0.0.1:9/",
    "127.0.0.1",
    "••••••••",
];
const SUBSCRIPTION: &[&str] = &[
    "name",
    "url",
    "events",
    "eventType",
    "eventTypes",
    "notificationUrl",
    "secret",
    "headers",
    "partner_id",
    "format",
    "slack",
    "pagerduty",
    "routing_key",
    "0123456789abcdef0123456789abcdef",
    "http://127.0.0.1:9/?apiKey=x",
    "http://user:password@127.0.0.1/",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "••••••••",
    "order.*",
    "a.b",
];
const PIPELINE: &[&str] = &[
    "name",
    "connection",
    "system",
    "genericApi",
    "flatFile",
    "shopify",
    "eventStream",
    "baseUrl",
    "auth",
    "type",
    "bearer",
    "token",
    "maxConcurrent",
    "extraction",
    "sourceId",
    "records",
    "$.a[*]",
    "$..[?(@.b > 1)]",
    "normalization",
    "transformation",
    "fields",
    "target",
    "source",
    "transform",
    "formatDecimal",
    "when",
    "has(record.a)",
    "sourceProfileId",
    "mappings",
    "mappingConfigurationId",
    "load",
    "mode",
    "upsert",
    "instanceId",
    "entityType",
    "cron",
    "*/5 * * * *",
    "timeZone",
    "Europe/Berlin",
    "window",
    "http://127.0.0.1:9/",
    "••••••••",
];
const AUTOMATION: &[&str] = &[
    "workflow",
    "parameters",
    "resend_invoice",
    "reprocess_shipment",
    "regenerate_mdn",
    "replay_transactions",
    "transaction_id",
    "invoice_number",
    "status",
    "dead",
    "dry_run",
    "from",
    "2026-01-01T00:00:00.000Z",
];
const TOKEN: &[&str] = &["client_id", "client_secret", "scope", "grant_type", "client_credentials", "events:read", "x"];

async fn tenant() -> &'static Tenant {
    static TENANT: OnceCell<Tenant> = OnceCell::const_new();
    TENANT.get_or_init(async || shared().await.tenant().await.expect("a tenant")).await
}

/// The status of a request that may be anything but our fault.
fn status(method: &Method, path: &str, body: Vec<u8>) -> u16 {
    runtime().block_on(async {
        let send = |request: reqwest::RequestBuilder| request.header("content-type", "application/json").body(body);
        tenant().await.api.send(method.clone(), path, send).await.expect("an answer").status
    })
}

proptest! {
    #[test]
    fn publish(body in body(EVENT)) {
        let status = status(&Method::POST, "/v1/events", body);
        prop_assert!(matches!(status, 202 | 400 | 413), "{status}");
    }

    #[test]
    fn create_an_integration(body in body(INTEGRATION)) {
        let status = status(&Method::POST, "/v1/integrations", body);
        prop_assert!(matches!(status, 200 | 400 | 409), "{status}");
    }

    #[test]
    fn create_a_partner(body in body(PARTNER)) {
        let status = status(&Method::POST, "/v1/partners", body);
        prop_assert!(matches!(status, 201 | 400 | 409), "{status}");
    }

    #[test]
    fn change_a_partner(body in body(PARTNER)) {
        static MADE: std::sync::Once = std::sync::Once::new();
        let partner = br#"{"id": "fuzzed", "name": "n", "transport": "as2"}"#;
        MADE.call_once(|| assert_eq!(status(&Method::POST, "/v1/partners", partner.to_vec()), 201));
        let status = status(&Method::PATCH, "/v1/partners/fuzzed", body);
        prop_assert!(matches!(status, 200 | 400), "{status}");
    }

    #[test]
    fn ask_for_a_token(body in body(TOKEN)) {
        let status = status(&Method::POST, "/v1/auth/token", body);
        prop_assert!(matches!(status, 200 | 400 | 401), "{status}");
    }

    #[test]
    fn subscribe(body in body(SUBSCRIPTION)) {
        let status = status(&Method::POST, "/v1/webhooks/subscriptions", body);
        prop_assert!(matches!(status, 201 | 400), "{status}");
    }

    #[test]
    fn subscribe_as_myd3(body in body(SUBSCRIPTION)) {
        let status = status(&Method::POST, "/subscription/v1/subscription", body);
        prop_assert!(matches!(status, 201 | 400), "{status}");
    }

    #[test]
    fn register_callback(body in body(SUBSCRIPTION)) {
        let status = status(&Method::PUT, "/v1/partners/nobody/callbacks/Notes", body);
        prop_assert!(matches!(status, 400 | 404), "{status}");
    }

    #[test]
    fn automate(body in body(AUTOMATION)) {
        let status = status(&Method::POST, "/v1/automations/run", body);
        prop_assert!(matches!(status, 202 | 400 | 409), "{status}");
    }

    #[test]
    fn configure_pipelines(body in body(PIPELINE)) {
        for path in ["connection-profiles", "mapping-configurations", "instances", "schedules"] {
            let status = status(&Method::POST, &format!("/v1/{path}"), body.clone());
            prop_assert!(matches!(status, 201 | 400), "{path}: {status}");
        }
        for path in ["sync-events", "dlq/replay"] {
            let status = status(&Method::POST, &format!("/v1/{path}"), body.clone());
            prop_assert!(matches!(status, 202 | 400), "{path}: {status}");
        }
    }

    #[test]
    fn knock_at_pipelines(body in body(PIPELINE)) {
        for path in ["inbound/x", "inbound/shopify/x", "inbound/woocommerce/x", "dlq/x/replay"] {
            let status = status(&Method::POST, &format!("/v1/{path}"), body.clone());
            prop_assert!(matches!(status, 400 | 404), "{path}: {status}");
        }
    }

    #[test]
    fn acknowledge(body in body(ACK)) {
        let status = status(&Method::POST, "/v1/consumers/nobody/ack", body);
        prop_assert!(matches!(status, 400 | 404), "{status}");
    }

    #[test]
    fn cursors_and_parameters(name in "(cursor|limit|from|to|name|after|order|status|direction|partner_id|page|pageSize|cron|timeZone|count)", value in "(\\PC|[A-Za-z0-9_-]){0,60}") {
        let value: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for path in [
            "/v1/events?",
            "/v1/events?order=asc&",
            "/v1/consumers/one/events?",
            "/v1/audit-log?",
            "/v1/integrations?",
            "/v1/partners?",
            "/v1/transactions?",
            "/v1/instances?",
            "/v1/sync-logs?",
            "/v1/dlq?",
            "/v1/schedules/preview?cron=*%20*%20*%20*%20*&",
        ] {
            let status = status(&Method::GET, &format!("{path}{name}={value}"), Vec::new());
            prop_assert!(matches!(status, 200 | 400), "{path}: {status}");
        }
    }

    #[test]
    fn paths(id in "\\PC{1,60}".prop_filter("the client resolves dots", |id| !matches!(id.as_str(), "." | ".."))) {
        let id: String = id.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for path in [
            "/v1/events/ID",
            "/v1/integrations/ID",
            "/v1/integrations/ID/rejected_events/ID",
            "/v1/partners/ID",
            "/v1/webhooks/subscriptions/ID",
            "/subscription/v1/subscription/ID",
            "/v1/transactions/ID",
            "/v1/automations/runs/ID",
            "/v1/connection-profiles/ID",
            "/v1/mapping-configurations/ID",
            "/v1/instances/ID",
            "/v1/schedules/ID",
            "/v1/sync-events/ID",
            "/v1/dlq/ID",
        ] {
            let status = status(&Method::GET, &path.replace("ID", &id), Vec::new());
            prop_assert_eq!(status, 404, "{}", path);
        }
        let gone = status(&Method::DELETE, &format!("/v1/consumers/{id}"), Vec::new());
        prop_assert!(matches!(gone, 204 | 404), "{gone}"); // what follows makes it, and short ones come twice
        let made = status(&Method::GET, &format!("/v1/consumers/{id}/events"), Vec::new());
        prop_assert!(matches!(made, 200 | 400), "{made}");
    }
}
