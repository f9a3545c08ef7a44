//! Writes `template.yaml` and `infra/data.yaml` from the table of functions and the list of settings.
//!
//! Parts that depend on neither are plain YAML in `parts/`.

mod api;
mod data;
mod functions;
mod limits;
mod monitoring;
mod roles;
mod settings;

use sluice::deployment::FunctionSpec;

const GENERATED: &str = "\
# Generated: change the tables of functions (functions/api/src/lib.rs, functions/workers/src/table.rs) or
# infra/template, then run `sluice template`.
";

/// The template of the whole deployment: `template.yaml`.
#[must_use]
pub fn template() -> String {
    let (endpoints, workers) = (sluice_api::functions(), sluice_workers::functions());
    let all: Vec<FunctionSpec> = endpoints.iter().chain(&workers).copied().collect();
    [
        GENERATED,
        include_str!("../parts/head.yaml"),
        &limits::parameters(&endpoints),
        "  # The settings, as in docs/configuration.md.\n",
        &settings::parameters(),
        include_str!("../parts/conditions.yaml"),
        &limits::conditions(&endpoints),
        &functions::globals(),
        "\nResources:\n",
        include_str!("../parts/data-stack.yaml"),
        &api::body(),
        &functions::endpoints(&endpoints),
        &functions::workers(),
        &roles::roles(&all),
        &monitoring::resources(),
        "\n",
        include_str!("../parts/outputs.yaml"),
    ]
    .concat()
}

/// The template of the nested stack with tables, queues and master keys: `infra/data.yaml`.
#[must_use]
pub fn data() -> String {
    [GENERATED, &data::text()].concat()
}

/// A heading of a group of resources.
fn section(title: &str) -> String {
    format!("\n  # ---- {title} {}\n", "-".repeat(112_usize.saturating_sub(title.len())))
}

/// A flow sequence, or the one item alone.
fn one_or_many(items: &[String]) -> String {
    match items {
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    }
}
