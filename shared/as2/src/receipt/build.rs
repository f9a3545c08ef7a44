//! Makes a receipt.

use jiff::Timestamp;

use super::Disposition;
use crate::algorithms::Digest;
use crate::as2_name::As2Name;
use crate::fault::Fault;
use crate::keys::Identity;
use crate::message::{Signing, sign_entity};
use crate::mic::Mic;
use crate::mime::headers::Headers;

/// A receipt to be made.
#[derive(Clone, Copy, Debug)]
pub struct Receipt<'a> {
    /// Our name, to which the message was sent.
    pub from: &'a As2Name,
    /// The sender's name.
    pub to: &'a As2Name,
    /// The receipt's own id, with its angle brackets.
    pub message_id: &'a str,
    /// Now.
    pub at: Timestamp,
    /// The message's id, as it was in its header.
    pub original_message_id: &'a str,
    /// What became of the message.
    pub disposition: &'a Disposition,
    /// The MIC of the message, if it could be opened.
    pub mic: Option<&'a Mic>,
    /// What a person reads.
    pub text: &'a str,
    /// The program that makes it: `example.com; Sluice`.
    pub reporting_agent: &'a str,
    /// With what it is signed, if the sender asked for that.
    pub sign: Option<(Digest, &'a Identity)>,
}

/// A receipt as it goes over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptMessage {
    /// The headers of the response, or of the request if it is asynchronous.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

impl Receipt<'_> {
    /// Makes the receipt.
    ///
    /// # Errors
    /// [`Fault`]: if the digest is one that nothing here signs with.
    pub fn build(&self) -> Result<ReceiptMessage, Fault> {
        let boundary = crate::message::boundary()?;
        let mut content = Headers::new();
        let kind = "multipart/report; report-type=disposition-notification";
        content.push("Content-Type", format!("{kind}; boundary=\"{boundary}\""));
        let body = self.report(&boundary);
        let (content, body) = match self.sign {
            None => (content, body),
            Some((digest, identity)) => {
                let entity = [content.to_bytes(), body].concat();
                let signed = sign_entity(&entity, &Signing { digest, identity, at: self.at })?;
                (signed.headers, signed.body)
            }
        };
        let mut headers = crate::message::as2_headers(self.from, self.to, self.message_id, self.at);
        content.iter().for_each(|(name, value)| headers.push(name, value));
        Ok(ReceiptMessage { headers, body })
    }

    fn report(&self, boundary: &str) -> Vec<u8> {
        let mut text = Headers::new();
        text.push("Content-Type", "text/plain; charset=utf-8");
        text.push("Content-Transfer-Encoding", if self.text.is_ascii() { "7bit" } else { "8bit" });
        let mut notification = Headers::new();
        notification.push("Content-Type", "message/disposition-notification");
        notification.push("Content-Transfer-Encoding", "7bit");
        let delimiter = format!("\r\n--{boundary}");
        let parts: [&[u8]; 9] = [
            &delimiter.as_bytes()[2..],
            b"\r\n",
            &text.to_bytes(),
            self.text.as_bytes(),
            delimiter.as_bytes(),
            b"\r\n",
            &[notification.to_bytes(), self.fields().to_bytes()].concat(),
            delimiter.as_bytes(),
            b"--\r\n",
        ];
        parts.concat()
    }

    fn fields(&self) -> Headers {
        let mut fields = Headers::new();
        fields.push("Reporting-UA", self.reporting_agent);
        let recipient = format!("rfc822; {}", self.from.to_header());
        fields.push("Original-Recipient", recipient.as_str());
        fields.push("Final-Recipient", recipient);
        fields.push("Original-Message-ID", self.original_message_id);
        if let Some(mic) = self.mic {
            fields.push("Received-Content-MIC", mic.to_string());
        }
        fields.push("Disposition", self.disposition.to_string());
        fields
    }
}
