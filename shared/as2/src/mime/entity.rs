//! A MIME entity: headers and a body, with the bytes that both were read from.

use std::borrow::Cow;
use std::ops::Range;

use super::MimeError;
use super::encoding;
use super::headers::Headers;
use super::media_type::MediaType;

/// A MIME entity. It owns its bytes, so that unwrapping a layer needs no copy.
#[derive(Debug)]
pub(crate) struct Entity {
    pub(crate) headers: Headers,
    pub(crate) media_type: MediaType,
    /// With the headers, unless they came with HTTP.
    bytes: Vec<u8>,
    body: Range<usize>,
}

impl Entity {
    /// An entity whose headers came with HTTP.
    pub(crate) fn of_http(headers: Headers, body: Vec<u8>) -> Self {
        let media_type = media_type_of(&headers);
        Self { headers, media_type, body: 0..body.len(), bytes: body }
    }

    pub(crate) fn read(bytes: Vec<u8>, header_limit: usize) -> Result<Self, MimeError> {
        let (headers, start) = Headers::read(&bytes, header_limit)?;
        let media_type = media_type_of(&headers);
        Ok(Self { headers, media_type, body: start..bytes.len(), bytes })
    }

    /// What digests are taken of: headers and body, as they came.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body as it came.
    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[self.body.clone()]
    }

    /// The body without its transfer encoding.
    pub(crate) fn decoded(&self) -> Result<Cow<'_, [u8]>, MimeError> {
        encoding::decoded(self.headers.get("Content-Transfer-Encoding"), self.body())
    }

    pub(crate) fn into_decoded(self) -> Result<Vec<u8>, MimeError> {
        if let Cow::Owned(decoded) = self.decoded()? {
            return Ok(decoded);
        }
        Ok(only(self.bytes, self.body))
    }

    /// A part of the body as an entity of its own.
    pub(crate) fn into_part(self, part: Range<usize>, header_limit: usize) -> Result<Self, MimeError> {
        let range = self.body.start + part.start..self.body.start + part.end;
        Self::read(only(self.bytes, range), header_limit)
    }

    /// The parts of a multipart body, as ranges of it.
    pub(crate) fn parts(&self, limit: usize) -> Result<Vec<Range<usize>>, MimeError> {
        let boundary = self.media_type.parameter("boundary").ok_or(MimeError::Boundary)?;
        super::multipart::parts(self.body(), boundary, limit)
    }
}

fn media_type_of(headers: &Headers) -> MediaType {
    MediaType::read(headers.get("Content-Type").unwrap_or("text/plain"))
}

/// The bytes of a range, without another allocation.
pub(crate) fn only(mut bytes: Vec<u8>, range: Range<usize>) -> Vec<u8> {
    bytes.truncate(range.end);
    bytes.drain(..range.start);
    bytes
}
