//! `RecipientInfo`: the content's key, encrypted for one reader.

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey, PublicEncryptingKey};

use super::CmsError;
use crate::algorithms::{Digest, KeyTransport};
use crate::asn1::ber::{INTEGER, Malformed, Reader, SEQUENCE, Value, context};
use crate::asn1::{der, oids};
use crate::keys::{Certificate, Identity, Padding};

/// The most readers of one message that are looked at.
const MAX_RECIPIENTS: usize = 32;

pub(super) fn build(key: &[u8], reader: &Certificate, transport: KeyTransport) -> Result<Vec<u8>, CmsError> {
    let public = PublicEncryptingKey::from_der(reader.spki()).map_err(|_| CmsError::Crypto)?;
    let mut encrypted = vec![0; public.key_size_bytes()];
    let algorithm = match transport {
        KeyTransport::Pkcs1 => {
            let public = Pkcs1PublicEncryptingKey::new(public).map_err(|_| CmsError::Crypto)?;
            public.encrypt(key, &mut encrypted).map_err(|_| CmsError::Crypto)?;
            der::algorithm(oids::RSA)
        }
        KeyTransport::Oaep => {
            let public = OaepPublicEncryptingKey::new(public).map_err(|_| CmsError::Crypto)?;
            public.encrypt(&OAEP_SHA256_MGF1SHA256, key, &mut encrypted, None).map_err(|_| CmsError::Crypto)?;
            let digest = der::algorithm(oids::SHA256);
            let mask = der::sequence(&[&der::oid(oids::MGF1), &digest]);
            let parameters = der::sequence(&[&der::value(context(0), &[&digest]), &der::value(context(1), &[&mask])]);
            der::sequence(&[&der::oid(oids::RSA_OAEP), &parameters])
        }
    };
    Ok(der::sequence(&[
        &der::number(0),
        &der::sequence(&[&reader.issuer, &der::value(INTEGER, &[&reader.serial])]),
        &algorithm,
        &der::octets(&encrypted),
    ]))
}

/// One reader, as the message names it.
struct Recipient {
    issuer: Vec<u8>,
    serial: Vec<u8>,
    key_id: Vec<u8>,
    padding: Padding,
    encrypted: Vec<u8>,
}

/// The content's key for whichever of our identities it is, and whether it could be decrypted.
pub(super) fn content_key(
    infos: &Value<'_>,
    ours: &[&Identity],
    size: usize,
) -> Result<(zeroize::Zeroizing<Vec<u8>>, bool), CmsError> {
    let mut recipients = Vec::new();
    let mut rest = infos.children()?;
    while !rest.is_empty() && recipients.len() < MAX_RECIPIENTS {
        let info = rest.next()?;
        // Other kinds of key management are for other readers.
        if info.tag == SEQUENCE {
            recipients.push(Recipient::read(info.children()?)?);
        }
    }
    let exact = |recipient: &Recipient, ours: &Certificate| {
        if recipient.key_id.is_empty() {
            recipient.issuer == ours.issuer && recipient.serial == ours.serial
        } else {
            ours.subject_key_id.as_ref() == Some(&recipient.key_id)
        }
    };
    // Some programs write the issuer's name in another form than the certificate has it.
    let near =
        |recipient: &Recipient, ours: &Certificate| recipient.key_id.is_empty() && recipient.serial == ours.serial;
    let find = |matches: &dyn Fn(&Recipient, &Certificate) -> bool| {
        recipients.iter().find_map(|recipient| {
            let identity = ours.iter().find(|identity| matches(recipient, identity.certificate()))?;
            Some((recipient, identity))
        })
    };
    let (recipient, identity) = find(&exact).or_else(|| find(&near)).ok_or(CmsError::NotForUs)?;
    Ok(identity.content_key(recipient.padding, &recipient.encrypted, size))
}

impl Recipient {
    fn read(mut fields: Reader<'_>) -> Result<Self, CmsError> {
        fields.expect(INTEGER)?;
        let name = fields.next()?;
        let (mut issuer, mut serial, mut key_id) = (Vec::new(), Vec::new(), Vec::new());
        if name.tag == SEQUENCE {
            let mut pair = name.children()?;
            issuer = pair.next()?.to_der()?;
            serial = pair.expect(INTEGER)?.body().to_vec();
        } else {
            key_id = name.octets()?.into_owned();
        }
        let padding = padding(&fields.expect(SEQUENCE)?)?;
        let encrypted = fields.octets()?.into_owned();
        Ok(Self { issuer, serial, key_id, padding, encrypted })
    }
}

fn padding(algorithm: &Value<'_>) -> Result<Padding, CmsError> {
    let mut fields = algorithm.children()?;
    let kind = fields.next()?.oid()?;
    match kind {
        oids::RSA => Ok(Padding::Pkcs1),
        oids::RSA_OAEP => {
            let digest = oaep_digest(fields)?;
            let digest = digest.ok_or_else(|| CmsError::Unsupported("an unknown digest in RSA-OAEP".to_owned()))?;
            Ok(Padding::Oaep(digest))
        }
        _ => Err(CmsError::Unsupported(format!("the key transport {kind}"))),
    }
}

/// The digest of OAEP's parameters, of which all are optional. The mask is made with the same digest: nobody sends
/// anything else.
fn oaep_digest(mut fields: Reader<'_>) -> Result<Option<Digest>, Malformed> {
    if fields.is_empty() {
        return Ok(Some(Digest::Sha1));
    }
    let parameters = fields.next()?;
    if parameters.tag != SEQUENCE {
        return Ok(Some(Digest::Sha1));
    }
    match parameters.children()?.optional(context(0))? {
        Some(digest) => Ok(Digest::of_oid(digest.children()?.next()?.children()?.next()?.oid()?)),
        None => Ok(Some(Digest::Sha1)),
    }
}
