//! A message whose events are being sent, and each event with its attempt.

use std::sync::Arc;

use crate::deadline::Deadline;
use crate::domain::attempt::Attempt;
use crate::domain::event::Event;
use crate::domain::route::Route;
use crate::engine::messages::{Delivery, Recipient};
use crate::outbound::Target;

/// A message whose events are being sent.
pub(super) struct Batch<'a> {
    pub(super) to: &'a Recipient,
    pub(super) delivery: &'a Delivery,
    pub(super) route: &'a Route,
    pub(super) target: Arc<dyn Target>,
    /// When the worker call ends.
    pub(super) deadline: Deadline,
}

/// An event and its attempt; none if the worker gave up before it came to it.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) event: Event,
    pub(super) attempt: Option<Attempt>,
}
