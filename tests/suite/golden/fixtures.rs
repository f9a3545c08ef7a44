//! What is written: every kind of record, with all that it may have.

use anyhow::Result;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sluice::domain::event::Event;
use sluice::domain::export::Position;
use sluice::domain::ids::ChunkId;

use super::NOW;

/// A record from what its JSON is.
pub(crate) fn of<T: DeserializeOwned>(value: Value) -> Result<T> {
    Ok(serde_json::from_value(value)?)
}

pub(crate) fn event() -> Result<Event> {
    let text = json!({
        "id": "evt_1", "name": "order.created", "published_at": NOW, "logged_at": NOW, "payload": {"n": 1},
        "partner_id": "p-1", "document_type": "850", "ordering_key": "k-1",
    });
    // A payload is read from text only.
    Ok(serde_json::from_str(&text.to_string())?)
}

pub(crate) fn scope() -> Value {
    json!({"tenant": "acme", "environment": "production"})
}

pub(crate) fn routes() -> Vec<Value> {
    let faces = [
        json!({"integration": {"integration_type": "temporary"}}),
        json!({"subscription": {"name": "alerts", "format": {"pagerduty": {"routing_key": "0123456789abcdef0123456789abcdef"}}}}),
        json!("myd3"),
        json!({"callback": {"partner": "p-1", "notification": "Document"}}),
    ];
    let ways = [("live", "stream"), ("ordered", "webhook"), ("export", "stream"), ("live", "webhook")];
    let route = |(n, (face, (way, retry))): (usize, (Value, (&str, &str)))| {
        json!({
            "uid": format!("rt_{n}"), "face": face, "id": format!("r-{n}"),
            "filter": {"entity_filter": ["order"], "event_filter": ["*.created"], "payload_filter": "payload.n > 0"},
            "partner_id": "p-1", "destination": {"webhook": {"url": "https://example.com/", "headers": {"x-a": "b"}}},
            "way": way, "retry": retry, "deliver_within_seconds": 60,
            "window": {"starts_at": NOW, "ends_at": NOW},
            "state": {
                "status": "suspended", "origin": NOW, "live_from": NOW, "gaps": [[NOW, NOW]], "live_until": NOW,
                "finished": true, "suspended_at": NOW, "stretches": 3,
                "backlog": [{"from": ChunkId::floor(NOW), "done": 1, "to": NOW, "replay": true}],
            },
            "created_at": NOW, "updated_at": NOW, "revision": 1,
        })
    };
    faces.into_iter().zip(ways).enumerate().map(route).collect()
}

pub(crate) fn event_type() -> Value {
    json!({
        "name": "order.created", "description": "An order.", "schema": "{\"type\":\"object\"}",
        "created_at": NOW, "updated_at": NOW, "revision": 1,
    })
}

pub(crate) fn partner() -> Value {
    json!({
        "id": "p-1", "uid": "ptr_1", "created_at": NOW, "updated_at": NOW, "revision": 1,
        "profile": {
            "name": "Example", "transport": "as2",
            "as2": {
                "url": "https://as2.example.com/", "as2_id": "EXAMPLE", "identity": "main", "sign": "sha512",
                "encrypt": "aes256-gcm", "compress": true, "mdn": "async", "mdn_signed": true, "accept_legacy": true, "subject": "s",
                "basic_auth": {"username": "u", "password": "v1.k1.AAAA"},
            },
            "sftp": {
                "host": "sftp.example.com", "port": 22, "username": "u", "password": "v1.k1.AAAA",
                "private_key": "v1.k1.AAAA", "host_key_fingerprints": ["SHA256:AAAA"],
                "inbound": {"directory": "out", "pattern": "*", "every_minutes": 5, "after": "delete"},
            },
            "certificates": [{
                "usage": "signing", "pem": "-----BEGIN CERTIFICATE-----", "subject": "CN=a", "issuer": "CN=b",
                "serial": "01", "fingerprint": "00", "not_before": NOW, "not_after": NOW, "key_type": "rsa",
                "key_bits": 2048,
            }],
            "identifiers": {"gln": "4012345000009"},
            "contacts": [{"name": "A", "email": "a@example.com", "role": "edi"}],
            "sla": {"deliver_within_seconds": 60}, "status": "inactive",
        },
    })
}

pub(crate) fn identity() -> Value {
    json!({
        "id": "us", "uid": "idt_1", "name": "Us", "as2_id": "US", "created_at": NOW, "updated_at": NOW, "revision": 1,
        "keys": [{
            "private_key": "v1.k1.AAAA", "signs_from": NOW,
            "certificate": {
                "pem": "-----BEGIN CERTIFICATE-----", "subject": "CN=a", "issuer": "CN=b", "serial": "01",
                "fingerprint": "00", "not_before": NOW, "not_after": NOW, "key_type": "rsa", "key_bits": 3072,
            },
        }],
    })
}

pub(crate) fn document() -> Value {
    json!({
        "id": "doc_1", "partner_id": "p-1", "route": "rt_0", "direction": "outbound", "size": 3, "sha256": "00",
        "facts": {
            "content_type": "application/edi-x12", "file_name": "a.edi", "correlation_id": "c", "document_type": "810",
            "control_numbers": [{"standard": "x12", "interchange": "1", "groups": ["2"], "messages": ["3"]}],
            "defects": ["d"],
        },
        "base_url": "https://edi.example.com",
        "message": {
            "id": "<1@sluice>", "mic": "AA==, sha-256", "key": "messages/msg_1", "mdn": "async", "mdn_signed": true,
            "mdn_timeout_minutes": 30, "waits_until": NOW,
        },
        "receipt": {
            "key": "receipts/mdn_1", "conclusive": true, "positive": true, "reason": "r",
            "deliver_to": "https://partner.example.com/", "delivered_at": NOW, "at": NOW,
        },
        "again": true,
        "acknowledgments": [{
            "document_id": "doc_2", "level": "group", "control_number": "2", "status": "accepted", "code": "A", "at": NOW,
        }],
        "created_at": NOW, "updated_at": NOW, "revision": 1,
    })
}

pub(crate) fn credential() -> Value {
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    json!({
        "id": "client_acme_1", "kind": "client", "tenant": "acme", "name": "first", "scopes": "events:read",
        "secret": digest, "retired": [{"secret": digest, "until": NOW}], "created_at": NOW, "ends_at": NOW,
        "revoked_at": NOW, "revision": 1,
    })
}

pub(crate) fn tenant() -> Value {
    json!({
        "id": "acme", "name": "Acme", "operator": true, "events_per_day": 1_000_000, "status": "active",
        "created_at": NOW, "revision": 1,
    })
}

pub(crate) fn export() -> Value {
    let at = Position::at(NOW);
    json!({
        "scope": scope(), "route": "rt_2", "route_id": "r-2", "from": at, "closed_at": NOW, "ends_at": NOW,
        "plan": {"key": "a/b.ndjson", "to": NOW, "by_size": true, "end": at}, "probe": {"number": 1, "at": NOW},
        "revision": 1,
    })
}

/// One that succeeded at once, or one that failed.
pub(crate) fn outcome(n: u32, attempt: u32, status: &str) -> Value {
    json!({
        "route": {"uid": "rt_0", "kind": "integration", "id": "r-0"}, "direction": "inbound",
        "event": format!("evt_{n}"), "name": "order.created", "logged_at": NOW, "partner_id": "p-1",
        "document_type": "850", "attempt": attempt, "status": status, "code": 200, "millis": 12, "response": "ok",
        "error": "none", "at": NOW, "discarded": attempt > 1,
    })
}

pub(crate) fn automation_of_mdn() -> Value {
    json!({
        "id": "run_2", "workflow": "regenerate_mdn", "parameters": {}, "job": {"receipt": {"transaction": "txn_1"}},
        "status": "queued", "progress": {"processed": 0, "resent": 0, "skipped": 0}, "created_at": NOW,
        "updated_at": NOW, "revision": 1,
    })
}

pub(crate) fn automation() -> Value {
    json!({
        "id": "run_1", "workflow": "replay_transactions", "parameters": {"status": "dead"},
        "job": {"replay": {"filter": {"statuses": ["dead"], "partner_id": "p-1"}, "dry_run": true}},
        "status": "running", "progress": {"processed": 3, "resent": 2, "skipped": 1}, "cursor": "c", "error": "e",
        "created_at": NOW, "updated_at": NOW, "revision": 1,
    })
}

pub(crate) fn profile() -> Value {
    json!({
        "name": "shop", "maxConcurrent": 5, "enabled": true,
        "connection": {
            "system": "genericApi", "baseUrl": "https://erp.example.com/", "headers": {"x-a": "b"}, "testPath": "/status",
            "auth": {"type": "oauth2", "tokenUrl": "https://erp.example.com/token", "clientId": "c",
                     "clientSecret": "v1.k1.AAAA", "scope": "s"},
        },
    })
}

pub(crate) fn mapping() -> Value {
    json!({"name": "orders", "entity_type": "order", "document": "{\"name\":\"orders\"}"})
}

pub(crate) fn instance() -> Value {
    json!({
        "name": "orders", "sourceProfileId": "prf_1", "targetProfileId": "prf_2", "active": true, "batchSize": 10,
        "mappings": [{"mappingConfigurationId": "map_1", "load": {"system": "shopify", "entity": "order"}}],
        "maxErrors": 10, "maxErrorPercent": 5,
    })
}

pub(crate) fn schedule() -> Value {
    json!({
        "instanceId": "ins_1", "entityType": "order", "cron": "*/5 * * * *", "timeZone": "Europe/Berlin",
        "enabled": true, "mode": "fullSync",
    })
}

pub(crate) fn runs() -> Vec<Value> {
    let jobs = [
        json!({"sync": {"mode": "incremental", "source_ids": ["1"], "window": {"from": "a", "to": "b"}}}),
        json!({"inbound": {"triggered_at": NOW}}),
        json!({"replay": {"letters": {"one": {"id": "dl_1", "payload": "{}"}}, "count": 1}}),
        json!({"replay": {"letters": {"some": {"instance": "ins_1", "category": "transient"}}, "count": 1}}),
    ];
    let run = |(n, job): (usize, Value)| {
        json!({
            "id": format!("sync_{n}"), "instance": "ins_1", "entity_type": "order", "trigger": "schedule",
            "schedule": "sch_1", "job": job, "max_entities": 10, "batch_size": 5, "dry_run": true,
            "status": "partialSuccess", "reason": "r", "stage": "execute",
            "counts": {"total": 4, "success": 1, "failed": 2, "skipped": 1},
            "progress": {"position": "p", "read": true, "whole": true, "from": "f", "newest": "n", "batches": 2,
                         "done": "d", "pace": 3, "failures": 1},
            "errors": [{"sourceId": "1", "stage": "execute", "error": "e", "deadLetterId": "dl_1"}],
            "samples": ["{}"], "leased_until": NOW, "cursor": "c", "created_at": NOW, "started_at": NOW,
            "ended_at": NOW, "updated_at": NOW, "revision": 1,
        })
    };
    jobs.into_iter().enumerate().map(run).collect()
}

pub(crate) fn letter() -> Value {
    json!({
        "id": "dl_1", "instance": "ins_1", "entity_type": "order", "run": "sync_0", "source_id": "1",
        "transaction": "txn_1", "direction": "inbound", "attempt": 2, "stage": "execute", "category": "transient",
        "field": "/a", "value": "1", "error": "e", "kept": true, "triggered_at": NOW, "status": "replayed",
        "replayed_by": "sync_2", "created_at": NOW, "updated_at": NOW, "revision": 1,
    })
}

pub(crate) fn activities() -> Vec<Value> {
    let event = json!({"id": "evt_1", "name": "order.created"});
    let failure = json!({"target": "t", "reason": "r", "event": event, "events": 2, "attempt": 1, "attempts": 11});
    vec![
        json!({"what": "started"}),
        json!({"what": "stopped", "cause": "target_gone"}),
        json!({"what": "updated"}),
        json!({"what": "replay_requested", "from": NOW, "to": NOW}),
        json!({"what": "suspended", "target": "t", "reason": "r"}),
        json!({"what": "resumed"}),
        json!({"what": "delivery_failed", "failure": failure, "next_attempt_ms": 5}),
        json!({"what": "event_rejected", "failure": failure}),
        json!({"what": "rejected_event_dropped", "event": event}),
        json!({"what": "event_dead", "failure": failure}),
        json!({"what": "file_written", "key": "k", "events": 1, "bytes": 2}),
        json!({"what": "file_failed", "key": "k", "reason": "r"}),
    ]
}

pub(crate) fn audit() -> Value {
    json!({
        "id": "aud_1", "time": NOW, "actor": "client_acme_1", "action": "integrations.create",
        "entity_type": "integration", "entity_id": "r-0", "details": {"request_id": "req_1"}, "source_ip": "192.0.2.1",
    })
}
