//! Opens a message from a partner.

use super::envelope::ReceiptRequest;
use super::layer::{cms_of, signed_part};
use crate::algorithms::{Cipher, Digest};
use crate::asn1::oids;
use crate::cms::{CmsError, compressed, content_of, enveloped};
use crate::fault::{Fault, Modifier};
use crate::keys::{Certificate, Identity};
use crate::limits::Limits;
use crate::mic::Mic;
use crate::mime::entity::Entity;
use crate::mime::headers::Headers;
use crate::mime::media_type::MediaType;

/// The most letters of a file's name.
const MAX_FILE_NAME: usize = 255;

/// What a partner's messages must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether messages that are not signed are refused.
    pub require_signed: bool,
    /// Whether messages that are not encrypted are refused.
    pub require_encrypted: bool,
    /// The digests that signatures may have.
    pub digests: Vec<Digest>,
    /// The ciphers that messages may be encrypted with.
    pub ciphers: Vec<Cipher>,
}

/// Signed and encrypted, without what is old.
impl Default for Policy {
    fn default() -> Self {
        Self {
            require_signed: true,
            require_encrypted: true,
            digests: vec![Digest::Sha256, Digest::Sha384, Digest::Sha512],
            ciphers: Cipher::MODERN.to_vec(),
        }
    }
}

/// Who opens a message, and from whom.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    /// Our keys: during a rollover the old one and the new one.
    pub ours: &'a [&'a Identity],
    /// The certificates with which the partner may sign.
    pub partner: &'a [Certificate],
    /// What the partner's messages must have.
    pub policy: &'a Policy,
    /// What a message may cost.
    pub limits: Limits,
}

/// A message that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// What was in it.
    pub document: Document,
    /// How it was protected.
    pub protections: Protections,
    /// For the receipt.
    pub mic: Mic,
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its type, as the sender wrote it.
    pub content_type: String,
    /// Its file's name, without folders.
    pub file_name: Option<String>,
    /// The document itself.
    pub bytes: Vec<u8>,
}

/// How a message was protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protections {
    /// The signature's digest.
    pub signed: Option<Digest>,
    /// The cipher.
    pub encrypted: Option<Cipher>,
    /// Whether it was compressed.
    pub compressed: bool,
}

/// Opens a message: decrypts, verifies and decompresses it, in the order in which its layers come.
///
/// # Errors
/// [`Fault`], with what the receipt should say.
pub fn open(headers: &Headers, body: Vec<u8>, recipient: &Recipient<'_>) -> Result<Received, Fault> {
    let mut opening =
        Opening { recipient, protections: Protections::default(), mic: None, genuine: true, may_be_noise: false };
    let opened = opening.layers(Entity::of_http(headers.clone(), body), headers);
    // Everything that is found wrong in noise has one name: see `Identity::content_key`.
    let is_noise = !opening.genuine || (opening.may_be_noise && opened.is_err());
    if is_noise { Err(CmsError::Undecryptable.into()) } else { opened }
}

struct Opening<'a> {
    recipient: &'a Recipient<'a>,
    protections: Protections,
    mic: Option<Mic>,
    /// Whether the content's key could be decrypted.
    genuine: bool,
    /// Whether the content was decrypted in CBC mode, which makes noise of what was changed, and nothing shows yet that
    /// it is more. Who sends variants of somebody else's message must not learn how far each was understood, nor which
    /// had good padding: byte by byte, the content would follow. So all that is wrong has one name, and noise is no
    /// header.
    ///
    /// What remains is that some variants are accepted: those that differ where no signature reaches. Of a message that
    /// need not be signed, that is all but its headers. And the time it takes. GCM has neither.
    may_be_noise: bool,
}

impl Opening<'_> {
    fn layers(&mut self, mut entity: Entity, headers: &Headers) -> Result<Received, Fault> {
        let mut layers = 0;
        while entity.media_type.is_cms() || entity.media_type.essence == "multipart/signed" {
            layers += 1;
            if layers > self.recipient.limits.layers {
                return Err(CmsError::Unsupported("too many layers of protection".to_owned()).into());
            }
            entity = self.layer(entity)?;
        }
        self.check()?;
        let mic = match self.mic.take() {
            Some(mic) => mic,
            // The bytes include the headers, unless these came with HTTP, where proxies change them.
            None => {
                Mic::of(ReceiptRequest::read(headers).map_or(Digest::Sha1, |asked| asked.mic_digest()), entity.bytes())
            }
        };
        Ok(Received { document: document(entity)?, protections: self.protections, mic })
    }

    fn layer(&mut self, entity: Entity) -> Result<Entity, Fault> {
        let Recipient { policy, limits, .. } = self.recipient;
        if !entity.media_type.is_cms() {
            return self.signed(entity);
        }
        let structure = cms_of(entity)?;
        let content = match content_of(&structure)?.0 {
            oids::ENVELOPED_DATA | oids::AUTH_ENVELOPED_DATA => return self.decrypted(structure),
            oids::COMPRESSED_DATA if self.protections.compressed => return Err(CmsError::Incompressible.into()),
            // Encryption stands around compression (RFC 5402), so nothing is inflated to look for it. It may stand in
            // what is signed, so that is verified first.
            oids::COMPRESSED_DATA if policy.require_encrypted && self.protections.encrypted.is_none() => {
                return Err(insufficient("encrypted"));
            }
            oids::COMPRESSED_DATA => {
                self.protections.compressed = true;
                compressed::open(&structure, limits.inflated_bytes)?
            }
            oids::SIGNED_DATA => {
                let headers = [("Content-Type", "application/pkcs7-mime"), ("Content-Transfer-Encoding", "binary")];
                return self.signed(Entity::of_http(headers.into_iter().collect(), structure));
            }
            kind => return Err(CmsError::Unsupported(format!("the CMS type {kind}")).into()),
        };
        Ok(Entity::read(content, limits.header_bytes)?)
    }

    fn decrypted(&mut self, structure: Vec<u8>) -> Result<Entity, Fault> {
        let Recipient { ours, policy, limits, .. } = self.recipient;
        let opened = enveloped::open(structure, ours, &policy.ciphers)?;
        self.genuine &= opened.genuine;
        self.may_be_noise |= opened.cipher.block().is_some();
        self.protections.encrypted = Some(opened.cipher);
        let entity = Entity::read(opened.content, limits.header_bytes)?;
        // Or an empty line with which noise begins, or a line break in it, would make a difference.
        let is_legible = entity.headers.are_text() && entity.headers.get("Content-Type").is_some();
        if self.may_be_noise && !is_legible { Err(CmsError::Undecryptable.into()) } else { Ok(entity) }
    }

    fn signed(&mut self, entity: Entity) -> Result<Entity, Fault> {
        let Recipient { partner, policy, limits, .. } = self.recipient;
        let is_detached = !entity.media_type.is_cms();
        let part = signed_part(entity, partner, &policy.digests, limits)?;
        // A signature beside its content is read whatever the content is, so what is wrong with it tells only that the
        // content is another. Of one around its content, BER in pieces would tell where the pieces end.
        self.may_be_noise &= part.verdict.as_ref().is_err_and(|error| !is_detached || !error.is_of_signature());
        let (digest, mic) = part.verdict?;
        self.protections.signed = Some(digest);
        self.mic.get_or_insert(mic);
        Ok(part.entity?)
    }

    fn check(&mut self) -> Result<(), Fault> {
        let Policy { require_encrypted, require_signed, .. } = *self.recipient.policy;
        let missing = match self.protections {
            Protections { encrypted: None, .. } if require_encrypted => "encrypted",
            Protections { signed: None, .. } if require_signed => "signed",
            _ => return Ok(()),
        };
        // Only headers were read until here, and compressed data with a checksum: noise in these is refused.
        self.may_be_noise = false;
        Err(insufficient(missing))
    }
}

fn insufficient(missing: &str) -> Fault {
    Fault::new(Modifier::InsufficientMessageSecurity, format!("The message is not {missing}."))
}

fn document(entity: Entity) -> Result<Document, Fault> {
    let content_type = entity.headers.get("Content-Type").unwrap_or("application/octet-stream").to_owned();
    let disposition = entity.headers.get("Content-Disposition").map(MediaType::read);
    let file_name =
        disposition.and_then(|disposition| disposition.text("filename")).or_else(|| entity.media_type.text("name"));
    Ok(Document {
        content_type,
        file_name: file_name.and_then(|name| plain_file_name(&name)),
        bytes: entity.into_decoded()?,
    })
}

/// The last part of a path, without control characters.
fn plain_file_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last.chars().filter(|letter| !letter.is_control()).take(MAX_FILE_NAME).collect();
    let plain = plain.trim();
    (!plain.is_empty() && plain != "." && plain != "..").then(|| plain.to_owned())
}
