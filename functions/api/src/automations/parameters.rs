//! The parameters of each workflow.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sluice::domain::automation::{Document, Job, Workflow};
use sluice::domain::time::Millis;
use sluice::domain::transaction::{TransactionFilter, TransactionId, TransactionStatus};
use sluice::outbound::written::parse;

use crate::http::problem::Problem;

/// An invoice: by its transaction, or by its number.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResendInvoice {
    #[serde(default)]
    transaction_id: Option<String>,
    #[serde(default)]
    invoice_number: Option<String>,
}

/// A shipment: by its transaction, or by its number.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReprocessShipment {
    #[serde(default)]
    transaction_id: Option<String>,
    #[serde(default)]
    shipment_number: Option<String>,
}

/// A document that came.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegenerateMdn {
    transaction_id: String,
}

/// Which transactions, and whether they are only counted.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ReplayTransactions {
    status: Option<TransactionStatus>,
    partner_id: Option<String>,
    document_type: Option<String>,
    from: Option<Millis>,
    to: Option<Millis>,
    dry_run: bool,
}

/// The work of a workflow with these parameters.
pub(crate) fn job(workflow: Workflow, parameters: Value) -> Result<Job, Problem> {
    match workflow {
        Workflow::ResendInvoice => {
            let ResendInvoice { transaction_id, invoice_number } = read(parameters)?;
            document(Document::Invoice, transaction_id, invoice_number, "invoice_number")
        }
        Workflow::ReprocessShipment => {
            let ReprocessShipment { transaction_id, shipment_number } = read(parameters)?;
            document(Document::Shipment, transaction_id, shipment_number, "shipment_number")
        }
        Workflow::RegenerateMdn => {
            let RegenerateMdn { transaction_id: transaction } = read(parameters)?;
            match transaction.parse::<TransactionId>() {
                Ok(_) => Ok(Job::Receipt { transaction }),
                Err(error) => Err(Problem::field("/parameters/transaction_id", format!("is {error}"))),
            }
        }
        Workflow::ReplayTransactions => {
            let ReplayTransactions { status, partner_id, document_type, from, to, dry_run } = read(parameters)?;
            let statuses = status.into_iter().collect();
            let filter = TransactionFilter {
                statuses,
                partner_id,
                document_type,
                deliveries: true,
                from,
                to,
                ..TransactionFilter::default()
            };
            Ok(Job::Replay { filter, dry_run })
        }
    }
}

fn document(
    document: Document,
    transaction: Option<String>,
    number: Option<String>,
    field: &str,
) -> Result<Job, Problem> {
    match (transaction, number) {
        (Some(transaction), None) => match transaction.parse::<TransactionId>() {
            Ok(_) => Ok(Job::Resend { transaction }),
            Err(error) => Err(Problem::field("/parameters/transaction_id", format!("is {error}"))),
        },
        (None, Some(number)) if (1..=200).contains(&number.len()) => Ok(Job::Find { document, number }),
        (None, Some(_)) => Err(Problem::field(format!("/parameters/{field}"), "must be 1 to 200 bytes")),
        _ => Err(Problem::field("/parameters", format!("exactly one of transaction_id and {field} is needed"))),
    }
}

fn read<T: DeserializeOwned>(parameters: Value) -> Result<T, Problem> {
    parse(parameters).map_err(|refusal| Problem::of_refusal("/parameters", refusal))
}
