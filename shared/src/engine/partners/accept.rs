//! Reads the profile that a user wrote: every check, then its secrets are sealed.

use super::PartnerRegistry;
use crate::domain::partner::{Profile, StoredProfile, WrittenProfile, read_certificates};
use crate::domain::scope::Scope;
use crate::domain::sealed::MASK;
use crate::outbound::moved::{self, Origins, origin};
use crate::outbound::written::Faults;
use crate::outbound::{Refusal, Secret, check_sftp_key, sftp_origin};

/// Where the secret at a pointer of a profile is sent.
fn origins<S, C>(profile: &Profile<S, C>, pointer: &str) -> Origins {
    let as2 = profile.as2.iter().filter(|_| pointer.starts_with("/as2/")).map(|as2| origin(&as2.url));
    let sftp = profile.sftp.iter().filter(|_| pointer.starts_with("/sftp/")).map(sftp_origin);
    as2.chain(sftp).collect()
}

impl PartnerRegistry {
    /// Checks all of a profile. Of `kept`, what is stored already, masked secrets stay.
    pub(super) async fn accept(
        &self,
        scope: &Scope,
        written: WrittenProfile,
        kept: Option<&StoredProfile>,
    ) -> Result<StoredProfile, Refusal> {
        let mut faults = Faults::default();
        faults.extend(written.problems());
        for (pointer, text) in written.secrets() {
            if text == MASK && kept.is_none_or(|kept| kept.secret(pointer).is_none()) {
                faults.add(pointer, "is a mask, and no value is stored that it could keep");
            }
        }
        if let Some(sftp) = &written.sftp {
            check_sftp_key("/sftp/private_key", sftp, &mut faults);
        }
        let now = self.vault.ports().now();
        let kept_certificates = kept.map(|kept| kept.certificates.as_slice()).unwrap_or_default();
        let certificates = read_certificates(&written.certificates, kept_certificates, now);
        let certificates = certificates.map_err(|problems| faults.extend(problems)).ok();
        self.check_addresses(&written, &mut faults).await;
        if let Some(kept) = kept {
            let masked = written.secrets().filter(|(_, text)| *text == MASK).map(|(pointer, _)| pointer.to_owned());
            let masks = masked.filter(|pointer| kept.secret(pointer).is_some()).collect();
            moved::check(&mut faults, masks, |pointer| origins(kept, pointer), |pointer| origins(&written, pointer));
        }
        let certificates = faults.finish(certificates)?;
        let seal = |pointer, text| {
            let kept = kept.and_then(|kept| kept.secret(pointer)).cloned();
            self.vault.store(scope, Secret::read(text, kept))
        };
        Ok(written.convert(certificates, seal)?)
    }

    async fn check_addresses(&self, written: &WrittenProfile, faults: &mut Faults) {
        if let Some(as2) = &written.as2 {
            faults.url("/as2/url", &as2.url, self.reach).await;
        }
        if let Some(sftp) = &written.sftp {
            faults.server("/sftp/host", &sftp.host, self.reach).await;
        }
    }
}
