//! What is kept of each kind of configuration beside its record.

use std::sync::Arc;

use super::configs::Kept;
use crate::domain::mapping::Mapping;
use crate::domain::pipeline::instance::Instance;
use crate::domain::pipeline::profile::StoredProfile;
use crate::domain::pipeline::schedule::Schedule;
use crate::domain::pipeline::specification::MappingConfiguration;

impl Kept for StoredProfile {
    type Compiled = ();

    fn compile(&self) {}
}

impl Kept for Instance {
    type Compiled = ();

    fn compile(&self) {}
}

impl Kept for Schedule {
    type Compiled = ();

    fn compile(&self) {}
}

/// A mapping is compiled once a revision. One that an earlier version accepted may be refused by this one.
impl Kept for MappingConfiguration {
    type Compiled = Option<Arc<Mapping>>;

    fn compile(&self) -> Option<Arc<Mapping>> {
        let document = serde_json::from_str(&self.document).ok()?;
        let compiled = Mapping::compile(&document);
        compiled
            .map_err(|faults| tracing::error!(name = self.name, ?faults, "a mapping cannot be compiled"))
            .ok()
            .map(Arc::new)
    }
}
