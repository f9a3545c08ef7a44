//! Between a face's names for its target's parameters and the destination's own.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sluice::domain::destination::Destination;
use sluice::domain::scope::Scope;
use sluice::outbound::moved::origin;
use sluice::outbound::{Destinations, Fault, Refusal};

use crate::http::problem::{FieldError, Problem};

/// A face's names for a kind of destination.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Naming {
    /// The destination's kind.
    pub(crate) kind: &'static str,
    /// The pointer of the object that holds the parameters.
    pub(crate) at: &'static str,
    /// The names that differ: the face's, and the destination's own.
    pub(crate) names: &'static [(&'static str, &'static str)],
}

impl Naming {
    /// Parameters as the destination reads them.
    pub(crate) fn written(&self, parameters: &impl Serialize) -> Result<Map<String, Value>, Problem> {
        match serde_json::to_value(parameters) {
            Ok(Value::Object(mut fields)) => {
                self.names.iter().for_each(|(public, own)| rename(&mut fields, public, own));
                Ok(fields)
            }
            Ok(_) => Err(Problem::internal(&"parameters are an object")),
            Err(error) => Err(Problem::internal(&error)),
        }
    }

    /// What the destination shows, under the face's names.
    pub(crate) fn view<T: DeserializeOwned>(&self, mut shown: Value) -> Result<T, Problem> {
        if let Value::Object(fields) = &mut shown {
            self.names.iter().for_each(|(public, own)| rename(fields, own, public));
        }
        serde_json::from_value(shown).map_err(|error| Problem::internal(&error))
    }

    /// What is wrong with parameters, under the face's names.
    pub(crate) fn faults(&self, refusal: Refusal) -> Result<TargetFaults, Problem> {
        let faults = match refusal {
            Refusal::Faults(faults) => faults,
            Refusal::Keys(error) => return Err(Problem::internal(&error)),
            Refusal::Stored(error) => return Err(Problem::internal(&error)),
        };
        let code = faults.iter().find_map(|fault| fault.code);
        Ok(TargetFaults { fields: faults.into_iter().map(|fault| self.fault(fault)).collect(), code })
    }

    /// The destination of these parameters, and the secrets that were made for it, unless other fields are bad too.
    ///
    /// # Errors
    /// 400 with every bad field.
    pub(crate) async fn accept(
        &self,
        destinations: &Destinations,
        scope: &Scope,
        written: Map<String, Value>,
        faults: Vec<FieldError>,
    ) -> Result<(Destination, Map<String, Value>), Problem> {
        match destinations.accept(scope, self.kind, written.into(), None).await {
            Ok(accepted) if faults.is_empty() => Ok(accepted),
            Ok(_) => Err(Problem::invalid(faults)),
            Err(refusal) => Err(self.faults(refusal)?.problem(faults)),
        }
    }

    /// A destination of these parameters in the place of another one; masks keep its secrets.
    ///
    /// # Errors
    /// 400 with every bad field.
    pub(crate) async fn replace(
        &self,
        destinations: &Destinations,
        scope: &Scope,
        written: Map<String, Value>,
        kept: &Destination,
    ) -> Result<Destination, Problem> {
        match destinations.accept(scope, self.kind, written.into(), Some(kept)).await {
            Ok((destination, _)) => Ok(destination),
            Err(refusal) => Err(self.faults(refusal)?.problem(Vec::new())),
        }
    }

    /// A destination with these changes, `null` for what is to go, and the secrets that were made for it, unless other
    /// fields are bad too.
    ///
    /// # Errors
    /// 400 with every bad field.
    pub(crate) async fn patch(
        &self,
        destinations: &Destinations,
        scope: &Scope,
        (changes, kept): (Map<String, Value>, &Destination),
        faults: Vec<FieldError>,
    ) -> Result<(Destination, Map<String, Value>), Problem> {
        match destinations.patch(scope, changes, kept).await {
            Ok(patched) if faults.is_empty() => Ok(patched),
            Ok(_) => Err(Problem::invalid(faults)),
            Err(refusal) => Err(self.faults(refusal)?.problem(faults)),
        }
    }

    fn fault(&self, Fault { pointer, message, .. }: Fault) -> FieldError {
        let own = pointer.strip_prefix('/').unwrap_or_default();
        let (first, rest) = own.split_once('/').map_or((own, None), |(first, rest)| (first, Some(rest)));
        let renamed = self.names.iter().find(|(_, own)| *own == first);
        let pointer = match (renamed, rest) {
            (Some((public, _)), Some(rest)) => format!("/{public}/{rest}"),
            (Some((public, _)), None) => format!("/{public}"),
            (None, _) => pointer,
        };
        FieldError::new(format!("{}{pointer}", self.at), message)
    }
}

/// Whether that URL is on another server than the webhook has been on so far.
pub(crate) fn moves(destinations: &Destinations, kept: &Destination, url: Option<&str>) -> Result<bool, Problem> {
    let shown = destinations.show(kept).map_err(|error| Problem::internal(&error))?;
    let kept = shown.get("url").and_then(Value::as_str).map(origin);
    Ok(url.is_some_and(|url| kept != Some(origin(url))))
}

/// What is wrong with a target.
#[derive(Debug, Default)]
pub(crate) struct TargetFaults {
    pub(crate) fields: Vec<FieldError>,
    /// The error code of the first fault that has one of its own.
    pub(crate) code: Option<&'static str>,
}

impl TargetFaults {
    /// The answer, with the faults of other fields.
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
