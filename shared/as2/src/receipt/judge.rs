//! Compares a receipt with what was sent.

use super::{ReceivedReceipt, SignatureState};
use crate::mic::Mic;

/// What a receipt must say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected<'a> {
    /// The id of the message that was sent.
    pub message_id: &'a str,
    /// Its MIC.
    pub mic: &'a Mic,
    /// Whether the receipt must be signed.
    pub signed: bool,
}

/// What a receipt means for the message that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The partner has it, as it was sent. With what the partner remarks.
    Accepted {
        /// A warning.
        warning: Option<String>,
    },
    /// The partner has something else than was sent, or does not say what.
    MicDifferent {
        /// The MIC that the receipt has.
        theirs: Option<Mic>,
    },
    /// The partner refuses it, for this reason.
    Rejected {
        /// The reason.
        reason: String,
    },
    /// It is for another message.
    OtherMessage {
        /// The id that it names.
        message_id: Option<String>,
    },
    /// Its signature is wrong, or it should have one.
    Untrusted {
        /// The reason.
        reason: String,
    },
}

impl ReceivedReceipt {
    /// What it means for a message that was sent. An untrusted receipt means nothing else.
    #[must_use]
    pub fn judge(&self, expected: &Expected<'_>) -> Verdict {
        match &self.signature {
            SignatureState::Wrong(reason) => return Verdict::Untrusted { reason: reason.clone() },
            SignatureState::None if expected.signed => {
                return Verdict::Untrusted { reason: "The receipt is not signed.".to_owned() };
            }
            _ => {}
        }
        if self.original_message_id.as_deref().is_none_or(|id| bare(id) != bare(expected.message_id)) {
            return Verdict::OtherMessage { message_id: self.original_message_id.clone() };
        }
        if !self.disposition.is_positive() {
            let reason = [self.disposition.text(), &self.text, "The partner gives no reason."]
                .into_iter()
                .find(|text| !text.is_empty());
            return Verdict::Rejected { reason: reason.unwrap_or_default().to_owned() };
        }
        if self.mic.as_ref() != Some(expected.mic) {
            return Verdict::MicDifferent { theirs: self.mic.clone() };
        }
        let warning = Some(self.disposition.text()).filter(|text| !text.is_empty());
        Verdict::Accepted { warning: warning.map(str::to_owned) }
    }
}

fn bare(id: &str) -> &str {
    id.trim().trim_start_matches('<').trim_end_matches('>')
}
