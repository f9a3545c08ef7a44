//! The settings: a parameter and an environment variable each.

use sluice::settings::{SETTINGS, Setting};

/// Settings whose values are words of a fixed list.
const CHOICES: &[(&str, &str)] = &[("SLUICE_ALLOW_INSECURE_TARGETS", r#"["off", loopback, all]"#)];

/// The parameters of the settings.
pub(crate) fn parameters() -> String {
    SETTINGS.iter().map(parameter).collect()
}

fn parameter(setting: &Setting) -> String {
    let Setting { name, meaning, default } = setting;
    let number = default.parse::<u64>().is_ok();
    let (kind, default) = if number { ("Number", (*default).to_owned()) } else { ("String", format!("{default:?}")) };
    let choices = CHOICES.iter().find(|(of, _)| of == name);
    let choices = choices.map(|(_, values)| format!("    AllowedValues: {values}\n")).unwrap_or_default();
    format!(
        "  {}:\n    Description: {meaning:?}\n    Type: {kind}\n{choices}    Default: {default}\n",
        parameter_name(name)
    )
}

/// The environment variables of the settings.
pub(crate) fn variables() -> String {
    SETTINGS
        .iter()
        .map(|setting| format!("        {}: !Ref {}\n", setting.name, parameter_name(setting.name)))
        .collect()
}

/// `SLUICE_LOG_RETENTION_DAYS` is the parameter `LogRetentionDays`.
fn parameter_name(variable: &str) -> String {
    let words = variable.trim_start_matches("SLUICE_").split('_');
    words.map(|word| word[..1].to_owned() + &word[1..].to_lowercase()).collect()
}
