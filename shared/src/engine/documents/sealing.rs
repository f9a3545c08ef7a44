//! Makes the message that carries a document: once, and kept, so that what is sent again is the same.

use sluice_as2::{Encryption, KeyTransport, Outgoing, ReceiptWish};

use super::receipts::bare;
use super::terms::Terms;
use super::{DocumentParts, Unready, stored, timestamp};
use crate::deep;
use crate::domain::document::{Document, Message};
use crate::domain::partner::Mdn;
use crate::domain::scope::{Environment, Scope};
use crate::store::StoreError;
use crate::store::documents::{Folder, KnownBy};

/// Why no message could be made.
pub(super) enum SealError {
    /// The partner's profile, or the document.
    Unready(Unready),
    /// Our own side.
    Store(StoreError),
}

impl From<StoreError> for SealError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Unready> for SealError {
    fn from(unready: Unready) -> Self {
        Self::Unready(unready)
    }
}

impl DocumentParts {
    /// Makes the message of a document, unless it has one by now; gives the document as it is then.
    pub(super) async fn seal(&self, scope: &Scope, terms: &Terms, document: Document) -> Result<Document, SealError> {
        let bytes = self.documents.content(scope, &document).await?;
        let bytes = bytes.ok_or_else(|| Unready::Unusable("The document is no longer kept.".to_owned()))?;
        let id = format!("<{}@sluice>", self.ports.unique("as2"));
        let key = Folder::Messages.key(&self.ports.unique("msg"));
        let (encoded, mic) = self.build(scope, terms, (&document, bytes), &id).await?;
        self.documents.blobs.put(scope, &key, &encoded).await?;
        // Whoever sends a receipt finds the document by it: known before it is sent.
        self.documents.note(scope, KnownBy::Sent(bare(&id)), &document.id).await?;
        let message = Message {
            id,
            mic,
            key: Some(key),
            mdn: terms.as2.mdn,
            mdn_signed: terms.as2.mdn_signed,
            mdn_timeout_minutes: terms.as2.mdn_timeout_minutes,
            waits_until: None,
        };
        let adopt = |document: &mut Document| {
            let none = document.message.is_none();
            if none {
                document.message = Some(message.clone());
            }
            none
        };
        let sealed = self.documents.change(scope, &document.id, adopt).await?;
        Ok(sealed.ok_or_else(|| Unready::Unusable("The document is no longer kept.".to_owned()))?)
    }

    pub(super) async fn build(
        &self,
        scope: &Scope,
        terms: &Terms,
        (document, bytes): (&Document, Vec<u8>),
        message_id: &str,
    ) -> Result<(Vec<u8>, String), SealError> {
        let now = self.ports.now();
        let (from, to) = terms.names()?;
        let signing = match (terms.digest(), terms.identity.signing(now)) {
            (Some(digest), Some(key)) => Some((digest, self.open_key(scope, key)?)),
            (Some(_), None) => return Err(Unready::NoIdentity.into()),
            (None, _) => None,
        };
        let encryption = match terms.cipher() {
            Some(cipher) => Some((cipher, terms.encryption_certificate(now)?)),
            None => None,
        };
        let deliver_to = (terms.as2.mdn == Mdn::Async).then(|| receipt_url(scope, document));
        let (as2, facts, message_id) = (terms.as2.clone(), document.facts.clone(), message_id.to_owned());
        let built = deep::run(move || {
            let outgoing = Outgoing {
                from: &from,
                to: &to,
                message_id: &message_id,
                at: timestamp(now),
                subject: as2.subject.as_deref().or(facts.file_name.as_deref()),
                content_type: &facts.content_type,
                file_name: facts.file_name.as_deref(),
                bytes: &bytes,
                compress: as2.compress,
                sign: signing.as_ref().map(|(digest, identity)| (*digest, identity)),
                encrypt: encryption.as_ref().map(|(cipher, certificate)| Encryption {
                    cipher: *cipher,
                    certificate,
                    transport: KeyTransport::Pkcs1,
                }),
                receipt: (as2.mdn != Mdn::None).then_some(ReceiptWish {
                    notify: "mdn@sluice",
                    signed: as2.mdn_signed,
                    deliver_to: deliver_to.as_deref(),
                }),
            };
            let sent = outgoing.build().map_err(|fault| Unready::Unusable(fault.detail))?;
            Ok::<_, SealError>((stored::encode(&sent.headers, &sent.body)?, sent.mic.to_string()))
        });
        built.await.map_err(|error| StoreError::Unavailable(error.to_string()))?
    }
}

/// Where a partner sends its asynchronous receipts.
fn receipt_url(scope: &Scope, document: &Document) -> String {
    let base = document.base_url.as_deref().unwrap_or_default().trim_end_matches('/');
    let prefix = match scope.environment {
        Environment::Production => "",
        Environment::Sandbox => "/sandbox",
    };
    format!("{base}{prefix}/as2/{}/mdn", scope.tenant)
}
