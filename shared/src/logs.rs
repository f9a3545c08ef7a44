//! Which log lines are written.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

/// Libraries whose debug lines show what they are given: keys of customers' buckets, whole requests.
const TALKATIVE: [&str; 5] = ["aws_smithy_runtime", "aws_runtime", "aws_config", "s3s", "s3s_fs"];

/// What `SLUICE_LOG` asks for, `default` where it is missing; some libraries never get below `info`.
#[must_use]
pub fn filter(default: &str) -> EnvFilter {
    let asked = EnvFilter::try_from_env("SLUICE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let quiet = TALKATIVE.iter().filter_map(|library| format!("{library}=info").parse::<Directive>().ok());
    quiet.fold(asked, EnvFilter::add_directive)
}
