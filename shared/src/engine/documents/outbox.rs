//! What is posted to partners, and what their responses mean.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::StatusCode;
use sluice_as2::{Headers, receipt};

use super::sealing::SealError;
use super::terms::{Carrier, Terms};
use super::{DocumentParts, Unready, minutes, stored};
use crate::domain::attempt::Verdict;
use crate::domain::document::Document;
use crate::domain::partner::{BasicAuth, Mdn, Sftp};
use crate::domain::scope::Scope;
use crate::domain::sealed::Sealed;
use crate::domain::transaction::{Direction, TransactionStatus};
use crate::engine::EngineError;
use crate::engine::room::Room;
use crate::outbound::{
    Answer, Desk, Errand, Fate, Placing, Posting, PrepareError, Reach, SftpClient, SftpServer, check_url, of_status,
};

/// The desk of the destination `partner`.
#[derive(Clone)]
pub struct Outbox {
    pub(crate) parts: DocumentParts,
    pub(crate) reach: Reach,
    pub(crate) sftp: SftpClient,
    /// For what is being sent.
    pub(crate) room: Room,
}

/// What stops an errand.
enum Stop {
    /// It is known what became of the document.
    Known(Fate),
    /// Our own side failed.
    Engine(EngineError),
}

impl<E: Into<EngineError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Engine(error.into())
    }
}

impl Stop {
    /// No later attempt can do better.
    fn rejected(reason: impl ToString) -> Self {
        Self::Known(Fate::new(Verdict::Rejected, reason.to_string()))
    }

    /// A later attempt may do better: the profile is read for each, and somebody may change it.
    fn failed(reason: impl ToString) -> Self {
        Self::Known(Fate::failed(reason.to_string()))
    }

    /// A partner that is not ready.
    fn unready(unready: Unready) -> Self {
        match unready {
            Unready::Locked(error) => Self::Engine(error.into()),
            other => Self::failed(other),
        }
    }

    /// What became of a document, if it is not what stopped us.
    fn fate(document: &str, result: Result<Fate, Self>) -> Fate {
        match result {
            Ok(fate) | Err(Self::Known(fate)) => fate,
            Err(Self::Engine(error)) => own_fault(document, &error),
        }
    }
}

#[async_trait]
impl Desk for Outbox {
    async fn next(&self, scope: &Scope, partner: &str, document: &str) -> Errand {
        match self.errand(scope, partner, document).await {
            Ok(errand) => errand,
            Err(Stop::Known(fate)) => Errand::Known(fate),
            Err(Stop::Engine(error)) => Errand::Known(own_fault(document, &error)),
        }
    }

    async fn answered(&self, scope: &Scope, document: &str, answer: Answer) -> Fate {
        Stop::fate(document, self.fate_of(scope, document, answer).await)
    }

    async fn placed(&self, scope: &Scope, document: &str) -> Fate {
        Stop::fate(document, self.fate_of_file(scope, document).await)
    }
}

fn own_fault(document: &str, error: &EngineError) -> Fate {
    tracing::error!(document, %error, "a document is not sent for a fault of our own");
    Fate::failed("an error of our own")
}

impl Outbox {
    async fn errand(&self, scope: &Scope, partner: &str, id: &str) -> Result<Errand, Stop> {
        let parts = &self.parts;
        let document = parts.documents.get(scope, id).await?;
        let ours = |one: &Document| one.partner_id == partner && one.direction == Direction::Outbound;
        let document = document.filter(ours).ok_or_else(|| Stop::rejected("the document is no longer kept"))?;
        let document = self.unsettled(scope, document).await?;
        let known = parts.partners.get(scope, partner).await?;
        let known = known.ok_or_else(|| Stop::rejected("the partner was deleted"))?;
        let carrier = parts.carrier(scope, known).await?.map_err(Stop::unready)?;
        let held = self.room.admit(usize::try_from(document.size).unwrap_or(usize::MAX)).await;
        let terms = match carrier {
            Carrier::As2(terms) => terms,
            Carrier::Sftp(sftp) => return Ok(Errand::Place(self.placing(scope, &sftp, &document).await?, held)),
        };
        let document = if document.message.is_some() {
            document
        } else {
            parts.seal(scope, &terms, document).await.map_err(|error| match error {
                SealError::Unready(unready) => Stop::unready(unready),
                SealError::Store(error) => error.into(),
            })?
        };
        Ok(Errand::Post(self.posting(scope, &terms, &document).await?, held))
    }

    /// A document for which something is still to be sent.
    async fn unsettled(&self, scope: &Scope, document: Document) -> Result<Document, Stop> {
        let (parts, now) = (&self.parts, self.parts.ports.now());
        if let Some(receipt) = document.conclusion() {
            if document.again {
                // The partner has answered: that is another message.
                return self.anew(scope, &document, true).await;
            }
            let status = parts.status(scope, &document).await?;
            let recorded = if receipt.positive { TransactionStatus::Delivered } else { TransactionStatus::Rejected };
            if status == Some(recorded) {
                return Err(Stop::Known(Fate::new(Verdict::Settled, "")));
            }
            return Err(Stop::Known(parts.fate(scope, &document).await?));
        }
        if document.again {
            return self.anew(scope, &document, false).await;
        }
        match document.waits(now) {
            None => Ok(document),
            Some(wait) if !wait.is_zero() => Err(Stop::Known(Fate::new(Verdict::Pending { wait }, ""))),
            Some(_) => Err(Stop::Known(self.waited(scope, document).await?)),
        }
    }

    /// The wait for a receipt is over.
    async fn waited(&self, scope: &Scope, document: Document) -> Result<Fate, Stop> {
        let parts = &self.parts;
        // One that settles nothing ends the wait as well.
        let until = document.message.as_ref().and_then(|message| message.waits_until);
        let came = document.receipt.as_ref().is_some_and(|receipt| Some(receipt.at) == until);
        if !came {
            parts.timed_out(scope, &document).await?;
        }
        let over = |document: &mut Document| {
            let settled = document.conclusion().is_some();
            let message = document.message.as_mut().filter(|_| !settled);
            message.and_then(|message| message.waits_until.take()).is_some()
        };
        let document = parts.documents.change(scope, &document.id, over).await?;
        // It may have come in this very moment.
        match document.filter(|document| came || document.conclusion().is_some()) {
            Some(document) => Ok(parts.fate(scope, &document).await?),
            None => Ok(Fate::failed("no MDN came in time")),
        }
    }

    /// Begins anew because somebody wants it sent again: with another message if the partner has answered the one before,
    /// or was never asked to, for it takes each but once.
    async fn anew(&self, scope: &Scope, document: &Document, answered: bool) -> Result<Document, Stop> {
        let begin = |document: &mut Document| {
            // Another worker has begun anew, or the partner's answer came in this moment.
            if !document.again {
                return false;
            }
            let unasked = document.message.as_ref().is_some_and(|message| message.mdn == Mdn::None);
            if answered || unasked {
                (document.message, document.receipt) = (None, None);
            } else if let Some(message) = &mut document.message {
                message.waits_until = None;
            }
            document.again = false;
            true
        };
        let document = self.parts.documents.change(scope, &document.id, begin).await?;
        let document = document.ok_or_else(|| Stop::rejected("the document is no longer kept"))?;
        match document.conclusion() {
            Some(_) => Err(Stop::Known(self.parts.fate(scope, &document).await?)),
            None => Ok(document),
        }
    }

    async fn placing(&self, scope: &Scope, sftp: &Sftp<Sealed>, document: &Document) -> Result<Box<Placing>, Stop> {
        let parts = &self.parts;
        let body = parts.documents.content(scope, document).await?;
        let body = body.ok_or_else(|| Stop::rejected("the document is no longer kept"))?;
        let server = SftpServer::open(self.sftp, &parts.vault, scope, sftp).map_err(|error| match error {
            PrepareError::Keys(error) => Stop::from(error),
            unusable @ PrepareError::Unusable(_) => Stop::failed(unusable),
        })?;
        let transaction = parts.transaction(scope, document).await?.ok_or(EngineError::Interrupted)?;
        Ok(Box::new(Placing {
            server,
            document_type: document.facts.document_type.clone(),
            control_number: document.facts.control_numbers.first().map(|numbers| numbers.interchange.clone()),
            transaction_id: transaction.to_string(),
            body: body.into(),
        }))
    }

    async fn fate_of_file(&self, scope: &Scope, id: &str) -> Result<Fate, Stop> {
        let document = self.parts.documents.get(scope, id).await?;
        let document = document.ok_or_else(|| Stop::rejected("the document is no longer kept"))?;
        self.parts.sent(scope, &document).await?;
        Ok(Fate::new(Verdict::Delivered, ""))
    }

    async fn posting(&self, scope: &Scope, terms: &Terms, document: &Document) -> Result<Box<Posting>, Stop> {
        let parts = &self.parts;
        let key = document.message.as_ref().and_then(|message| message.key.as_deref());
        let sealed = match key {
            Some(key) => parts.documents.blobs.get(scope, key).await?,
            None => None,
        };
        let sealed = sealed.ok_or_else(|| Stop::rejected("the message is no longer kept"))?;
        // Names are resolved, and addresses checked, when it is posted.
        let url = check_url(&terms.as2.url, self.reach).map_err(Stop::failed)?;
        let authorization = parts.authorization(scope, terms)?;
        let tls = parts.tls(scope, terms).map_err(Stop::unready)?;
        Ok(Box::new(stored::posting(sealed, url, (authorization, tls))?))
    }

    async fn fate_of(&self, scope: &Scope, id: &str, answer: Answer) -> Result<Fate, Stop> {
        let parts = &self.parts;
        let Answer { status, headers, body, retry_after } = answer;
        if !status.is_success() {
            return Ok(Fate::new(Verdict::Failed { retry_after }, refusal(status)));
        }
        let document = parts.documents.get(scope, id).await?;
        let document = document.ok_or_else(|| Stop::rejected("the document is no longer kept"))?;
        let Some(message) = document.message.clone() else { return Ok(Fate::failed("there is no message")) };
        let headers: Headers = headers.into_iter().collect();
        let is_receipt = receipt::looks_like_receipt(&headers, &body);
        match message.mdn {
            Mdn::None => {
                parts.sent(scope, &document).await?;
                return Ok(Fate::new(Verdict::Delivered, ""));
            }
            Mdn::Async if !is_receipt => return self.wait(scope, &document).await,
            Mdn::Sync if body.iter().all(u8::is_ascii_whitespace) => {
                return Ok(Fate::failed("the response has no MDN"));
            }
            Mdn::Sync | Mdn::Async => {}
        }
        let partner = parts.partners.get(scope, &document.partner_id).await?;
        let partner = partner.ok_or_else(|| Stop::rejected("the partner was deleted"))?;
        let judgment = parts.judge(&partner, &message, (headers.clone(), body.clone())).await?;
        let kept = parts.keep_receipt(scope, &document, (&headers, &body), &judgment).await?;
        let document = kept.ok_or_else(|| Stop::rejected("the document is no longer kept"))?;
        Ok(parts.fate(scope, &document).await?)
    }

    /// The receipt comes later, or it came while the response was on its way.
    async fn wait(&self, scope: &Scope, document: &Document) -> Result<Fate, Stop> {
        let (parts, now) = (&self.parts, self.parts.ports.now());
        let begin = |document: &mut Document| {
            let settled = document.conclusion().is_some();
            let Some(message) = document.message.as_mut().filter(|_| !settled) else { return false };
            message.waits_until = Some(now.plus(minutes(message.mdn_timeout_minutes)));
            true
        };
        let document = parts.documents.change(scope, &document.id, begin).await?;
        let document = document.ok_or_else(|| Stop::rejected("the document is no longer kept"))?;
        match document.waits(now) {
            Some(wait) => Ok(Fate::new(Verdict::Pending { wait }, "")),
            None => Ok(parts.fate(scope, &document).await?),
        }
    }
}

impl DocumentParts {
    /// What a partner's server asks for.
    pub(super) fn authorization(&self, scope: &Scope, terms: &Terms) -> Result<Option<String>, EngineError> {
        let Some(BasicAuth { username, password }) = &terms.as2.basic_auth else { return Ok(None) };
        let password = self.vault.open(scope, password)?;
        Ok(Some(format!("Basic {}", BASE64.encode(format!("{username}:{}", &*password)))))
    }
}

fn refusal(status: StatusCode) -> String {
    if status.is_redirection() {
        return format!("redirect refused (HTTP status code {})", status.as_u16());
    }
    of_status(status).into_owned()
}
