//! Transfer encodings.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD as BASE64;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::MimeError;

const LINE: usize = 76;
/// Missing padding is accepted.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A body as it was before its `Content-Transfer-Encoding`.
pub(crate) fn decoded<'a>(encoding: Option<&str>, body: &'a [u8]) -> Result<Cow<'a, [u8]>, MimeError> {
    match encoding.unwrap_or("binary").trim().to_ascii_lowercase().as_str() {
        "" | "binary" | "7bit" | "8bit" => Ok(Cow::Borrowed(body)),
        "base64" => base64_decoded(body).map(Cow::Owned),
        "quoted-printable" => Ok(Cow::Owned(quoted_printable_decoded(body))),
        _ => Err(MimeError::UnknownEncoding),
    }
}

fn base64_decoded(body: &[u8]) -> Result<Vec<u8>, MimeError> {
    let mut digits = body.to_vec();
    digits.retain(|digit| !digit.is_ascii_whitespace());
    LENIENT.decode(digits).map_err(|_| MimeError::Encoding)
}

/// What is wrong in it stays as it is, as RFC 2045 advises.
fn quoted_printable_decoded(body: &[u8]) -> Vec<u8> {
    let hex = |digit: u8| char::from(digit).to_digit(16);
    let mut decoded = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'=', [b'\r', b'\n', after @ ..] | [b'\n', after @ ..]) => after,
            (b'=', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                let byte = hex(*high).unwrap_or(0) * 16 + hex(*low).unwrap_or(0);
                decoded.push(u8::try_from(byte).unwrap_or(0));
                after
            }
            _ => {
                decoded.push(*first);
                after
            }
        };
    }
    decoded
}

/// Base64 in lines.
pub(crate) fn base64_lines(bytes: &[u8]) -> Vec<u8> {
    let digits = BASE64.encode(bytes).into_bytes();
    digits.chunks(LINE).flat_map(|line| [line, b"\r\n"].concat()).collect()
}
