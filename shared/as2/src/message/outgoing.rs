//! Makes a message for a partner.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;

use crate::algorithms::{Cipher, Digest, KeyTransport};
use crate::as2_name::As2Name;
use crate::cms::{CmsError, compressed, enveloped, signed};
use crate::fault::{Fault, Modifier};
use crate::keys::{Certificate, Identity};
use crate::mic::Mic;
use crate::mime::encoding::base64_lines;
use crate::mime::headers::Headers;
use crate::mime::media_type::quote;

/// Compression (RFC 5402) is part of this version.
const AS2_VERSION: &str = "1.1";

/// A message to be made.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Our name.
    pub from: &'a As2Name,
    /// The partner's name.
    pub to: &'a As2Name,
    /// The message's id with its angle brackets. A message that is sent again has the same.
    pub message_id: &'a str,
    /// Now.
    pub at: Timestamp,
    /// The subject.
    pub subject: Option<&'a str>,
    /// The document's type.
    pub content_type: &'a str,
    /// The document's file name.
    pub file_name: Option<&'a str>,
    /// The document.
    pub bytes: &'a [u8],
    /// Whether it is compressed, before it is signed.
    pub compress: bool,
    /// With what it is signed.
    pub sign: Option<(Digest, &'a Identity)>,
    /// How it is encrypted.
    pub encrypt: Option<Encryption<'a>>,
    /// The receipt we ask for.
    pub receipt: Option<ReceiptWish<'a>>,
}

/// How a message is encrypted.
#[derive(Clone, Copy, Debug)]
pub struct Encryption<'a> {
    /// The cipher.
    pub cipher: Cipher,
    /// Whose key opens it.
    pub certificate: &'a Certificate,
    /// How the content's key is encrypted.
    pub transport: KeyTransport,
}

/// The receipt we ask for.
#[derive(Clone, Copy, Debug)]
pub struct ReceiptWish<'a> {
    /// An address of ours. No mail is ever sent to it: its presence asks for the receipt.
    pub notify: &'a str,
    /// Whether it shall be signed.
    pub signed: bool,
    /// Where it shall be sent. None: as the response to the request.
    pub deliver_to: Option<&'a str>,
}

/// A message as it goes over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The headers of the request.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
    /// What the receipt must repeat.
    pub mic: Mic,
}

/// A MIME entity under construction.
pub(crate) struct Part {
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

impl Part {
    fn into_bytes(self) -> Vec<u8> {
        let mut bytes = self.headers.to_bytes();
        bytes.reserve_exact(self.body.len());
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// With what, and when, an entity is signed.
#[derive(Clone, Copy)]
pub(crate) struct Signing<'a> {
    pub(crate) digest: Digest,
    pub(crate) identity: &'a Identity,
    pub(crate) at: Timestamp,
}

impl Outgoing<'_> {
    /// Makes the message.
    ///
    /// # Errors
    /// [`Fault`]: if the digest is one that nothing here signs with, or the certificate's key cannot encrypt.
    pub fn build(&self) -> Result<Sent, Fault> {
        // The digest that the signature has is the one we ask for, because partners take now the one, now the other.
        let digest = self.sign.map_or(Digest::Sha256, |(digest, _)| digest);
        let mut part = self.document();
        let mut mic = Mic::of(digest, &part.body);
        if self.compress {
            let entity = part.into_bytes();
            mic = Mic::of(digest, &entity);
            part = cms_part("compressed-data", "smime.p7z", compressed::build(&entity)?);
        }
        if let Some((digest, identity)) = self.sign {
            let entity = part.into_bytes();
            mic = Mic::of(digest, &entity);
            part = sign_entity(&entity, &Signing { digest, identity, at: self.at })?;
        }
        if let Some(Encryption { cipher, certificate, transport }) = self.encrypt {
            let entity = part.into_bytes();
            if self.sign.is_none() && !self.compress {
                mic = Mic::of(digest, &entity);
            }
            let kind = if cipher.block().is_some() { "enveloped-data" } else { "authEnveloped-data" };
            part = cms_part(kind, "smime.p7m", enveloped::build(entity, cipher, certificate, transport)?);
        }
        let mut headers = as2_headers(self.from, self.to, self.message_id, self.at);
        headers.push("Subject", unstructured(self.subject.unwrap_or("AS2 message")));
        if let Some(receipt) = &self.receipt {
            receipt.write(digest, &mut headers);
        }
        part.headers.iter().for_each(|(name, value)| headers.push(name, value));
        Ok(Sent { headers, body: part.body, mic })
    }

    fn document(&self) -> Part {
        let mut headers = Headers::new();
        headers.push("Content-Type", self.content_type);
        headers.push("Content-Transfer-Encoding", "binary");
        if let Some(name) = self.file_name {
            headers.push("Content-Disposition", attachment(name));
        }
        Part { headers, body: self.bytes.to_vec() }
    }
}

impl ReceiptWish<'_> {
    fn write(&self, digest: Digest, headers: &mut Headers) {
        headers.push("Disposition-Notification-To", self.notify);
        let name = digest.plain_name();
        let options = match self.signed {
            true => {
                format!("signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, {name}")
            }
            false => format!("signed-receipt-micalg=optional, {name}"),
        };
        headers.push("Disposition-Notification-Options", options);
        if let Some(url) = self.deliver_to {
            headers.push("Receipt-Delivery-Option", url);
        }
    }
}

/// The headers that messages and receipts have in common.
pub(crate) fn as2_headers(from: &As2Name, to: &As2Name, message_id: &str, at: Timestamp) -> Headers {
    let mut headers = Headers::new();
    headers.push("AS2-Version", AS2_VERSION);
    headers.push("AS2-From", from.to_header());
    headers.push("AS2-To", to.to_header());
    headers.push("Message-ID", message_id);
    headers.push("Date", at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string());
    headers.push("MIME-Version", "1.0");
    headers
}

/// `multipart/signed` around an entity.
pub(crate) fn sign_entity(entity: &[u8], signing: &Signing<'_>) -> Result<Part, Fault> {
    if !signing.digest.can_sign() {
        let detail = format!("Nothing is signed with {}: it is broken.", signing.digest);
        return Err(Fault::new(Modifier::UnsupportedMicAlgorithms, detail));
    }
    let signature = signed::build(entity, signing.digest, signing.identity, signing.at)?;
    let boundary = boundary()?;
    let mut inner = Headers::new();
    inner.push("Content-Type", "application/pkcs7-signature; name=\"smime.p7s\"; smime-type=signed-data");
    inner.push("Content-Transfer-Encoding", "base64");
    inner.push("Content-Disposition", "attachment; filename=\"smime.p7s\"");
    let mut body = Vec::with_capacity(entity.len() + signature.len() * 2 + 1_024);
    body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
    body.extend_from_slice(entity);
    body.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
    body.extend_from_slice(&inner.to_bytes());
    body.extend_from_slice(&base64_lines(&signature));
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let mut headers = Headers::new();
    let protocol = "multipart/signed; protocol=\"application/pkcs7-signature\"";
    headers.push("Content-Type", format!("{protocol}; micalg={}; boundary=\"{boundary}\"", signing.digest));
    Ok(Part { headers, body })
}

pub(crate) fn boundary() -> Result<String, Fault> {
    let mut random = [0_u8; 16];
    rand::fill(&mut random).map_err(|_| CmsError::Crypto)?;
    Ok(random.iter().fold("=_".to_owned(), |text, byte| format!("{text}{byte:02x}")))
}

fn cms_part(kind: &str, name: &str, body: Vec<u8>) -> Part {
    let mut headers = Headers::new();
    headers.push("Content-Type", format!("application/pkcs7-mime; smime-type={kind}; name=\"{name}\""));
    // Else some partners change the line breaks in it before they decrypt it.
    headers.push("Content-Transfer-Encoding", "binary");
    headers.push("Content-Disposition", format!("attachment; filename=\"{name}\""));
    Part { headers, body }
}

/// A text of any letters, as headers can hold it (RFC 2047).
fn unstructured(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    // An encoded word has at most 75 letters: 45 bytes are 60 digits.
    let mut words: Vec<String> = vec![String::new()];
    for letter in text.chars() {
        if words.last().is_some_and(|word| word.len() + letter.len_utf8() > 45) {
            words.push(String::new());
        }
        words.last_mut().into_iter().for_each(|word| word.push(letter));
    }
    let words: Vec<String> = words.iter().map(|word| format!("=?UTF-8?B?{}?=", BASE64.encode(word))).collect();
    words.join(" ")
}

/// A file name of any letters is also given in the extended form, which only newer partners read.
fn attachment(name: &str) -> String {
    let plain: String = name.chars().map(|letter| if letter.is_ascii() { letter } else { '_' }).collect();
    let mut value = format!("attachment; filename={}", quote(&plain));
    if !name.is_ascii() {
        value.push_str("; filename*=UTF-8''");
        for byte in name.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' => value.push(char::from(byte)),
                _ => value.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    value
}
