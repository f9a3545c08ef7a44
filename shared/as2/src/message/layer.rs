//! Takes a signature off an entity.

use std::borrow::Cow;

use crate::algorithms::Digest;
use crate::cms::signed::Signed;
use crate::cms::{CmsError, take};
use crate::fault::Fault;
use crate::keys::Certificate;
use crate::limits::Limits;
use crate::mic::Mic;
use crate::mime::MimeError;
use crate::mime::entity::Entity;

/// What was signed, and whether the signature is right. If it is wrong, that counts, be the entity readable or not.
pub(crate) struct SignedPart {
    pub(crate) entity: Result<Entity, MimeError>,
    pub(crate) verdict: Result<(Digest, Mic), CmsError>,
}

/// Opens `multipart/signed`, or CMS around the content it signs.
pub(crate) fn signed_part(
    entity: Entity,
    pinned: &[Certificate],
    allowed: &[Digest],
    limits: &Limits,
) -> Result<SignedPart, Fault> {
    if entity.media_type.is_cms() {
        let structure = cms_of(entity)?;
        let signed = Signed::read(&structure)?;
        let Some(place) = signed.place()? else { return Err(CmsError::Malformed.into()) };
        // The signature is read from what is then cut away.
        let content = match &place {
            crate::cms::Place::Here(range) => &structure[range.clone()],
            crate::cms::Place::Gathered(octets) => octets,
        };
        let mut verdict = verified(&signed, content, pinned, allowed);
        let signed = verdict.as_mut().ok().and_then(|verified| verified.other_form.take());
        let content = signed.unwrap_or_else(|| take(structure, place));
        let entity = Entity::read(content, limits.header_bytes);
        return Ok(SignedPart { entity, verdict: verdict.map(|verified| (verified.digest, verified.mic)) });
    }
    let parts = entity.parts(limits.parts)?;
    let [content, signature] = parts.as_slice() else { return Err(MimeError::Boundary.into()) };
    let (content, signature) = (content.clone(), signature.clone());
    let signature = Entity::read(entity.body()[signature].to_vec(), limits.header_bytes)?;
    // Nobody signs these. Noise is refused in them, or else its line breaks would tell what it was decrypted from.
    if !signature.headers.are_text() {
        return Err(MimeError::Headers.into());
    }
    if !signature.media_type.is_signature() && !signature.media_type.is_cms() {
        return Err(CmsError::Unsupported(format!("a signature of the type {}", signature.media_type.essence)).into());
    }
    let signature = cms_of(signature)?;
    let mut verdict =
        Signed::read(&signature).and_then(|signed| verified(&signed, &entity.body()[content.clone()], pinned, allowed));
    let signed = verdict.as_mut().ok().and_then(|verified| verified.other_form.take());
    let entity = match signed {
        Some(content) => Entity::read(content, limits.header_bytes),
        None => entity.into_part(content, limits.header_bytes),
    };
    Ok(SignedPart { entity, verdict: verdict.map(|verified| (verified.digest, verified.mic)) })
}

/// A content whose signature is right.
struct Verified {
    digest: Digest,
    mic: Mic,
    /// What was signed, if it is not exactly what came. It alone counts.
    other_form: Option<Vec<u8>>,
}

/// Verifies the content as it came. Or else without its last line break, which some programs send and do not sign; or
/// with the line breaks that it had before a gateway changed them.
fn verified(
    signed: &Signed<'_>,
    content: &[u8],
    pinned: &[Certificate],
    allowed: &[Digest],
) -> Result<Verified, CmsError> {
    let verify = |form: &[u8]| {
        let digest = signed.verify(form, pinned, allowed)?;
        Ok(Verified { digest, mic: Mic::of(digest, form), other_form: None })
    };
    let first = match verify(content) {
        Err(error @ (CmsError::Altered | CmsError::Stranger)) => error,
        other => return other,
    };
    let shorter = content.strip_suffix(b"\r\n").map(Cow::Borrowed);
    let canonical = Some(with_canonical_line_breaks(content)).filter(|form| matches!(form, Cow::Owned(_)));
    for form in shorter.into_iter().chain(canonical) {
        if let Ok(verified) = verify(&form) {
            return Ok(Verified { other_form: Some(form.into_owned()), ..verified });
        }
    }
    Err(first)
}

fn with_canonical_line_breaks(content: &[u8]) -> Cow<'_, [u8]> {
    let mut canonical = Vec::new();
    let mut copied = 0;
    for at in memchr::memchr_iter(b'\n', content) {
        if at > 0 && content[at - 1] == b'\r' {
            continue;
        }
        canonical.extend_from_slice(&content[copied..at]);
        canonical.extend_from_slice(b"\r\n");
        copied = at + 1;
    }
    if copied == 0 {
        return Cow::Borrowed(content);
    }
    canonical.extend_from_slice(&content[copied..]);
    Cow::Owned(canonical)
}

/// The CMS structure of an entity. Some programs name the wrong transfer encoding: CMS and base64 of it are easily
/// told apart.
pub(crate) fn cms_of(entity: Entity) -> Result<Vec<u8>, MimeError> {
    let is_binary = matches!(entity.body(), [0x30, 0x80..=0xFF, ..]);
    let names_base64 =
        entity.headers.get("Content-Transfer-Encoding").is_some_and(|name| name.trim().eq_ignore_ascii_case("base64"));
    if is_binary && names_base64 {
        return Ok(entity.body().to_vec());
    }
    if !is_binary && !names_base64 {
        let body = entity.body();
        return crate::mime::encoding::decoded(Some("base64"), body)
            .map(Cow::into_owned)
            .or_else(|_| entity.into_decoded());
    }
    entity.into_decoded()
}
