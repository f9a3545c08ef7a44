//! Which log lines are written.

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::Filter;
use tracing_subscriber::registry::LookupSpan;

/// The filter of `SLUICE_LOG`, or `default` without it, for our own lines.
pub fn filter<S>(default: &str) -> impl Filter<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let asked = EnvFilter::try_from_env("SLUICE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    FilterExt::<S>::and(asked, filter_fn(is_fit))
}

/// Whether a line can have no secret in it. Below `info` libraries show their input: keys of customers' buckets, whole
/// requests. The embedded S3 logs each refused request as an error, and the client that sent it logs it again. What goes
/// wrong with a server by SSH is in its attempt.
fn is_fit(line: &Metadata<'_>) -> bool {
    let of = line.target().split("::").next().unwrap_or_default();
    of.starts_with("sluice") || (!["s3s", "russh"].contains(&of) && *line.level() <= Level::INFO)
}
