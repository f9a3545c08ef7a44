//! `EnvelopedData` and `AuthEnvelopedData`.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{DecryptingKey, DecryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::{CmsError, Place, content_of, recipient, take};
use crate::algorithms::{Cipher, KeyTransport};
use crate::asn1::ber::{INTEGER, Reader, SEQUENCE, SET, context};
use crate::asn1::der::{self, Layer};
use crate::asn1::oids;
use crate::keys::{Certificate, Identity};

const TAG: usize = 16;
const NONCE: usize = 12;

/// Encrypts a content for a reader.
pub(crate) fn build(
    mut content: Vec<u8>,
    cipher: Cipher,
    reader: &Certificate,
    transport: KeyTransport,
) -> Result<Vec<u8>, CmsError> {
    let (key, encrypting) = fresh_key(cipher)?;
    let recipient = recipient::build(&key, reader, transport)?;
    let recipients = der::value(SET, &[&recipient]);
    let (parameters, tag) = match encrypting {
        Fresh::Block(encrypting) => {
            let context = encrypting.encrypt(&mut content).map_err(|_| CmsError::Crypto)?;
            let iv: &[u8] = (&context).try_into().map_err(|_| CmsError::Crypto)?;
            (der::octets(iv), None)
        }
        Fresh::Gcm(encrypting) => {
            let nonce: [u8; NONCE] = random()?;
            let tag = encrypting
                .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut content)
                .map_err(|_| CmsError::Crypto)?;
            let tag = tag.as_ref().to_vec();
            (der::sequence(&[&der::octets(&nonce), &der::number(16)]), Some(tag))
        }
    };
    let algorithm = der::sequence(&[&der::oid(cipher.oid()), &parameters]);
    let kind = if tag.is_some() { oids::AUTH_ENVELOPED_DATA } else { oids::ENVELOPED_DATA };
    let layers = [
        Layer::new(SEQUENCE, der::oid(kind)),
        Layer::new(context(0), Vec::new()),
        Layer {
            tag: SEQUENCE,
            before: [der::number(0), recipients].concat(),
            after: tag.map(|tag| der::octets(&tag)).unwrap_or_default(),
        },
        Layer::new(SEQUENCE, [der::oid(oids::DATA), algorithm].concat()),
        Layer::new(context(0) & !0x20, Vec::new()),
    ];
    Ok(der::enclose(&layers, &content))
}

enum Fresh {
    Block(Box<PaddedBlockEncryptingKey>),
    Gcm(LessSafeKey),
}

/// A new key. Some keys of Triple DES are weak, one in 2^52: then another is made.
fn fresh_key(cipher: Cipher) -> Result<(Zeroizing<Vec<u8>>, Fresh), CmsError> {
    for _ in 0..3 {
        let mut key = Zeroizing::new(vec![0; cipher.key_size()]);
        rand::fill(&mut key).map_err(|_| CmsError::Crypto)?;
        let encrypting = match cipher.block() {
            None => gcm_key(cipher, &key).map(Fresh::Gcm),
            Some(block) => UnboundCipherKey::new(block, &key)
                .and_then(PaddedBlockEncryptingKey::cbc_pkcs7)
                .map(|encrypting| Fresh::Block(Box::new(encrypting)))
                .map_err(|_| CmsError::Crypto),
        };
        if let Ok(encrypting) = encrypting {
            return Ok((key, encrypting));
        }
    }
    Err(CmsError::Crypto)
}

fn random<const N: usize>() -> Result<[u8; N], CmsError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| CmsError::Crypto)?;
    Ok(bytes)
}

fn gcm_key(cipher: Cipher, key: &[u8]) -> Result<LessSafeKey, CmsError> {
    let algorithm: &'static Algorithm = match cipher {
        Cipher::Aes128Gcm => &AES_128_GCM,
        Cipher::Aes256Gcm => &AES_256_GCM,
        _ => return Err(CmsError::Crypto),
    };
    UnboundKey::new(algorithm, key).map(LessSafeKey::new).map_err(|_| CmsError::Crypto)
}

/// What was in an envelope.
pub(crate) struct Opened {
    pub(crate) cipher: Cipher,
    pub(crate) content: Vec<u8>,
    /// False: the content's key could not be decrypted, and this is noise. Whatever it looks like, it must be reported
    /// as an envelope that cannot be decrypted.
    pub(crate) genuine: bool,
}

/// Decrypts the content. Its bytes are those of the message, moved to their beginning.
pub(crate) fn open(bytes: Vec<u8>, ours: &[&Identity], allowed: &[Cipher]) -> Result<Opened, CmsError> {
    let Envelope { cipher, parameters, tag, key, genuine, place } = Envelope::read(&bytes, ours, allowed)?;
    let mut content = take(bytes, place);
    let size = match cipher.block() {
        Some(block) => {
            let iv: [u8; 16];
            let context = match cipher {
                Cipher::TripleDes => DecryptionContext::Iv64(FixedLength::from(fixed::<8>(&parameters)?)),
                _ => {
                    iv = fixed(&parameters)?;
                    DecryptionContext::Iv128(FixedLength::from(iv))
                }
            };
            let decrypting = UnboundCipherKey::new(block, &key).and_then(DecryptingKey::cbc);
            let decrypting = decrypting.map_err(|_| CmsError::Undecryptable)?;
            let padded = decrypting.decrypt(&mut content, context).map_err(|_| CmsError::Undecryptable)?;
            unpadded(padded, block.block_len())
        }
        None => {
            let nonce = Nonce::assume_unique_for_key(fixed(&parameters)?);
            let size = content.len();
            content.extend_from_slice(&tag);
            let opening = gcm_key(cipher, &key)?;
            opening.open_in_place(nonce, Aad::empty(), &mut content).map_err(|_| CmsError::Undecryptable)?;
            size
        }
    };
    content.truncate(size);
    Ok(Opened { cipher, content, genuine })
}

/// How long a content is without its padding. A wrong one stays, and what the content turns out to be decides, as it
/// does after a good one: who puts blocks behind somebody else's message must not learn how these end.
fn unpadded(padded: &[u8], block: usize) -> usize {
    let count = padded.last().copied().map_or(0, usize::from);
    let size = padded.len().saturating_sub(count);
    let is_good = (1..=block).contains(&count) && padded[size..].iter().all(|byte| usize::from(*byte) == count);
    if is_good { size } else { padded.len() }
}

struct Envelope {
    cipher: Cipher,
    /// The IV or the nonce.
    parameters: Vec<u8>,
    tag: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    genuine: bool,
    place: Place,
}

impl Envelope {
    fn read(bytes: &[u8], ours: &[&Identity], allowed: &[Cipher]) -> Result<Self, CmsError> {
        let (kind, content) = content_of(bytes)?;
        let mut fields = content.children()?;
        fields.expect(INTEGER)?;
        fields.optional(context(0))?;
        let recipients = fields.expect(SET)?;
        let mut encrypted = fields.expect(SEQUENCE)?.children()?;
        encrypted.next()?.oid()?;
        let mut algorithm = encrypted.expect(SEQUENCE)?.children()?;
        let name = algorithm.next()?.oid()?;
        let cipher = Cipher::of_oid(name).ok_or_else(|| CmsError::Unsupported(format!("the cipher {name}")))?;
        let authenticated = kind == oids::AUTH_ENVELOPED_DATA;
        if authenticated == cipher.block().is_some() {
            return Err(CmsError::Malformed);
        }
        if !allowed.contains(&cipher) {
            return Err(CmsError::Forbidden(cipher.to_string()));
        }
        let parameters = algorithm.next()?;
        let parameters = if authenticated { parameters.children()?.next()? } else { parameters };
        let place = Place::of(&encrypted.optional(context(0))?.ok_or(CmsError::Malformed)?)?;
        let tag = if authenticated { tag(fields)? } else { Vec::new() };
        let parameters = parameters.octets()?.into_owned();
        let (key, genuine) = recipient::content_key(&recipients, ours, cipher.key_size())?;
        Ok(Self { cipher, parameters, tag, key, genuine, place })
    }
}

/// Attributes, which would be authenticated too, are not supported: nobody sends them.
fn tag(mut fields: Reader<'_>) -> Result<Vec<u8>, CmsError> {
    if fields.optional(context(1))?.is_some() {
        return Err(CmsError::Unsupported("authenticated attributes".to_owned()));
    }
    let tag = fields.octets()?;
    if tag.len() == TAG { Ok(tag.into_owned()) } else { Err(CmsError::Malformed) }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], CmsError> {
    bytes.try_into().map_err(|_| CmsError::Malformed)
}
