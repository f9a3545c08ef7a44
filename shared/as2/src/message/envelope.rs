//! What the headers of a message say, before anything is decrypted.

use crate::algorithms::Digest;
use crate::as2_name::As2Name;
use crate::fault::{Fault, Modifier};
use crate::mime::headers::Headers;
use crate::mime::media_type::{MediaType, split};

/// The most bytes of a message's id.
const MAX_ID: usize = 998;

/// The AS2 headers of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Who sent it.
    pub from: As2Name,
    /// Who it is for.
    pub to: As2Name,
    /// Its `Message-ID`, with the angle brackets that it had.
    pub message_id: String,
    /// Its subject.
    pub subject: Option<String>,
    /// The receipt that the sender asks for.
    pub receipt: Option<ReceiptRequest>,
}

/// What kind of receipt the sender asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptRequest {
    /// Whether it should be signed.
    pub signed: bool,
    /// The digests it may have, the best first. Those we do not know are left out.
    pub digests: Vec<Digest>,
    /// Where to send it. None: it is the response to the request.
    pub deliver_to: Option<String>,
    /// Something that the sender insists on and we do not have.
    pub unsupported: Option<Modifier>,
}

impl Envelope {
    /// Reads the headers of a message.
    ///
    /// # Errors
    /// [`Fault`], if the sender, the receiver or the id is missing or malformed.
    pub fn read(headers: &Headers) -> Result<Self, Fault> {
        let name = |field: &str| {
            let value = headers.get(field).ok_or_else(|| malformed(&format!("has no {field} header")))?;
            As2Name::of_header(value).map_err(|error| malformed(&format!("has a {field} header that {error}")))
        };
        let message_id = headers.get("Message-ID").map(str::trim).filter(|id| !id.is_empty() && id.len() <= MAX_ID);
        Ok(Self {
            from: name("AS2-From")?,
            to: name("AS2-To")?,
            message_id: message_id.ok_or_else(|| malformed("has no usable Message-ID"))?.to_owned(),
            subject: headers.get("Subject").map(str::to_owned),
            receipt: ReceiptRequest::read(headers),
        })
    }
}

fn malformed(what: &str) -> Fault {
    Fault::new(Modifier::UnexpectedProcessingError, format!("The message {what}."))
}

impl ReceiptRequest {
    /// Reads what a message asks for; none if it asks for no receipt.
    #[must_use]
    pub fn read(headers: &Headers) -> Option<Self> {
        headers.get("Disposition-Notification-To")?;
        let options =
            MediaType::read(&format!("options; {}", headers.get("Disposition-Notification-Options").unwrap_or("")));
        let option = |name: &str| {
            let mut values =
                split(options.parameter(name)?, ',').into_iter().map(|value| value.trim().to_ascii_lowercase());
            let required = values.next()? == "required";
            Some((required, values.collect::<Vec<_>>()))
        };
        let protocol = option("signed-receipt-protocol");
        let digests = option("signed-receipt-micalg");
        let known = |names: &[String]| names.iter().filter_map(|name| Digest::named(name)).collect::<Vec<_>>();
        let known_protocol = |names: &[String]| names.iter().any(|name| name.ends_with("pkcs7-signature"));
        let unsupported = match (&protocol, &digests) {
            (Some((true, names)), _) if !known_protocol(names) => Some(Modifier::UnsupportedFormat),
            (_, Some((true, names))) if known(names).is_empty() => Some(Modifier::UnsupportedMicAlgorithms),
            _ => None,
        };
        let deliver_to = headers.get("Receipt-Delivery-Option").map(str::trim).filter(|url| !url.is_empty());
        Some(Self {
            signed: protocol.is_some_and(|(_, names)| known_protocol(&names)),
            digests: digests.map(|(_, names)| known(&names)).unwrap_or_default(),
            deliver_to: deliver_to.map(str::to_owned),
            unsupported,
        })
    }

    /// The digest to sign the receipt with. Nothing here signs with SHA-1, so that becomes SHA-256.
    #[must_use]
    pub fn signing_digest(&self) -> Digest {
        self.digests.iter().copied().find(|digest| digest.can_sign()).unwrap_or(Digest::Sha256)
    }

    /// The digest of the MIC of a message that is not signed. Of a signed one it is the signature's.
    #[must_use]
    pub fn mic_digest(&self) -> Digest {
        self.digests.first().copied().unwrap_or(Digest::Sha1)
    }
}
