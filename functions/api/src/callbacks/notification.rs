//! The bodies of notifications, by their types.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sluice::domain::face::callback::NotificationType;
use sluice::domain::time::Millis;
use sluice::outbound::written::parse;

use crate::http::problem::Problem;

/// An id elsewhere: a text or a number.
#[derive(Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "only checked")]
enum Id {
    Text(String),
    Number(u64),
}

/// What all notifications are about: exactly one of the two.
trait Subject {
    fn ids(&self) -> (&Option<Id>, &Option<Id>);
}

macro_rules! notifications {
    ($($(#[$doc:meta])* $name:ident { $($field:ident as $wire:literal: $kind:ty,)+ })+) => {
        $(
            $(#[$doc])*
            #[derive(Deserialize)]
            #[serde(deny_unknown_fields, rename_all = "camelCase")]
            struct $name {
                #[serde(default)]
                process_unique_id: Option<Id>,
                #[serde(default)]
                simulation_unique_id: Option<Id>,
                $(
                    #[serde(rename = $wire)]
                    #[expect(dead_code, reason = "only checked")]
                    $field: $kind,
                )+
            }

            impl Subject for $name {
                fn ids(&self) -> (&Option<Id>, &Option<Id>) {
                    (&self.process_unique_id, &self.simulation_unique_id)
                }
            }
        )+
    };
}

notifications! {
    /// A process has another state.
    WorkflowStateChange {
        state_id as "workflowStateID": Id,
        state as "workflowState": String,
        changed_at as "changedAt": Millis,
    }
    /// A note was added.
    Notes {
        note as "noteUniqueId": Id,
        message as "message": String,
        created_at as "createdAt": Millis,
    }
    /// A document was added.
    Document {
        document as "documentUniqueId": Id,
        kind as "documentTypeID": Id,
        file_name as "fileName": String,
    }
}

/// Checks the body of a notification.
///
/// # Errors
/// 400 with each bad field.
pub(crate) fn check(kind: NotificationType, body: Value) -> Result<(), Problem> {
    match kind {
        NotificationType::WorkflowStateChange => subject::<WorkflowStateChange>(body),
        NotificationType::Notes => subject::<Notes>(body),
        NotificationType::Document => subject::<Document>(body),
    }
}

fn subject<T: DeserializeOwned + Subject>(body: Value) -> Result<(), Problem> {
    let read: T = parse(body).map_err(|refusal| Problem::of_refusal("", refusal))?;
    match read.ids() {
        (Some(_), None) | (None, Some(_)) => Ok(()),
        _ => Err(Problem::field("", "exactly one of processUniqueId and simulationUniqueId is needed")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_type_has_its_fields_and_one_subject() {
        let change = json!({"processUniqueId": "p", "workflowStateID": 3, "workflowState": "done", "changedAt": "2026-01-01T00:00:00Z"});
        let note = json!({"simulationUniqueId": "s", "noteUniqueId": "n", "message": "m", "createdAt": "2026-01-01T00:00:00Z"});
        let document = json!({"processUniqueId": 7, "documentUniqueId": "d", "documentTypeID": 1, "fileName": "a.pdf"});
        let bodies = [change, note, document];
        for (place, kind) in NotificationType::ALL.into_iter().enumerate() {
            for (other, body) in bodies.iter().enumerate() {
                assert_eq!(check(kind, body.clone()).is_ok(), place == other, "{kind:?} {body}");
            }
            let mut both = bodies[place].clone();
            both["processUniqueId"] = json!("p");
            both["simulationUniqueId"] = json!("s");
            assert!(check(kind, both.clone()).is_err(), "both");
            let fields = both.as_object_mut().expect("an object");
            fields.retain(|name, _| !name.ends_with("sUniqueId") && !name.starts_with("simulation"));
            assert!(check(kind, both).is_err(), "neither");
        }
        let problem = check(
            NotificationType::Notes,
            json!({"processUniqueId": "p", "noteUniqueId": "n", "message": "m", "createdAt": "now"}),
        );
        assert_eq!(problem.expect_err("no time").details[0]["pointer"], "/createdAt");
    }
}
