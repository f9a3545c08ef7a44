//! Static files: `ETag`, conditional requests, gzip.

use std::io::Write as _;

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

/// Clients may cache the file, but must revalidate it.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// A file that does not change while the process runs.
#[derive(Clone, Debug)]
pub(crate) struct StaticFile {
    content_type: HeaderValue,
    plain: Representation,
    /// `None` if compression does not make it smaller.
    gzip: Option<Representation>,
}

/// The file in one encoding. Each encoding has its own strong `ETag`.
#[derive(Clone, Debug)]
struct Representation {
    etag: HeaderValue,
    bytes: Bytes,
}

impl StaticFile {
    /// Compresses the file and computes its tags.
    ///
    /// # Errors
    /// The content type is not a valid header value.
    pub(crate) fn new(content_type: &str, bytes: Bytes) -> Result<Self, http::header::InvalidHeaderValue> {
        let digest = hex::encode(&Sha256::digest(&bytes)[..16]);
        let compressed = gzip(&bytes).filter(|compressed| compressed.len() < bytes.len());
        let representation = |suffix: &str, bytes| {
            let etag = HeaderValue::from_str(&format!("\"{digest}{suffix}\""))?;
            Ok(Representation { etag, bytes })
        };
        Ok(Self {
            content_type: content_type.parse()?,
            plain: representation("", bytes)?,
            gzip: compressed.map(|bytes| representation("-gzip", bytes)).transpose()?,
        })
    }

    /// Answers a request with these headers: 200, or 304 if the client has the current representation.
    pub(crate) fn answer(&self, request: &HeaderMap) -> Response {
        let compressed = self.gzip.as_ref().filter(|_| accepts_gzip(request));
        let Representation { etag, bytes } = compressed.unwrap_or(&self.plain);
        let unchanged = is_known(request, etag);
        let mut response =
            if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { bytes.clone().into_response() };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, etag.clone());
        headers.insert(header::CACHE_CONTROL, REVALIDATE);
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if !unchanged {
            headers.insert(header::CONTENT_TYPE, self.content_type.clone());
            headers.extend(compressed.map(|_| (header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))));
        }
        response
    }
}

/// Uses the fastest level: a Lambda function compresses within its first request.
fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// The items of a list-valued header.
fn items(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn accepts_gzip(request: &HeaderMap) -> bool {
    let quality = |wanted: &str| {
        items(request, header::ACCEPT_ENCODING).find_map(|item| {
            let (coding, parameter) = item.split_once(';').unwrap_or((item, "q=1"));
            let quality = parameter.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok());
            coding.trim().eq_ignore_ascii_case(wanted).then_some(quality.unwrap_or(0.0))
        })
    };
    quality("gzip").or_else(|| quality("*")).is_some_and(|quality| quality > 0.0)
}

/// Whether `If-None-Match` names this representation.
fn is_known(request: &HeaderMap, etag: &HeaderValue) -> bool {
    let same = |item: &str| item == "*" || item.trim_start_matches("W/").as_bytes() == etag.as_bytes();
    items(request, header::IF_NONE_MATCH).any(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).expect("a value"))])
    }

    #[test]
    fn compression_is_for_those_who_take_it() {
        for (value, taken) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("*", true),
            ("identity, *;q=0.1", true),
            ("gzip;q=0, *", false),
            ("gzip; q=0.0", false),
            ("gzip;q=x", false),
            ("br, deflate", false),
            ("", false),
        ] {
            assert_eq!(accepts_gzip(&request(header::ACCEPT_ENCODING, value)), taken, "{value}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn an_etag_is_found_in_a_list() {
        let etag = HeaderValue::from_static("\"a\"");
        for (value, known) in
            [("\"a\"", true), ("\"b\", W/\"a\"", true), ("*", true), ("\"b\"", false), ("a", false), ("", false)]
        {
            assert_eq!(is_known(&request(header::IF_NONE_MATCH, value), &etag), known, "{value}");
        }
    }

    #[test]
    fn what_does_not_shrink_is_sent_as_it_is() {
        let file = StaticFile::new("image/png", Bytes::from_static(b"\x89PNG")).expect("a file");
        assert!(file.gzip.is_none());
        let answer = file.answer(&request(header::ACCEPT_ENCODING, "gzip"));
        assert!(!answer.headers().contains_key(header::CONTENT_ENCODING));
    }

    /// Lambda wraps answers in JSON, where binary bodies must be base64.
    #[tokio::test]
    async fn on_lambda_compressed_bytes_stay_bytes() {
        let file = StaticFile::new("text/css", Bytes::from("a {} ".repeat(100))).expect("a file");
        let compressed = file.answer(&request(header::ACCEPT_ENCODING, "gzip"));
        let sent = lambda_http::IntoResponse::into_response(compressed).await;
        assert!(matches!(sent.body(), lambda_http::Body::Binary(_)), "{:?}", sent.body());
        let sent = lambda_http::IntoResponse::into_response(file.answer(&HeaderMap::new())).await;
        assert!(matches!(sent.body(), lambda_http::Body::Text(_)), "{:?}", sent.body());
    }
}
