//! The settings: a parameter and an environment variable each.

use sluice::settings::{SETTINGS, Setting};

/// A setting for the local run alone. On AWS its default holds: no target is `http` or an address of the network inside.
const LOCAL: &str = "SLUICE_ALLOW_INSECURE_TARGETS";

/// The parameters of the settings.
pub(crate) fn parameters() -> String {
    deployed().map(parameter).collect()
}

fn deployed() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| setting.name != LOCAL)
}

fn parameter(setting: &Setting) -> String {
    let Setting { name, meaning, default } = setting;
    let number = default.parse::<u64>().is_ok();
    let (kind, default) = if number { ("Number", (*default).to_owned()) } else { ("String", format!("{default:?}")) };
    format!("  {}:\n    Description: {meaning:?}\n    Type: {kind}\n    Default: {default}\n", parameter_name(name))
}

/// The environment variables of the settings.
pub(crate) fn variables() -> String {
    deployed().map(|setting| format!("        {}: !Ref {}\n", setting.name, parameter_name(setting.name))).collect()
}

/// `SLUICE_LOG_RETENTION_DAYS` is the parameter `LogRetentionDays`.
fn parameter_name(variable: &str) -> String {
    let words = variable.trim_start_matches("SLUICE_").split('_');
    words.map(|word| word[..1].to_owned() + &word[1..].to_lowercase()).collect()
}
