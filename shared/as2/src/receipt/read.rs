//! Reads a receipt.

use super::Disposition;
use crate::algorithms::Digest;
use crate::fault::{Fault, Modifier};
use crate::keys::Certificate;
use crate::limits::Limits;
use crate::message::signed_part;
use crate::mic::Mic;
use crate::mime::entity::Entity;
use crate::mime::headers::Headers;

/// The most letters of the text for people that are kept.
const MAX_TEXT: usize = 4_096;
/// The most bytes of the part for programs.
const MAX_FIELDS: usize = 64 << 10;
/// How deep its parts may stand in each other.
const MAX_DEPTH: usize = 3;

/// A receipt that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedReceipt {
    /// Whether it is signed by the partner.
    pub signature: SignatureState,
    /// The message it is for.
    pub original_message_id: Option<String>,
    /// What became of the message.
    pub disposition: Disposition,
    /// The MIC of the message as it arrived.
    pub mic: Option<Mic>,
    /// What a person reads.
    pub text: String,
}

/// Whether a receipt is signed by the partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureState {
    /// It has no signature.
    None,
    /// One of the partner's certificates signed it.
    Good(Digest),
    /// It has a signature, which is wrong: the reason.
    Wrong(String),
}

/// Whether a request brings a receipt and not a document, as its headers and first bytes tell.
#[must_use]
pub fn looks_like_receipt(headers: &Headers, body: &[u8]) -> bool {
    let kind = headers.get("Content-Type").unwrap_or("").trim().to_ascii_lowercase();
    if kind.starts_with("multipart/report") {
        return true;
    }
    let beginning = String::from_utf8_lossy(&body[..body.len().min(2_048)]).to_ascii_lowercase();
    kind.starts_with("multipart/signed") && beginning.contains("multipart/report")
}

/// Reads a receipt, signed or not.
///
/// # Errors
/// [`Fault`], if it is none. A wrong signature is no fault: the receipt says so.
pub fn read(
    headers: &Headers,
    body: Vec<u8>,
    partner: &[Certificate],
    digests: &[Digest],
    limits: &Limits,
) -> Result<ReceivedReceipt, Fault> {
    let mut entity = Entity::of_http(headers.clone(), body);
    let mut signature = SignatureState::None;
    if entity.media_type.essence == "multipart/signed" || entity.media_type.is_cms() {
        let part = signed_part(entity, partner, digests, limits)?;
        signature = match part.verdict {
            Ok((digest, _)) => SignatureState::Good(digest),
            Err(error) => SignatureState::Wrong(format!("The receipt {error}.")),
        };
        entity = part.entity?;
    }
    let mut report = Report::default();
    report.collect(&entity, limits, MAX_DEPTH)?;
    let fields = report.fields.ok_or_else(|| no_receipt("has no disposition notification"))?;
    let disposition = fields.get("Disposition").ok_or_else(|| no_receipt("has no disposition"))?;
    let remark = ["Failure", "Error", "Warning"].into_iter().find_map(|name| fields.get(name));
    Ok(ReceivedReceipt {
        signature,
        original_message_id: fields.get("Original-Message-ID").map(|id| id.trim().to_owned()),
        disposition: Disposition::read(disposition).or_text(remark.unwrap_or_default()),
        mic: fields.get("Received-Content-MIC").and_then(Mic::read),
        text: report.text.unwrap_or_default(),
    })
}

fn no_receipt(what: &str) -> Fault {
    Fault::new(Modifier::UnsupportedFormat, format!("The receipt {what}."))
}

#[derive(Default)]
struct Report {
    text: Option<String>,
    fields: Option<Headers>,
}

impl Report {
    fn collect(&mut self, entity: &Entity, limits: &Limits, depth: usize) -> Result<(), Fault> {
        match entity.media_type.essence.as_str() {
            "message/disposition-notification" if self.fields.is_none() => self.fields = Some(fields(entity, limits)?),
            "text/plain" if self.text.is_none() => {
                let text = entity.decoded()?;
                self.text = Some(String::from_utf8_lossy(&text).trim().chars().take(MAX_TEXT).collect());
            }
            kind if kind.starts_with("multipart/") && depth > 0 => {
                for part in entity.parts(limits.parts)? {
                    let part = Entity::read(entity.body()[part].to_vec(), limits.header_bytes)?;
                    self.collect(&part, limits, depth - 1)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The fields for programs, some of which are set apart by empty lines.
fn fields(entity: &Entity, limits: &Limits) -> Result<Headers, Fault> {
    let text = entity.decoded()?;
    if text.len() > MAX_FIELDS {
        return Err(no_receipt("is too large"));
    }
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let lines: Vec<u8> = lines.flat_map(|line| [line, b"\n"].concat()).collect();
    Ok(Headers::read(&lines, limits.header_bytes)?.0)
}
