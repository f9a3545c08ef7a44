//! The terms under which documents are exchanged with a partner: its profile, our identity, and both sides' keys.

use std::sync::Arc;

use sluice_as2::{As2Name, Certificate, Cipher, Digest, Identity as Keys, Policy};

use super::{DocumentParts, Unready};
use crate::domain::certificate::Certificate as Shown;
use crate::domain::identity::{Identity, IdentityKey};
use crate::domain::partner::{
    Activity, As2, CertificateUsage, Digest as WrittenDigest, Encryption, Partner, Sftp, Transport,
};
use crate::domain::scope::Scope;
use crate::domain::sealed::Sealed;
use crate::domain::time::Millis;
use crate::outbound::TlsTerms;
use crate::store::StoreError;

/// A partner's AS2 profile, and who we are to it.
#[derive(Clone)]
pub(super) struct Terms {
    pub(super) partner: Partner,
    pub(super) as2: As2<Sealed>,
    pub(super) identity: Arc<Identity>,
}

/// How documents go to a partner.
pub(super) enum Carrier {
    /// As messages.
    As2(Box<Terms>),
    /// As files on its server.
    Sftp(Box<Sftp<Sealed>>),
}

impl DocumentParts {
    /// How documents go to a partner, if all is there for it.
    pub(super) async fn carrier(
        &self,
        scope: &Scope,
        partner: Partner,
    ) -> Result<Result<Carrier, Unready>, StoreError> {
        if partner.profile.status != Activity::Active {
            return Ok(Err(Unready::Inactive));
        }
        Ok(match partner.profile.transport {
            Transport::As2 => self.terms(scope, partner).await?.map(|terms| Carrier::As2(Box::new(terms))),
            Transport::Sftp => partner.profile.sftp.map(|sftp| Carrier::Sftp(Box::new(sftp))).ok_or(Unready::NoSftp),
            Transport::Webhook | Transport::S3 => Err(Unready::Transport),
        })
    }

    /// The terms of a partner that messages are sent to.
    async fn terms(&self, scope: &Scope, partner: Partner) -> Result<Result<Terms, Unready>, StoreError> {
        let Some(as2) = partner.profile.as2.clone() else { return Ok(Err(Unready::NoAs2)) };
        let all = self.identities.all(scope).await?;
        let identity = match &as2.identity {
            Some(id) => all.iter().find(|one| one.id == *id),
            None => all.first().filter(|_| all.len() == 1),
        };
        let Some(identity) = identity.cloned() else { return Ok(Err(Unready::NoIdentity)) };
        let terms = Terms { partner, as2, identity };
        Ok(terms.check(self.ports.now()).map(|()| terms))
    }

    /// What a connection to a partner's server needs.
    pub(super) fn tls(&self, scope: &Scope, terms: &Terms) -> Result<TlsTerms, Unready> {
        let own = match terms.identity.signing(self.ports.now()) {
            Some(key) if terms.as2.client_certificate => {
                Some((key.certificate.pem.clone(), self.open_key(scope, key)?.private_key_pem()))
            }
            _ => None,
        };
        Ok(TlsTerms { pinned: terms.of_usage(CertificateUsage::Tls).map(|one| one.pem.clone()).collect(), own })
    }

    /// A key of ours, opened.
    pub(super) fn open_key(&self, scope: &Scope, key: &IdentityKey) -> Result<Keys, Unready> {
        let text = self.vault.open(scope, &key.private_key)?;
        let unusable = |error| Unready::Unusable(format!("A key of the identity: {error}."));
        Keys::of_pem(&text, &key.certificate.pem).map_err(unusable)
    }
}

impl Terms {
    /// What must be there before anything can be sent.
    fn check(&self, now: Millis) -> Result<(), Unready> {
        if self.cipher().is_some() {
            self.encryption_certificate(now)?;
        }
        let needs_signature = self.as2.mdn != crate::domain::partner::Mdn::None && self.as2.mdn_signed;
        if needs_signature && self.signing_certificates().is_empty() {
            return Err(Unready::NoSigningCertificate);
        }
        Ok(())
    }

    /// The digest to sign with.
    pub(super) fn digest(&self) -> Option<Digest> {
        match self.as2.sign {
            WrittenDigest::Sha256 => Some(Digest::Sha256),
            WrittenDigest::Sha384 => Some(Digest::Sha384),
            WrittenDigest::Sha512 => Some(Digest::Sha512),
            WrittenDigest::Sha1 => Some(Digest::Sha1),
            WrittenDigest::None => None,
        }
    }

    /// The cipher to encrypt with.
    pub(super) fn cipher(&self) -> Option<Cipher> {
        match self.as2.encrypt {
            Encryption::Aes256Cbc => Some(Cipher::Aes256Cbc),
            Encryption::Aes192Cbc => Some(Cipher::Aes192Cbc),
            Encryption::Aes128Cbc => Some(Cipher::Aes128Cbc),
            Encryption::Aes256Gcm => Some(Cipher::Aes256Gcm),
            Encryption::Aes128Gcm => Some(Cipher::Aes128Gcm),
            Encryption::TripleDes => Some(Cipher::TripleDes),
            Encryption::None => None,
        }
    }

    /// The certificate to encrypt for: of those that are valid, the one that began last.
    pub(super) fn encryption_certificate(&self, now: Millis) -> Result<Certificate, Unready> {
        let valid = |one: &&Shown| one.not_before <= now && now <= one.not_after;
        let found = self.of_usage(CertificateUsage::Encryption).filter(valid).max_by_key(|one| one.not_before);
        let found = found.ok_or(Unready::NoEncryptionCertificate)?;
        Certificate::of_pem(&found.pem).map_err(|error| Unready::Unusable(format!("The certificate {error}.")))
    }

    /// The certificates that the partner signs with. Its users decide how long they count, by leaving them there.
    pub(super) fn signing_certificates(&self) -> Vec<Certificate> {
        signing_certificates(&self.partner)
    }

    fn of_usage(&self, usage: CertificateUsage) -> impl Iterator<Item = &Shown> {
        of_usage(&self.partner, usage)
    }

    /// Our name and the partner's.
    pub(super) fn names(&self) -> Result<(As2Name, As2Name), Unready> {
        let name = |text: &str| As2Name::new(text).map_err(|error| Unready::Unusable(format!("An AS2 name {error}.")));
        Ok((name(&self.identity.as2_id)?, name(&self.as2.as2_id)?))
    }
}

fn of_usage(partner: &Partner, usage: CertificateUsage) -> impl Iterator<Item = &Shown> {
    partner.profile.certificates.iter().filter(move |one| one.usage == usage).map(|one| &one.certificate)
}

/// The certificates that a partner signs with.
pub(super) fn signing_certificates(partner: &Partner) -> Vec<Certificate> {
    let pinned = of_usage(partner, CertificateUsage::Signing);
    pinned.filter_map(|one| Certificate::of_pem(&one.pem).ok()).collect()
}

/// What a partner's messages must have.
pub(super) fn policy<S>(as2: &As2<S>) -> Policy {
    let mut policy =
        Policy { require_signed: as2.require_signed, require_encrypted: as2.require_encrypted, ..Policy::default() };
    if as2.accept_legacy {
        policy.digests = Digest::ALL.to_vec();
        policy.ciphers = Cipher::ALL.to_vec();
    }
    policy
}
