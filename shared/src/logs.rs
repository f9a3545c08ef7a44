//! Which log lines are written.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

/// Libraries whose debug lines show their input: keys of customers' buckets, whole requests. The embedded S3 logs each
/// refused request as an error, and the client that sent it logs it again.
const TALKATIVE: [&str; 5] =
    ["aws_smithy_runtime=info", "aws_runtime=info", "aws_config=info", "s3s=off", "s3s_fs=info"];

/// The filter of `SLUICE_LOG`, or `default` without it; some libraries never get below `info`.
#[must_use]
pub fn filter(default: &str) -> EnvFilter {
    let asked = EnvFilter::try_from_env("SLUICE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let quiet = TALKATIVE.iter().filter_map(|directive| directive.parse::<Directive>().ok());
    quiet.fold(asked, EnvFilter::add_directive)
}
