//! Received messages on their way to the one that asked for them.

use tokio::sync::mpsc;

use crate::messages::Received;
use crate::receipt::Receipt;

/// Gives its messages back to the queue unless they are taken: whoever asked for them may have gone at any moment, even
/// between the writer's answer and reading it.
#[derive(Debug)]
pub(crate) struct Handover {
    messages: Vec<Received>,
    back: mpsc::UnboundedSender<Vec<Receipt>>,
}

impl Handover {
    pub(crate) fn new(messages: Vec<Received>, back: mpsc::UnboundedSender<Vec<Receipt>>) -> Self {
        Self { messages, back }
    }

    /// They have arrived.
    pub(crate) fn take(mut self) -> Vec<Received> {
        std::mem::take(&mut self.messages)
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        if !self.messages.is_empty() {
            let receipts = self.messages.iter().map(|message| message.receipt).collect();
            // Without a writer they come back when their timeout is over.
            let _ = self.back.send(receipts);
        }
    }
}
