//! The operator's settings, from environment variables.

use std::time::Duration;

use crate::domain::health::{HealthPolicy, ProbeDelays};
use crate::domain::retry::{RetryProfile, RetryProfiles};
use crate::engine::edges::Views;
use crate::engine::shares::ShareSizes;
use crate::outbound::{Reach, TargetPolicy};
use crate::store::Retention;

/// A setting as the documents show it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// Its meaning, with its unit.
    pub meaning: &'static str,
    /// Its default.
    pub default: &'static str,
}

macro_rules! setting {
    ($constant:ident, $name:literal, $default:expr, $meaning:literal) => {
        const $constant: Setting = Setting { name: $name, meaning: $meaning, default: $default };
    };
}

setting!(
    EXPORT_INTERVAL,
    "SLUICE_EXPORT_INTERVAL_SECONDS",
    "300",
    "how long an export file collects events, in seconds (1 to 86400)"
);
setting!(
    EXPORT_MAX_BYTES,
    "SLUICE_EXPORT_MAX_BYTES",
    "52428800",
    "the size at which an export file is closed before its time, in bytes (1024 to 5368709120)"
);
setting!(
    RETRY_STREAM,
    "SLUICE_RETRY_STREAM",
    RetryProfile::STREAM,
    "delays before each retry of an integration or a callback (`ms`, `s`, `m`, `h`, `d`)"
);
setting!(
    RETRY_WEBHOOK,
    "SLUICE_RETRY_WEBHOOK",
    RetryProfile::WEBHOOK,
    "delays before each retry of a webhook subscription"
);
setting!(
    SUSPEND_AFTER,
    "SLUICE_SUSPEND_AFTER_FAILURES",
    "20",
    "failed attempts in a row after which a target is only probed (1 to 1000000)"
);
setting!(
    PROBE_DELAYS,
    "SLUICE_PROBE_DELAYS",
    ProbeDelays::DEFAULT,
    "delays before each probe of a suspended target; the last one repeats (each 15m at most)"
);
setting!(REQUEST_TIMEOUT, "SLUICE_REQUEST_TIMEOUT_SECONDS", "15", "a target's time to answer, in seconds (1 to 60)");
setting!(
    INSECURE_TARGETS,
    "SLUICE_ALLOW_INSECURE_TARGETS",
    "off",
    "`http` and loopback targets: `off`, `loopback` (the default of a local run that listens on loopback) or `all`; always `off` on AWS"
);
setting!(LOG_RETENTION, "SLUICE_LOG_RETENTION_DAYS", "31", "how long the event log is kept, in days (1 to 3650)");
setting!(
    TRANSACTION_RETENTION,
    "SLUICE_TRANSACTION_RETENTION_DAYS",
    "31",
    "how long transactions and their attempts are kept, in days (1 to 3650)"
);
setting!(
    DOCUMENT_RETENTION,
    "SLUICE_DOCUMENT_RETENTION_DAYS",
    "90",
    "how long documents, messages and MDNs are kept, in days (1 to 3650)"
);
setting!(
    DOCUMENT_MAX_BYTES,
    "SLUICE_DOCUMENT_MAX_BYTES",
    "4194304",
    "the largest document, and the largest AS2 message, in bytes (65536 to 104857600; 52428800 in the local run). API Gateway hands a function 6 MB at most, in base64"
);
setting!(
    PUBLIC_URL,
    "SLUICE_PUBLIC_URL",
    "",
    "where partners reach this deployment, such as `https://edi.example.com`: asynchronous MDNs are sent there. If empty, as the caller of `POST /v1/partners/{id}/documents` reached it; the local run uses its own address"
);
setting!(
    LOG_GRACE,
    "SLUICE_LOG_GRACE_MILLISECONDS",
    "10000",
    "how long after its time an event may still reach the log; export and replay read no later than that (200 to 60000; 3000 in the local run)"
);
setting!(
    PUBLISH_MAX_BYTES,
    "SLUICE_PUBLISH_MAX_BYTES",
    "4194304",
    "the largest body of `POST /v1/events`, in bytes (262144 to 5242880; 5242880 in the local run). API Gateway hands a function 6 MB at most, with every quote of the body escaped"
);
setting!(
    SLOW_PER_ROUTE,
    "SLUICE_SLOW_PER_ROUTE",
    "20",
    "how many messages of one webhook the workers hold at once while its target is slow (1 to 10000)"
);
setting!(
    SLOW_PER_TENANT,
    "SLUICE_SLOW_PER_TENANT",
    "100",
    "the same of all webhooks of one tenant's environment (1 to 10000)"
);
setting!(
    CLOCK_TOLERANCE,
    "SLUICE_CLOCK_TOLERANCE_MILLISECONDS",
    "300",
    "how far the clocks of two processes may be apart; starting and stopping a route takes that much longer (0 to 5000; 0 in the local run)"
);
setting!(
    ROUTES_AHEAD,
    "SLUICE_ROUTES_AHEAD_MILLISECONDS",
    "2000",
    "how long before an event's time a worker that matches it may have looked at the routes; starting a route takes that much longer (0 to 10000; 0 in the local run)"
);
setting!(
    ROUTES_BELIEVED,
    "SLUICE_ROUTES_BELIEVED_MILLISECONDS",
    "10000",
    "how long a worker that sends believes what it has seen of the routes; stopping or deleting one takes that long, and a change takes effect within it (50 to 20000; 100 in the local run)"
);
setting!(
    REQUESTS_PER_MINUTE,
    "SLUICE_REQUESTS_PER_MINUTE",
    "60000",
    "how many requests one client or key may make in a minute; 0 is no limit (up to 1000000000; 0 in the local run)"
);
setting!(
    TENANT_REQUESTS_PER_MINUTE,
    "SLUICE_TENANT_REQUESTS_PER_MINUTE",
    "300000",
    "how many requests all clients and keys of a tenant may make in a minute; 0 is no limit (up to 1000000000; 0 in the local run)"
);
setting!(
    FAILED_AUTHENTICATIONS,
    "SLUICE_FAILED_AUTHENTICATIONS_PER_MINUTE",
    "100",
    "how many bad credentials one source address may send in a minute, as each process counts them; 0 is no limit (up to 1000000000; 0 in the local run)"
);
setting!(
    EVENTS_PER_DAY,
    "SLUICE_EVENTS_PER_DAY",
    "100000000",
    "how many events a tenant may publish in a day (UTC), where it has no quota of its own; 0 is no limit (up to 1000000000000; 0 in the local run)"
);

/// Every setting, in the order of the documents.
pub const SETTINGS: &[Setting] = &[
    EXPORT_INTERVAL,
    EXPORT_MAX_BYTES,
    RETRY_STREAM,
    RETRY_WEBHOOK,
    SUSPEND_AFTER,
    PROBE_DELAYS,
    REQUEST_TIMEOUT,
    INSECURE_TARGETS,
    LOG_RETENTION,
    TRANSACTION_RETENTION,
    DOCUMENT_RETENTION,
    DOCUMENT_MAX_BYTES,
    PUBLIC_URL,
    LOG_GRACE,
    PUBLISH_MAX_BYTES,
    SLOW_PER_ROUTE,
    SLOW_PER_TENANT,
    CLOCK_TOLERANCE,
    ROUTES_AHEAD,
    ROUTES_BELIEVED,
    REQUESTS_PER_MINUTE,
    TENANT_REQUESTS_PER_MINUTE,
    FAILED_AUTHENTICATIONS,
    EVENTS_PER_DAY,
];

/// The settings, read and checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// When an export file is closed.
    pub export_interval: Duration,
    /// The size that closes an export file before its time.
    pub export_max_bytes: u64,
    /// How deliveries are retried.
    pub retry: RetryProfiles,
    /// When a target is suspended, and how it is probed.
    pub health: HealthPolicy,
    /// A target's time to answer.
    pub request_timeout: Duration,
    /// Which targets are allowed.
    pub reach: Reach,
    /// How long the event log is kept.
    pub log_retention: Duration,
    /// How long transactions are kept.
    pub transaction_retention: Duration,
    /// How long documents are kept.
    pub document_retention: Duration,
    /// The largest document.
    pub document_max_bytes: usize,
    /// Where partners reach this deployment.
    pub public_url: Option<String>,
    /// How long a write to the log may take after its time was read.
    pub log_grace: Duration,
    /// The largest body of a publish.
    pub publish_max_bytes: usize,
    /// How much of the workers slow targets may take.
    pub shares: ShareSizes,
    /// How old the workers' views of the routes may be.
    pub views: Views,
    /// How many requests one client or key may make in a minute; 0 is no limit.
    pub requests_per_minute: u64,
    /// How many requests all clients and keys of a tenant may make in a minute; 0 is no limit.
    pub tenant_requests_per_minute: u64,
    /// How many bad credentials one source address may send in a minute; 0 is no limit.
    pub failed_authentications_per_minute: u64,
    /// How many events a tenant may publish in a day, where it has no quota of its own; 0 is no limit.
    pub events_per_day: u64,
}

/// A setting that cannot be read: names it and says what it takes.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {value:?} is not valid; {meaning}")]
pub struct BadSetting {
    name: &'static str,
    value: String,
    meaning: String,
}

impl Settings {
    /// Reads them from the process's environment.
    ///
    /// # Errors
    /// The first setting that is not valid.
    pub fn from_env() -> Result<Self, BadSetting> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads them through `lookup`.
    ///
    /// # Errors
    /// The first setting that is not valid.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, BadSetting> {
        let text = |setting: Setting| lookup(setting.name).unwrap_or_else(|| setting.default.to_owned());
        let number = |setting, low, high| parse(setting, text(setting), |t| in_range(t, low, high));
        Ok(Self {
            export_interval: Duration::from_secs(number(EXPORT_INTERVAL, 1, 86_400)?),
            export_max_bytes: number(EXPORT_MAX_BYTES, 1_024, 5_368_709_120)?,
            retry: RetryProfiles {
                stream: parse(RETRY_STREAM, text(RETRY_STREAM), |t| t.parse().ok())?,
                webhook: parse(RETRY_WEBHOOK, text(RETRY_WEBHOOK), |t| t.parse().ok())?,
            },
            health: HealthPolicy {
                suspend_after: u32::try_from(number(SUSPEND_AFTER, 1, 1_000_000)?).unwrap_or(u32::MAX),
                probes: parse(PROBE_DELAYS, text(PROBE_DELAYS), |t| t.parse().ok())?,
            },
            request_timeout: Duration::from_secs(number(REQUEST_TIMEOUT, 1, 60)?),
            reach: parse(INSECURE_TARGETS, text(INSECURE_TARGETS), |t| t.parse::<TargetPolicy>().ok())?.into(),
            log_retention: Duration::from_secs(86_400 * number(LOG_RETENTION, 1, 3_650)?),
            transaction_retention: Duration::from_secs(86_400 * number(TRANSACTION_RETENTION, 1, 3_650)?),
            document_retention: Duration::from_secs(86_400 * number(DOCUMENT_RETENTION, 1, 3_650)?),
            document_max_bytes: usize::try_from(number(DOCUMENT_MAX_BYTES, 65_536, 104_857_600)?).unwrap_or(usize::MAX),
            public_url: parse(PUBLIC_URL, text(PUBLIC_URL), public_url)?,
            log_grace: Duration::from_millis(number(LOG_GRACE, 200, 60_000)?),
            publish_max_bytes: usize::try_from(number(PUBLISH_MAX_BYTES, 262_144, 5_242_880)?).unwrap_or(usize::MAX),
            shares: ShareSizes {
                route: usize::try_from(number(SLOW_PER_ROUTE, 1, 10_000)?).unwrap_or(usize::MAX),
                tenant: usize::try_from(number(SLOW_PER_TENANT, 1, 10_000)?).unwrap_or(usize::MAX),
            },
            views: Views {
                matching: Duration::from_millis(number(ROUTES_AHEAD, 0, 10_000)?),
                sending: Duration::from_millis(number(ROUTES_BELIEVED, 50, 20_000)?),
                tolerance: Duration::from_millis(number(CLOCK_TOLERANCE, 0, 5_000)?),
            },
            requests_per_minute: number(REQUESTS_PER_MINUTE, 0, 1_000_000_000)?,
            tenant_requests_per_minute: number(TENANT_REQUESTS_PER_MINUTE, 0, 1_000_000_000)?,
            failed_authentications_per_minute: number(FAILED_AUTHENTICATIONS, 0, 1_000_000_000)?,
            events_per_day: number(EVENTS_PER_DAY, 0, 1_000_000_000_000)?,
        })
    }
}

impl Settings {
    /// How long records are kept.
    #[must_use]
    pub fn retention(&self) -> Retention {
        Retention {
            log: self.log_retention,
            transactions: self.transaction_retention,
            documents: self.document_retention,
        }
    }
}

/// A URL without a path; none if it is empty.
fn public_url(text: &str) -> Option<Option<String>> {
    if text.is_empty() {
        return Some(None);
    }
    let url = url::Url::parse(text).ok()?;
    let plain = matches!(url.scheme(), "https" | "http") && url.path() == "/" && url.query().is_none();
    plain.then(|| Some(text.trim_end_matches('/').to_owned()))
}

fn in_range(text: &str, low: u64, high: u64) -> Option<u64> {
    text.trim().parse().ok().filter(|n| (low..=high).contains(n))
}

fn parse<T>(setting: Setting, value: String, read: impl Fn(&str) -> Option<T>) -> Result<T, BadSetting> {
    read(&value).ok_or_else(|| BadSetting { name: setting.name, value, meaning: setting.meaning.to_owned() })
}

/// The settings as a Markdown document.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(
        "# Configuration\n\nEnvironment variables, read when a process starts. This page is generated by \
         `cargo run -p sluice-local -- settings`.\n\n| setting | meaning | default |\n| --- | --- | --- |\n",
    );
    for Setting { name, meaning, default } in SETTINGS {
        page.push_str(&format!("| `{name}` | {meaning} | `{default}` |\n"));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_bad_values_are_named() {
        let settings = Settings::read(|_| None).expect("defaults");
        assert_eq!(settings.export_interval, Duration::from_secs(300));
        assert_eq!(settings.retry.stream.retries(), 10);
        for name in SETTINGS.iter().map(|s| s.name) {
            let error = Settings::read(|n| (n == name).then(|| "nonsense".to_owned())).expect_err(name);
            assert!(error.to_string().starts_with(name), "{error}");
        }
    }
}
