//! Automations: work over many transactions that a user asks for, and its progress.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::Event;
use crate::time::Millis;
use crate::transaction::TransactionFilter;

/// A kind of automation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Workflow {
    /// Sends an invoice again.
    ResendInvoice,
    /// Sends a shipment again.
    ReprocessShipment,
    /// Sends the receipt of an AS2 message again.
    RegenerateMdn,
    /// Sends transactions again.
    ReplayTransactions,
}

impl Workflow {
    /// Every one.
    pub const ALL: [Self; 4] =
        [Self::ResendInvoice, Self::ReprocessShipment, Self::RegenerateMdn, Self::ReplayTransactions];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ResendInvoice => "resend_invoice",
            Self::ReprocessShipment => "reprocess_shipment",
            Self::RegenerateMdn => "regenerate_mdn",
            Self::ReplayTransactions => "replay_transactions",
        }
    }

    /// The workflow of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|workflow| workflow.as_str() == name)
    }
}

/// The work of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// Sends one transaction again.
    Resend {
        /// Its id.
        transaction: String,
    },
    /// Sends the receipt of a document that came again.
    Receipt {
        /// Its transaction.
        transaction: String,
    },
    /// Finds the newest event of a document, and sends its transactions again.
    Find {
        /// The kind of document.
        document: Document,
        /// Its number.
        number: String,
    },
    /// Sends the transactions again that a filter asks for.
    Replay {
        /// Which.
        filter: TransactionFilter,
        /// Only counts them.
        dry_run: bool,
    },
}

/// A kind of document that is found by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Document {
    /// An invoice.
    Invoice,
    /// A shipment.
    Shipment,
}

impl Document {
    /// The fields of a payload that hold its number, as publishers write them.
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Invoice => &["invoice_number", "invoiceNumber", "InvoiceNumber", "invoice_no", "invoiceNo"],
            Self::Shipment => &["shipment_number", "shipmentNumber", "ShipmentNumber", "shipment_no", "shipmentNo"],
        }
    }

    /// Whether an event is about the document of that number: a field of its payload, however deep, says so.
    #[must_use]
    pub fn is_in(self, event: &Event, number: &str) -> bool {
        let text = event.payload.get();
        // Most payloads have none of the fields: they are not even parsed.
        self.fields().iter().any(|field| text.contains(field))
            && serde_json::from_str(text).is_ok_and(|payload: Value| self.names(&payload, number))
    }

    fn names(self, value: &Value, number: &str) -> bool {
        match value {
            Value::Object(fields) => fields.iter().any(|(name, value)| {
                let is = match value {
                    Value::String(text) => text == number,
                    Value::Number(own) => own.to_string() == number,
                    _ => false,
                };
                (is && self.fields().contains(&name.as_str())) || self.names(value, number)
            }),
            Value::Array(items) => items.iter().any(|item| self.names(item, number)),
            _ => false,
        }
    }
}

/// The state of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It has not begun.
    Queued,
    /// It is under way.
    Running,
    /// It is done.
    Succeeded,
    /// It could not be done.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl RunStatus {
    /// Whether it has ended.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Progress {
    /// Transactions that were looked at.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub processed: u64,
    /// Transactions that are being sent again.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub resent: u64,
    /// Transactions that cannot be sent again: their route or their event is gone, or their route keeps an order.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub skipped: u64,
}

/// A run of an automation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// Which automation.
    pub workflow: Workflow,
    /// Its parameters, as they were given.
    pub parameters: Value,
    /// Its work.
    pub job: Job,
    /// Its state.
    pub status: RunStatus,
    /// How far it has come.
    pub progress: Progress,
    /// Where it continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was asked for.
    pub created_at: Millis,
    /// When it changed last.
    pub updated_at: Millis,
    /// Counts its writes.
    pub revision: u64,
}

impl Run {
    /// A run that has not begun.
    #[must_use]
    pub fn new(id: String, workflow: Workflow, parameters: Value, job: Job, now: Millis) -> Self {
        Self {
            id,
            workflow,
            parameters,
            job,
            status: RunStatus::Queued,
            progress: Progress::default(),
            cursor: None,
            error: None,
            created_at: now,
            updated_at: now,
            revision: 1,
        }
    }

    /// Ends it.
    pub fn end(&mut self, status: RunStatus, error: Option<String>) {
        (self.status, self.error, self.cursor) = (status, error, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::tests::event;

    #[test]
    fn a_document_is_found_by_its_number_wherever_it_stands() {
        let is = |payload: &str| Document::Invoice.is_in(&event("evt_1", payload), "4711");
        for found in
            [r#"{"invoice_number":"4711"}"#, r#"{"invoiceNumber":4711}"#, r#"{"a":[{"b":{"InvoiceNumber":"4711"}}]}"#]
        {
            assert!(is(found), "{found}");
        }
        for other in [
            r#"{"invoice_number":"47110"}"#,
            r#"{"number":"4711","text":"invoice_number"}"#,
            r#"{"shipment_number":"4711"}"#,
            r#"{"invoice_number":["4711"]}"#,
        ] {
            assert!(!is(other), "{other}");
        }
        assert!(Document::Shipment.is_in(&event("evt_1", r#"{"shipment_number":"4711"}"#), "4711"));
    }

    #[test]
    fn workflows_have_names_and_runs_end() {
        for workflow in Workflow::ALL {
            assert_eq!(Workflow::named(workflow.as_str()), Some(workflow));
            assert_eq!(serde_json::to_value(workflow).expect("JSON"), workflow.as_str());
        }
        assert_eq!(Workflow::named("format_disk"), None);
        let job = Job::Resend { transaction: "txn_1".into() };
        let mut run = Run::new("run_1".into(), Workflow::ResendInvoice, Value::Null, job, Millis(1));
        run.cursor = Some("x".into());
        assert!(!run.status.is_over() && !RunStatus::Running.is_over());
        run.end(RunStatus::Failed, Some("no".into()));
        assert!(run.status.is_over() && run.cursor.is_none() && run.error.as_deref() == Some("no"));
        assert!(RunStatus::Cancelled.is_over() && RunStatus::Succeeded.is_over());
    }
}
