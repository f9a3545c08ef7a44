//! The two kinds of target of an integration.

use serde_json::{Map, Value};
use sluice::domain::route::Way;

use crate::target::Naming;

/// A kind of target, as an integration names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// `callback_parameters`
    Callback,
    /// `s3_parameters`
    S3,
}

/// A target's kind, and its parameters as the destination reads them.
pub(crate) type Written = (Target, Map<String, Value>);

const CALLBACK: Naming = Naming { kind: "webhook", at: "/callback_parameters", names: &[("callback_url", "url")] };
const S3: Naming = Naming { kind: "s3", at: "/s3_parameters", names: &[] };

impl Target {
    /// Its names.
    pub(crate) const fn naming(self) -> &'static Naming {
        match self {
            Self::Callback => &CALLBACK,
            Self::S3 => &S3,
        }
    }

    /// How its events get to it, unless the integration asks for an order.
    pub(crate) const fn way(self) -> Way {
        match self {
            Self::Callback => Way::Live,
            Self::S3 => Way::Export,
        }
    }

    /// The target that has this kind of destination.
    pub(crate) fn of(kind: &str) -> Option<Self> {
        [Self::Callback, Self::S3].into_iter().find(|target| target.naming().kind == kind)
    }
}
