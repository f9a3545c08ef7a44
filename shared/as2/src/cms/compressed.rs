//! `CompressedData`.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::{CmsError, content_of};
use crate::asn1::ber::{INTEGER, OCTET_STRING, SEQUENCE, context};
use crate::asn1::der::{self, Layer};
use crate::asn1::oids;

pub(crate) fn build(content: &[u8]) -> Result<Vec<u8>, CmsError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).map_err(|_| CmsError::Crypto)?;
    let compressed = encoder.finish().map_err(|_| CmsError::Crypto)?;
    let algorithm = der::sequence(&[&der::oid(oids::ZLIB)]);
    let layers = [
        Layer::new(SEQUENCE, der::oid(oids::COMPRESSED_DATA)),
        Layer::new(context(0), Vec::new()),
        Layer::new(SEQUENCE, [der::number(0), algorithm].concat()),
        Layer::new(SEQUENCE, der::oid(oids::DATA)),
        Layer::new(context(0), Vec::new()),
        Layer::new(OCTET_STRING, Vec::new()),
    ];
    Ok(der::enclose(&layers, &compressed))
}

/// The content, if it has at most `limit` bytes.
pub(crate) fn open(bytes: &[u8], limit: usize) -> Result<Vec<u8>, CmsError> {
    let mut fields = content_of(bytes)?.1.children()?;
    fields.expect(INTEGER)?;
    let algorithm = fields.expect(SEQUENCE)?.children()?.next()?.oid()?;
    if algorithm != oids::ZLIB {
        return Err(CmsError::Unsupported(format!("the compression {algorithm}")));
    }
    let mut content = fields.expect(SEQUENCE)?.children()?;
    content.next()?.oid()?;
    let content = content.expect(context(0))?.children()?.next()?;
    let compressed = content.octets()?;
    let mut inflated = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    ZlibDecoder::new(&*compressed).take(most).read_to_end(&mut inflated).map_err(|_| CmsError::Incompressible)?;
    if inflated.len() > limit { Err(CmsError::Inflated) } else { Ok(inflated) }
}
