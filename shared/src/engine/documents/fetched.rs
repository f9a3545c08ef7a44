//! Files that partners left on their servers become documents.

use async_trait::async_trait;
use serde_json::json;

use super::DocumentParts;
use super::filed::Arrived;
use crate::domain::document::ID_PREFIX;
use crate::domain::partner::Partner;
use crate::domain::scope::Scope;
use crate::engine::EngineError;
use crate::engine::pickup::{InboundFile, Intake, Taken};
use crate::store::documents::KnownBy;

#[async_trait]
impl Intake for DocumentParts {
    async fn take(&self, scope: &Scope, partner: &Partner, file: InboundFile) -> Result<Taken, EngineError> {
        let InboundFile { key, listed, sha256, body } = file;
        let (own, by) = (self.ports.unique(ID_PREFIX), KnownBy::Fetched(&partner.id, &key));
        let claim = self.documents.claim(scope, by, &own).await?;
        let taken = if claim.document == own { Taken::New } else { Taken::Known };
        let document = match self.documents.get(scope, &claim.document).await? {
            Some(document) => document,
            // The document is gone since long, and still it must not come a second time.
            None if claim.is_forgotten => return Ok(Taken::Known),
            None => {
                let arrived = Arrived {
                    id: claim.document,
                    partner: &partner.id,
                    content_type: None,
                    file_name: Some(listed.name),
                    bytes: &body,
                    sha256,
                    message: None,
                };
                self.file(scope, arrived).await?
            }
        };
        // A worker that died may not have come so far.
        if !document.told {
            self.tell(scope, &document, &body, json!({})).await?;
            self.note_told(scope, &document).await?;
        }
        Ok(taken)
    }
}
