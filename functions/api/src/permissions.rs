//! The permission sets of the endpoints.
//!
//! A set is named after what it may do. Its members share one role, so a member that needs more gets another set.
//!
//! Verifying a token takes no key: the public ones are in the table `config`. The ring of stored secrets is for whoever
//! reads routes, partners or connection profiles, and for every POST, whose first answer is kept encrypted.

use sluice::deployment::Action::{BatchWriteItem, DeleteItem, GetItem, PutItem, Query, UpdateItem};
use sluice::deployment::ObjectAction::{GetObject, ListBucket, PutObject};
use sluice::deployment::PermissionSet;
use sluice::queue::Queue;
use sluice::rings::Ring;

/// The permissions of every endpoint behind the guard, which authenticates the caller and counts the call.
/// A change also writes the audit log (`PutItem` on `activity`), and a POST claims its idempotency key, which it
/// releases where it fails (`PutItem` and `DeleteItem`).
const GUARDED: PermissionSet = PermissionSet { counts_calls: true, config: &[GetItem], ..PermissionSet::NONE };

/// The same with the ring of stored secrets.
const SEALED: PermissionSet = PermissionSet { keys: &[Ring::Secrets], ..GUARDED };

/// Issues tokens, and counts the call as one of the credentials it is given.
pub(crate) const AUTHENTICATE: PermissionSet = PermissionSet { name: "Authenticate", keys: &[Ring::Tokens], ..GUARDED };

pub(crate) const READ_PUBLIC_KEYS: PermissionSet =
    PermissionSet { name: "ReadPublicKeys", config: &[GetItem], ..PermissionSet::NONE };

// Reading.

pub(crate) const GET_CONFIG: PermissionSet = PermissionSet { name: "GetConfig", ..GUARDED };

pub(crate) const GET_SEALED: PermissionSet = PermissionSet { name: "GetSealed", ..SEALED };

pub(crate) const LIST_CONFIG: PermissionSet =
    PermissionSet { name: "ListConfig", config: &[GetItem, Query], ..GUARDED };

pub(crate) const LIST_SEALED: PermissionSet = PermissionSet { name: "ListSealed", config: &[GetItem, Query], ..SEALED };

pub(crate) const LIST_ACTIVITY: PermissionSet = PermissionSet { name: "ListActivity", activity: &[Query], ..GUARDED };

/// What happened to a route, which is read first.
pub(crate) const LIST_ACTIVITY_OF_ROUTE: PermissionSet =
    PermissionSet { name: "ListActivityOfRoute", activity: &[Query], ..SEALED };

pub(crate) const GET_ACTIVITY: PermissionSet =
    PermissionSet { name: "GetActivity", activity: &[GetItem, Query], ..GUARDED };

/// The same of a route, or with a payload that is stored encrypted.
pub(crate) const GET_SEALED_ACTIVITY: PermissionSet =
    PermissionSet { name: "GetSealedActivity", keys: SEALED.keys, ..GET_ACTIVITY };

pub(crate) const LIST_EVENTS: PermissionSet = PermissionSet { name: "ListEvents", events: &[Query], ..GUARDED };

/// An event of the publisher's own id is found by the claim on that id.
pub(crate) const GET_EVENT: PermissionSet =
    PermissionSet { name: "GetEvent", events: &[Query], activity: &[GetItem], ..GUARDED };

// Credentials and tenants.

/// Looks for a free place among the tenant's credentials.
pub(crate) const CREATE_CREDENTIALS: PermissionSet = PermissionSet {
    name: "CreateCredentials",
    config: &[GetItem, Query, PutItem],
    activity: &[PutItem, DeleteItem],
    ..SEALED
};

pub(crate) const POST_CONFIG: PermissionSet =
    PermissionSet { name: "PostConfig", config: &[GetItem, PutItem], activity: &[PutItem, DeleteItem], ..SEALED };

pub(crate) const PATCH_CONFIG: PermissionSet =
    PermissionSet { name: "PatchConfig", config: &[GetItem, PutItem], activity: &[PutItem], ..GUARDED };

pub(crate) const DELETE_CREDENTIALS: PermissionSet =
    PermissionSet { name: "DeleteCredentials", config: &[GetItem, DeleteItem], activity: &[PutItem], ..GUARDED };

/// Everything of the tenant goes.
pub(crate) const DELETE_TENANT: PermissionSet = PermissionSet {
    name: "DeleteTenant",
    events: &[Query],
    config: &[GetItem, Query, PutItem, UpdateItem, DeleteItem, BatchWriteItem],
    activity: &[Query, PutItem, DeleteItem, BatchWriteItem],
    ..SEALED
};

// Events and their types.

/// Reads the catalogue of event types, and claims the publisher's ids.
pub(crate) const PUBLISH: PermissionSet = PermissionSet {
    name: "Publish",
    events: &[Query, PutItem],
    config: &[GetItem, Query],
    activity: &[GetItem, PutItem, DeleteItem],
    sends: &[Queue::Dispatch],
    ..SEALED
};

/// Changes a record of a versioned, counted family.
pub(crate) const PUT_RECORD: PermissionSet =
    PermissionSet { name: "PutRecord", config: &[GetItem, PutItem, UpdateItem], activity: &[PutItem], ..GUARDED };

/// The same of a family that is stored encrypted.
pub(crate) const PUT_SEALED: PermissionSet = PermissionSet { name: "PutSealed", keys: SEALED.keys, ..PUT_RECORD };

/// A POST to either.
pub(crate) const POST_RECORD: PermissionSet = PermissionSet {
    name: "PostRecord",
    config: &[GetItem, PutItem, UpdateItem],
    activity: &[PutItem, DeleteItem],
    ..SEALED
};

pub(crate) const DELETE_RECORD: PermissionSet =
    PermissionSet { name: "DeleteRecord", config: &[GetItem, UpdateItem, DeleteItem], activity: &[PutItem], ..GUARDED };

// Consumers.

/// Reads the log from a consumer's position, and creates the consumer on its first use.
pub(crate) const READ_CONSUMER: PermissionSet = PermissionSet {
    name: "ReadConsumer",
    events: &[Query],
    config: &[GetItem, PutItem, UpdateItem],
    activity: &[PutItem],
    ..GUARDED
};

pub(crate) const ACK_CONSUMER: PermissionSet =
    PermissionSet { name: "AckConsumer", config: &[GetItem, UpdateItem], activity: &[PutItem, DeleteItem], ..SEALED };

// Routes.

/// Has the log read again for a route.
pub(crate) const RECOVER_ROUTE: PermissionSet =
    PermissionSet { name: "RecoverRoute", sends: &[Queue::Replay], ..POST_RECORD };

/// An ordered route is called by a message in the delivery queue.
pub(crate) const START_ROUTE: PermissionSet =
    PermissionSet { name: "StartRoute", sends: &[Queue::Replay, Queue::Deliver], ..POST_RECORD };

/// Records prepared for a route that cannot be created are deleted again.
/// Changes a route's state, or sends an event to its target now: one that is gone stops its route. That a route was
/// stopped is announced by an event.
pub(crate) const STOP_ROUTE: PermissionSet = PermissionSet {
    name: "StopRoute",
    events: &[Query, PutItem],
    config: &[GetItem, Query, PutItem, UpdateItem],
    activity: &[GetItem, PutItem, DeleteItem],
    sends: &[Queue::Dispatch],
    ..SEALED
};

/// Changes a route, and starts or stops it.
pub(crate) const SWITCH_ROUTE: PermissionSet =
    PermissionSet { name: "SwitchRoute", sends: &[Queue::Dispatch, Queue::Replay, Queue::Deliver], ..STOP_ROUTE };

pub(crate) const CREATE_ROUTE: PermissionSet = PermissionSet {
    name: "CreateRoute",
    config: &[GetItem, Query, PutItem, UpdateItem, DeleteItem, BatchWriteItem],
    activity: &[Query, PutItem, DeleteItem, BatchWriteItem],
    ..START_ROUTE
};

/// A route's log, rejected events and parked deliveries go with it.
pub(crate) const DELETE_ROUTE: PermissionSet = PermissionSet {
    name: "DeleteRoute",
    config: &[GetItem, Query, UpdateItem, DeleteItem, BatchWriteItem],
    activity: &[Query, PutItem, DeleteItem, BatchWriteItem],
    ..SEALED
};

// Rejected events.

pub(crate) const DELETE_REJECTED: PermissionSet =
    PermissionSet { name: "DeleteRejected", activity: &[GetItem, Query, PutItem, DeleteItem], ..SEALED };

/// The answer of the target may stop or resume the route.
pub(crate) const RETRY_REJECTED: PermissionSet =
    PermissionSet { name: "RetryRejected", activity: &[GetItem, Query, PutItem, DeleteItem], ..STOP_ROUTE };

// Partners.

/// Its deliveries show how a partner is doing.
pub(crate) const GET_PARTNER: PermissionSet =
    PermissionSet { name: "GetPartner", config: &[GetItem, Query], activity: &[GetItem, Query], ..SEALED };

/// A partner goes with its callbacks.
pub(crate) const DELETE_PARTNER: PermissionSet = PermissionSet {
    name: "DeletePartner",
    activity: &[GetItem, Query, PutItem, DeleteItem, BatchWriteItem],
    ..DELETE_ROUTE
};

/// Makes a partner's route with its first document, and starts one that was given up; keeps the document.
pub(crate) const SEND_DOCUMENT: PermissionSet = PermissionSet {
    name: "SendDocument",
    events: &[Query, PutItem],
    config: CREATE_ROUTE.config,
    activity: &[GetItem, Query, PutItem, DeleteItem, BatchWriteItem],
    sends: &[Queue::Dispatch, Queue::Replay, Queue::Deliver],
    documents: &[PutObject],
    ..SEALED
};

/// Takes what partners send, which no guard counts; its MDN may be sent by the partner's route.
pub(crate) const RECEIVE_DOCUMENT: PermissionSet = PermissionSet {
    name: "ReceiveDocument",
    counts_calls: false,
    documents: &[GetObject, PutObject, ListBucket],
    ..SEND_DOCUMENT
};

pub(crate) const READ_DOCUMENT: PermissionSet =
    PermissionSet { name: "ReadDocument", activity: &[GetItem], documents: &[GetObject, ListBucket], ..SEALED };

// Transactions.

pub(crate) const RESEND: PermissionSet = PermissionSet {
    name: "Resend",
    events: &[Query],
    config: &[GetItem, Query],
    activity: &[GetItem, Query, PutItem, UpdateItem, DeleteItem],
    sends: &[Queue::Deliver],
    ..SEALED
};

pub(crate) const START_RUN: PermissionSet =
    PermissionSet { name: "StartRun", activity: &[GetItem, PutItem, DeleteItem], sends: &[Queue::Automate], ..SEALED };

pub(crate) const CANCEL_RUN: PermissionSet =
    PermissionSet { name: "CancelRun", activity: &[GetItem, PutItem, DeleteItem], ..SEALED };

// Pipelines.

/// Reads the instance and the mappings that a schedule names.
pub(crate) const PUT_SCHEDULE: PermissionSet = PermissionSet {
    name: "PutSchedule",
    config: &[GetItem, Query, PutItem, UpdateItem, DeleteItem],
    activity: &[PutItem],
    ..GUARDED
};

/// Reads the profiles and mappings that an instance names.
pub(crate) const PUT_PIPELINE: PermissionSet = PermissionSet { name: "PutPipeline", keys: SEALED.keys, ..PUT_SCHEDULE };

/// The same by a POST.
pub(crate) const POST_PIPELINE: PermissionSet =
    PermissionSet { name: "PostPipeline", activity: &[PutItem, DeleteItem], ..PUT_PIPELINE };

/// Reads the instances that may need what is deleted.
pub(crate) const DELETE_PIPELINE: PermissionSet = PermissionSet {
    name: "DeletePipeline",
    config: &[GetItem, Query, UpdateItem, DeleteItem],
    activity: &[PutItem],
    ..GUARDED
};

pub(crate) const DELETE_PROFILE: PermissionSet =
    PermissionSet { name: "DeleteProfile", keys: SEALED.keys, ..DELETE_PIPELINE };

/// Its system may be the event log.
pub(crate) const TEST_PROFILE: PermissionSet =
    PermissionSet { name: "TestProfile", events: &[Query], activity: &[PutItem, DeleteItem], ..SEALED };

pub(crate) const PREVIEW_MAPPING: PermissionSet =
    PermissionSet { name: "PreviewMapping", config: &[GetItem, Query], activity: &[PutItem, DeleteItem], ..SEALED };

pub(crate) const START_SYNC: PermissionSet = PermissionSet {
    name: "StartSync",
    config: &[GetItem],
    activity: &[PutItem, DeleteItem],
    sends: &[Queue::Sync],
    ..SEALED
};

/// Keeps what came in, and starts its run.
pub(crate) const RECEIVE: PermissionSet = PermissionSet {
    name: "Receive",
    config: &[GetItem],
    activity: &[GetItem, PutItem, DeleteItem],
    sends: &[Queue::Sync],
    ..SEALED
};

/// A delivery is sent again as a transaction is.
pub(crate) const REPLAY_LETTER: PermissionSet =
    PermissionSet { name: "ReplayLetter", sends: &[Queue::Deliver, Queue::Sync], ..RESEND };

pub(crate) const REPLAY_LETTERS: PermissionSet = PermissionSet {
    name: "ReplayLetters",
    activity: &[GetItem, Query, PutItem, DeleteItem],
    sends: &[Queue::Automate, Queue::Sync],
    ..SEALED
};

pub(crate) const DISCARD_LETTER: PermissionSet =
    PermissionSet { name: "DiscardLetter", activity: &[GetItem, Query, PutItem, UpdateItem, DeleteItem], ..SEALED };

pub(crate) const NONE: PermissionSet = PermissionSet::NONE;
