//! What stands in the bucket: documents as they are, messages and receipts with their headers.

use sluice_as2::Headers;
use url::Url;

use crate::domain::document::Document;
use crate::domain::scope::Scope;
use crate::domain::transaction::TransactionId;
use crate::outbound::{Posting, TlsTerms};
use crate::store::StoreError;
use crate::store::documents::Documents;

/// Reads documents and receipts for whoever asks for them.
#[derive(Clone)]
pub struct Filing {
    pub(crate) documents: Documents,
}

/// Bytes and their type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The media type.
    pub content_type: String,
    /// The file's name.
    pub file_name: Option<String>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Filing {
    /// What is known of the document of a transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(&self, scope: &Scope, id: &TransactionId) -> Result<Option<Document>, StoreError> {
        let found = self.documents.get(scope, &id.event).await?;
        Ok(found.filter(|document| document.route == id.route))
    }

    /// The document of a transaction, as it was handed in or came.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn document(&self, scope: &Scope, id: &TransactionId) -> Result<Option<Content>, StoreError> {
        let Some(document) = self.find(scope, id).await? else { return Ok(None) };
        let bytes = self.documents.content(scope, &document).await?;
        let (content_type, file_name) = (document.facts.content_type, document.facts.file_name);
        Ok(bytes.map(|bytes| Content { content_type, file_name, bytes }))
    }

    /// The receipt of a transaction's message, as it came or was sent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn receipt(&self, scope: &Scope, id: &TransactionId) -> Result<Option<Content>, StoreError> {
        let document = self.find(scope, id).await?;
        let Some(receipt) = document.and_then(|document| document.receipt) else { return Ok(None) };
        let Some(bytes) = self.documents.blobs.get(scope, &receipt.key).await? else { return Ok(None) };
        let (headers, bytes) = decode(bytes)?;
        let content_type = headers.get("Content-Type").unwrap_or("application/octet-stream").to_owned();
        Ok(Some(Content { content_type, file_name: None, bytes }))
    }
}

/// Headers and a body as one: the length of the headers, the headers as JSON, the body.
pub(super) fn encode(headers: &Headers, body: &[u8]) -> Result<Vec<u8>, StoreError> {
    let fields: Vec<(&str, &str)> = headers.iter().collect();
    let head = serde_json::to_vec(&fields).map_err(|error| StoreError::Malformed(error.to_string()))?;
    let length = u32::try_from(head.len()).map_err(|error| StoreError::Malformed(error.to_string()))?;
    Ok([&length.to_be_bytes(), &*head, body].concat())
}

/// Takes apart what [`encode`] made.
pub(super) fn decode(mut bytes: Vec<u8>) -> Result<(Headers, Vec<u8>), StoreError> {
    let malformed = || StoreError::Malformed("a stored message".to_owned());
    let length = bytes.first_chunk::<4>().ok_or_else(malformed)?;
    let end = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| malformed())? + 4;
    let fields: Vec<(String, String)> = match bytes.get(4..end) {
        Some(head) => serde_json::from_slice(head).map_err(|_| malformed())?,
        None => return Err(malformed()),
    };
    bytes.drain(..end);
    Ok((fields.into_iter().collect(), bytes))
}

/// What posts a stored message there.
pub(super) fn posting(
    stored: Vec<u8>,
    url: Url,
    (authorization, tls): (Option<String>, TlsTerms),
) -> Result<Posting, StoreError> {
    let (headers, body) = decode(stored)?;
    let headers = headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Ok(Posting { url, headers, authorization, tls, body: body.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_body_come_back_as_they_were() {
        let headers: Headers = [("Content-Type", "a/b; c=\"d\""), ("X", "")].into_iter().collect();
        let bytes = encode(&headers, b"\0\xffbody").expect("encoded");
        assert_eq!(decode(bytes.clone()).expect("decoded"), (headers, b"\0\xffbody".to_vec()));
        for end in 0..20 {
            assert!(decode(bytes[..end].to_vec()).is_err(), "{end}");
        }
        assert!(decode(vec![0xFF; 8]).is_err());
    }
}
