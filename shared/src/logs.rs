//! Which log lines are written.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

/// Libraries whose debug lines show what they are given: keys of customers' buckets, whole requests. The embedded S3
/// writes down as errors what it refuses; whoever asked does so too, and better.
const TALKATIVE: [&str; 5] =
    ["aws_smithy_runtime=info", "aws_runtime=info", "aws_config=info", "s3s=off", "s3s_fs=info"];

/// What `SLUICE_LOG` asks for, `default` where it is missing; some libraries never get below `info`.
#[must_use]
pub fn filter(default: &str) -> EnvFilter {
    let asked = EnvFilter::try_from_env("SLUICE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let quiet = TALKATIVE.iter().filter_map(|directive| directive.parse::<Directive>().ok());
    quiet.fold(asked, EnvFilter::add_directive)
}
