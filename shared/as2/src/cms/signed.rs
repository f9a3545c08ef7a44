//! `SignedData`, detached or around its content.

use const_oid::ObjectIdentifier as Oid;
use jiff::Timestamp;

use super::{CmsError, Place, content_of};
use crate::algorithms::Digest;
use crate::asn1::ber::{INTEGER, Reader, SEQUENCE, SET, UTC_TIME, Value, context};
use crate::asn1::der::{self, Layer};
use crate::asn1::oids;
use crate::keys::{Certificate, Identity};

/// The most signers of one message that are looked at.
const MAX_SIGNERS: usize = 8;
/// The most bytes of signed attributes.
const MAX_ATTRIBUTES: usize = 64 << 10;

/// The signature of a content that stands elsewhere.
pub(crate) fn build(content: &[u8], digest: Digest, identity: &Identity, at: Timestamp) -> Result<Vec<u8>, CmsError> {
    let certificate = identity.certificate();
    let attributes = vec![
        attribute(oids::CONTENT_TYPE, &der::oid(oids::DATA)),
        attribute(oids::MESSAGE_DIGEST, &der::octets(&digest.of(content))),
        attribute(oids::SIGNING_TIME, &utc_time(at)),
    ];
    let attributes = der::set_of(attributes);
    let signature = identity.sign(digest, &attributes).ok_or(CmsError::Crypto)?;
    // The same bytes under another tag: they are signed as a set, and sent as a field.
    let mut sent = attributes;
    sent[0] = context(0);
    let signer = der::sequence(&[
        &der::number(1),
        &der::sequence(&[&certificate.issuer, &der::value(INTEGER, &[&certificate.serial])]),
        &der::algorithm(digest.oid()),
        &sent,
        &der::algorithm(oids::RSA),
        &der::octets(&signature),
    ]);
    let before = [
        der::number(1),
        der::set_of(vec![der::algorithm(digest.oid())]),
        der::sequence(&[&der::oid(oids::DATA)]),
        der::value(context(0), &[certificate.der()]),
        der::value(SET, &[&signer]),
    ];
    let layers = [
        Layer::new(SEQUENCE, der::oid(oids::SIGNED_DATA)),
        Layer::new(context(0), Vec::new()),
        Layer::new(SEQUENCE, before.concat()),
    ];
    Ok(der::enclose(&layers, &[]))
}

fn attribute(kind: Oid, value: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::oid(kind), &der::value(SET, &[value])])
}

fn utc_time(at: Timestamp) -> Vec<u8> {
    der::value(UTC_TIME, &[at.strftime("%y%m%d%H%M%SZ").to_string().as_bytes()])
}

/// What a `SignedData` says, apart from its certificates: those we need are pinned, and odd ones must not disturb.
pub(crate) struct Signed<'a> {
    content: Option<Value<'a>>,
    signers: Vec<Signer<'a>>,
}

struct Signer<'a> {
    digest: Option<Digest>,
    pss: bool,
    attributes: Option<Value<'a>>,
    signature: Vec<u8>,
}

impl<'a> Signed<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, CmsError> {
        let (kind, content) = content_of(bytes)?;
        if kind != oids::SIGNED_DATA {
            return Err(CmsError::Unsupported(format!("the signature type {kind}")));
        }
        let mut fields = content.children()?;
        fields.expect(INTEGER)?;
        fields.expect(SET)?;
        let mut encapsulated = fields.expect(SEQUENCE)?.children()?;
        encapsulated.next()?.oid()?;
        let content = match encapsulated.optional(context(0))? {
            Some(explicit) => Some(explicit.children()?.next()?),
            None => None,
        };
        fields.optional(context(0))?;
        fields.optional(context(1))?;
        let mut infos = fields.expect(SET)?.children()?;
        let mut signers = Vec::new();
        while !infos.is_empty() && signers.len() < MAX_SIGNERS {
            signers.push(Signer::read(infos.expect(SEQUENCE)?.children()?)?);
        }
        Ok(Self { content, signers })
    }

    /// The content, if it stands in the structure.
    pub(crate) fn place(&self) -> Result<Option<Place>, CmsError> {
        self.content.as_ref().map(Place::of).transpose()
    }

    /// The digest with which one of the certificates has signed the content.
    pub(crate) fn verify(
        &self,
        content: &[u8],
        pinned: &[Certificate],
        allowed: &[Digest],
    ) -> Result<Digest, CmsError> {
        // What is nearest to being right is what the partner should hear.
        let mut worst = CmsError::Stranger;
        for signer in &self.signers {
            match signer.verify(content, pinned, allowed) {
                Ok(digest) => return Ok(digest),
                Err(CmsError::Stranger) => {}
                Err(error) => worst = error,
            }
        }
        Err(worst)
    }
}

impl<'a> Signer<'a> {
    fn read(mut fields: Reader<'a>) -> Result<Self, CmsError> {
        fields.expect(INTEGER)?;
        // Who it says it is does not matter: the pinned keys are tried.
        fields.next()?;
        let digest = fields.expect(SEQUENCE)?.children()?.next()?.oid()?;
        let attributes = fields.optional(context(0))?;
        let algorithm = fields.expect(SEQUENCE)?.children()?.next()?.oid()?;
        let signature = fields.octets()?.into_owned();
        if attributes.as_ref().is_some_and(|attributes| attributes.whole().len() > MAX_ATTRIBUTES) {
            return Err(CmsError::Malformed);
        }
        Ok(Self { digest: Digest::of_oid(digest), pss: algorithm == oids::RSA_PSS, attributes, signature })
    }

    fn verify(&self, content: &[u8], pinned: &[Certificate], allowed: &[Digest]) -> Result<Digest, CmsError> {
        let digest = self.digest.ok_or(CmsError::UnknownDigest)?;
        let signed_by_partner = |bytes: &[u8]| {
            pinned.iter().any(|certificate| certificate.has_signed(digest, self.pss, bytes, &self.signature))
        };
        match &self.attributes {
            None if !signed_by_partner(content) => return Err(CmsError::Stranger),
            None => {}
            Some(attributes) => {
                // Those that cannot be read are nobody's: of noise in them nothing more is told.
                let forms = as_signed(attributes).unwrap_or_default();
                if !forms.iter().any(|bytes| signed_by_partner(bytes)) {
                    return Err(CmsError::Stranger);
                }
                if stated_digest(attributes)? != digest.of(content) {
                    return Err(CmsError::Altered);
                }
            }
        }
        if allowed.contains(&digest) { Ok(digest) } else { Err(CmsError::Forbidden(digest.to_string())) }
    }
}

/// The bytes that may have been signed: the attributes as they were sent, and as DER would have them.
fn as_signed(attributes: &Value<'_>) -> Result<Vec<Vec<u8>>, CmsError> {
    let mut members = Vec::new();
    let mut rest = attributes.children()?;
    while !rest.is_empty() {
        members.push(rest.next()?.to_der()?);
    }
    let mut forms = Vec::new();
    if attributes.is_definite() {
        forms.push(der::value(SET, &[attributes.body()]));
    }
    for form in [der::value(SET, &[&members.concat()]), der::set_of(members)] {
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    Ok(forms)
}

/// The digest of the content that the attributes state. Exactly one: of two, another reader might take the other.
fn stated_digest(attributes: &Value<'_>) -> Result<Vec<u8>, CmsError> {
    let mut stated = None;
    let mut rest = attributes.children()?;
    while !rest.is_empty() {
        let mut attribute = rest.expect(SEQUENCE)?.children()?;
        if attribute.next()?.oid()? != oids::MESSAGE_DIGEST {
            continue;
        }
        let value = attribute.expect(SET)?.children()?.next()?;
        if stated.replace(value.octets()?.into_owned()).is_some() {
            return Err(CmsError::Malformed);
        }
    }
    stated.ok_or(CmsError::Malformed)
}
