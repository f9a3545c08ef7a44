//! Targets that cannot stand beside each other: the same twice, or `a` beside `a.b`.

use std::collections::{HashMap, HashSet};

use super::{Compiler, Fields, Target};
use crate::mapping::structure::segment;

impl Compiler {
    /// Reports targets of which another one is a part; `at` gives the pointer of a target.
    pub(super) fn nested_targets(&mut self, targets: &[Target], at: impl Fn(usize) -> String) {
        let names: HashSet<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        for (index, target) in targets.iter().enumerate() {
            if let Some(outer) = outer_of(&target.name, &names) {
                self.fault(at(index), format!("cannot stand beside {outer:?}, which it would be a part of"));
            }
        }
    }

    /// Reports constants that a field would write to as well, or to a part of.
    pub(super) fn beside_constants(&mut self, constants: &[Target], fields: &Fields) {
        let at = |name: &str| format!("/transformation/static{}", segment(name));
        self.nested_targets(constants, |index| at(&constants[index].name));
        let names: HashMap<&str, ()> = fields.targets.iter().map(|target| (target.name.as_str(), ())).collect();
        let known: HashSet<&str> = names.keys().copied().collect();
        let fixed: HashSet<&str> = constants.iter().map(|target| target.name.as_str()).collect();
        for constant in constants {
            if known.contains(constant.name.as_str()) {
                self.fault(at(&constant.name), "is the target of a field, too");
            } else if let Some(outer) = outer_of(&constant.name, &known) {
                self.fault(at(&constant.name), format!("cannot stand beside {outer:?}, which it would be a part of"));
            }
        }
        for field in &fields.targets {
            if let Some(outer) = outer_of(&field.name, &fixed) {
                self.fault(at(outer), format!("cannot stand beside {:?}, which would be a part of it", field.name));
            }
        }
    }
}

/// The target that this one is a part of.
fn outer_of<'n>(target: &str, names: &HashSet<&'n str>) -> Option<&'n str> {
    target.match_indices('.').find_map(|(dot, _)| names.get(&target[..dot]).copied())
}
