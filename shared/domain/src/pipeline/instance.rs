//! Instances: a source, a target, and the mappings of the records between them.

use serde::{Deserialize, Serialize};

use super::config::Kind;
use super::load::LoadOptions;
use crate::problems::Problems;

/// The most mappings of an instance.
pub const MAX_MAPPINGS: usize = 50;
/// The most records of a batch.
pub const MAX_BATCH: u32 = 10_000;
/// Records of a batch, unless something else is asked for.
pub const BATCH: u32 = 1_000;

/// An instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "name": "orders to the ERP", "sourceProfileId": "prf_0199c2f1e0a17c3f8b1d2e3f4a5b6c7d",
    "targetProfileId": "prf_0199c2f1e0a17c3f8b1d2e3f4a5b6c7e", "active": true,
    "mappings": [{"mappingConfigurationId": "map_0199c2f1e0a17c3f8b1d2e3f4a5b6c7d",
        "load": {"system": "genericApi", "mode": "upsert", "path": "/orders/{key}"}}],
}))]
pub struct Instance {
    /// A name for people: 1 to 200 bytes.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// The connection profile that is read from.
    pub source_profile_id: String,
    /// The connection profile that is written to.
    pub target_profile_id: String,
    /// One for each entity type: 1 to 50.
    #[schema(min_items = 1, max_items = 50)]
    pub mappings: Vec<Entity>,
    /// Whether it may run.
    #[serde(default)]
    pub active: bool,
    /// Records of a batch: 1 to 10,000, default 1,000.
    #[serde(default = "batch_size")]
    #[schema(minimum = 1, maximum = 10_000)]
    pub batch_size: u32,
    /// A run fails once more records than this have failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub max_errors: Option<u64>,
    /// A run fails once more than this share of its records has failed, in percent; looked at from 100 records on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100)]
    pub max_error_percent: Option<u8>,
}

/// How the records of one entity type get from the source to the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = InstanceMapping)]
pub struct Entity {
    /// The mapping configuration; it names the entity type.
    pub mapping_configuration_id: String,
    /// How the target is written to: `system` is the target's, `genericApi`, `shopify`, `eventStream` or `flatFile`.
    #[schema(value_type = Object)]
    pub load: LoadOptions,
}

fn batch_size() -> u32 {
    BATCH
}

impl Kind for Instance {
    const NAME: &'static str = "instances";
    const PREFIX: &'static str = "ins";
    const MAX: usize = 500;
}

impl Instance {
    /// What is wrong with it by itself.
    #[must_use]
    pub fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        problems.label("/name", &self.name, 200);
        problems.unless(!self.mappings.is_empty(), "/mappings", "must have at least one");
        problems.most("/mappings", self.mappings.len(), MAX_MAPPINGS);
        for (place, mapping) in self.mappings.iter().take(MAX_MAPPINGS).enumerate() {
            problems.within(&format!("/mappings/{place}/load"), mapping.load.problems());
        }
        problems.range("/batchSize", self.batch_size, 1..=MAX_BATCH);
        problems.range("/maxErrorPercent", self.max_error_percent.unwrap_or(0).into(), 0..=100);
        problems
    }

    /// Whether so many failures are too many.
    #[must_use]
    pub fn gives_up(&self, failed: u64, total: u64) -> bool {
        let share = self.max_error_percent.is_some_and(|share| total >= 100 && failed * 100 > total * u64::from(share));
        share || self.max_errors.is_some_and(|most| failed > most)
    }
}

/// Whether an instance runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum EffectiveStatus {
    /// It does.
    Active,
    /// It was not activated.
    Inactive,
    /// It was activated, but a profile or mapping it needs is disabled or missing.
    DependencyInactive,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::load::FileLoad;

    fn instance(max_errors: Option<u64>, max_error_percent: Option<u8>) -> Instance {
        Instance {
            name: "n".into(),
            source_profile_id: "a".into(),
            target_profile_id: "b".into(),
            mappings: vec![Entity {
                mapping_configuration_id: "m".into(),
                load: LoadOptions::FlatFile(FileLoad::default()),
            }],
            active: true,
            batch_size: BATCH,
            max_errors,
            max_error_percent,
        }
    }

    #[test]
    fn a_run_is_given_up_beyond_either_limit() {
        assert!(!instance(None, None).gives_up(1_000, 1_000));
        assert!(instance(Some(2), None).gives_up(3, 3) && !instance(Some(2), None).gives_up(2, 2));
        assert!(instance(None, Some(10)).gives_up(11, 100) && !instance(None, Some(10)).gives_up(10, 100));
        assert!(!instance(None, Some(10)).gives_up(9, 9), "too few to tell");
        assert!(instance(Some(0), Some(100)).gives_up(1, 1));
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        assert!(instance(None, None).problems().0.is_empty());
        let bad = Instance { name: String::new(), mappings: Vec::new(), batch_size: 0, ..instance(None, Some(101)) };
        let pointers: Vec<String> = bad.problems().0.into_iter().map(|(pointer, _)| pointer).collect();
        assert_eq!(pointers, ["/name", "/mappings", "/batchSize", "/maxErrorPercent"]);
    }
}
