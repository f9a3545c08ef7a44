//! Between an integration's names for its target and the destination's own.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sluice::domain::route::Way;
use sluice::outbound::{Fault, Refusal};

use crate::http::problem::{FieldError, Problem};

/// An integration's name for a webhook's `url`.
const CALLBACK_URL: &str = "callback_url";
const URL: &str = "url";

/// A kind of destination that integrations offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Callback,
    S3,
}

/// Parameters that a user wrote, in the destination's names.
pub(crate) type Written = (Target, Map<String, Value>);

impl Target {
    /// The kind's name as destinations have it.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Callback => "webhook",
            Self::S3 => "s3",
        }
    }

    /// How a route with such a target gets its events, if it keeps no order.
    pub(crate) const fn way(self) -> Way {
        match self {
            Self::Callback => Way::Live,
            Self::S3 => Way::Export,
        }
    }

    /// The kind of that name, if integrations offer it.
    pub(crate) fn of(kind: &str) -> Option<Self> {
        [Self::Callback, Self::S3].into_iter().find(|target| target.kind() == kind)
    }

    const fn field(self) -> &'static str {
        match self {
            Self::Callback => "/callback_parameters",
            Self::S3 => "/s3_parameters",
        }
    }

    /// The user's parameters, in the destination's names.
    pub(crate) fn written(self, parameters: &impl Serialize) -> Result<Map<String, Value>, Problem> {
        match serde_json::to_value(parameters) {
            Ok(Value::Object(mut fields)) => {
                if self == Self::Callback {
                    rename(&mut fields, CALLBACK_URL, URL);
                }
                Ok(fields)
            }
            Ok(_) => Err(Problem::internal(&"parameters are an object")),
            Err(error) => Err(Problem::internal(&error)),
        }
    }

    /// The destination's public parameters, in the names of integrations.
    pub(crate) fn view<T: DeserializeOwned>(self, mut shown: Value) -> Result<T, Problem> {
        if let Value::Object(fields) = &mut shown
            && self == Self::Callback
        {
            rename(fields, URL, CALLBACK_URL);
        }
        serde_json::from_value(shown).map_err(|error| Problem::internal(&error))
    }

    /// The bad fields, in the names of integrations, and the code of its own that one has.
    pub(crate) fn faults(self, refusal: Refusal) -> Result<TargetFaults, Problem> {
        let faults = match refusal {
            Refusal::Faults(faults) => faults,
            Refusal::Keys(error) => return Err(Problem::internal(&error)),
            Refusal::Stored(error) => return Err(Problem::internal(&error)),
        };
        let code = faults.iter().find_map(|fault| fault.code);
        Ok(TargetFaults { fields: faults.into_iter().map(|fault| self.fault(fault)).collect(), code })
    }

    fn fault(self, Fault { pointer, message, .. }: Fault) -> FieldError {
        let pointer = match (self, pointer.as_str()) {
            (Self::Callback, "/url") => "/callback_url",
            (_, pointer) => pointer,
        };
        FieldError::new(format!("{}{pointer}", self.field()), message)
    }
}

/// The error of a target.
#[derive(Debug, Default)]
pub(crate) struct TargetFaults {
    pub(crate) fields: Vec<FieldError>,
    pub(crate) code: Option<&'static str>,
}

impl TargetFaults {
    /// An answer with these and other bad fields.
    pub(crate) fn problem(self, mut others: Vec<FieldError>) -> Problem {
        others.extend(self.fields);
        let problem = Problem::invalid(others);
        Problem { code: self.code.unwrap_or(problem.code), ..problem }
    }
}

fn rename(fields: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = fields.remove(from) {
        fields.insert(to.to_owned(), value);
    }
}
