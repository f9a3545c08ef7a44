//! `GET /v1/automations`: the workflows that can be run.

use axum::Json;
use serde::Serialize;
use sluice::domain::automation::Workflow;

use crate::http::auth::{AutomationsRun, Needs};

/// The workflows.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AutomationList {
    automations: Vec<Automation>,
}

/// A workflow.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Automation {
    workflow: Workflow,
    description: &'static str,
    parameters: Vec<Parameter>,
}

/// A parameter of a workflow.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Parameter {
    #[schema(max_length = 100)]
    name: &'static str,
    description: &'static str,
}

const fn parameter(name: &'static str, description: &'static str) -> Parameter {
    Parameter { name, description }
}

const TRANSACTION: Parameter = parameter("transaction_id", "the transaction that is sent again");

impl From<Workflow> for Automation {
    fn from(workflow: Workflow) -> Self {
        let (description, parameters) = match workflow {
            Workflow::ResendInvoice => (
                "Sends an invoice again: one transaction, or the newest event that has the number.",
                vec![
                    TRANSACTION,
                    parameter("invoice_number", "the value of `invoice_number` or `invoiceNumber` in the payload"),
                ],
            ),
            Workflow::ReprocessShipment => (
                "Sends a shipment again: one transaction, or the newest event that has the number.",
                vec![
                    TRANSACTION,
                    parameter("shipment_number", "the value of `shipment_number` or `shipmentNumber` in the payload"),
                ],
            ),
            Workflow::RegenerateMdn => ("Sends the asynchronous MDN of a document that came again.", vec![TRANSACTION]),
            Workflow::ReplayTransactions => (
                "Sends transactions again: all that the parameters ask for together.",
                vec![
                    parameter("status", "only in this state"),
                    parameter("partner_id", "only of this partner"),
                    parameter("document_type", "only of this kind of document"),
                    parameter("from", "of events logged at this time or later"),
                    parameter("to", "of events logged before this time"),
                    parameter("dry_run", "true only counts them"),
                ],
            ),
        };
        Self { workflow, description, parameters }
    }
}

/// List the automations
#[utoipa::path(
    get, path = "/v1/automations", operation_id = "automations.list", tag = "automations",
    responses((status = 200, description = "The workflows and their parameters", body = AutomationList)),
    security(("oauth2" = ["automations:run"]), ("bearer" = []), ("api_key" = [])),
)]
pub(crate) async fn list(_: Needs<AutomationsRun>) -> Json<AutomationList> {
    Json(AutomationList { automations: Workflow::ALL.into_iter().map(Automation::from).collect() })
}
