//! The parameters of a server: as a user writes them, as they are stored, as they are shown.

use std::convert::Infallible;

use serde_json::Value;

use super::access::check_private_key;
use crate::domain::partner::{Sftp, WrittenSftp};
use crate::domain::scope::Scope;
use crate::domain::sealed::{MASK, Sealed};
use crate::outbound::kind::{Accepted, Refusal};
use crate::outbound::reach::Reach;
use crate::outbound::vault::{Secret, Vault};
use crate::outbound::written::Faults;

/// What [`Sftp`] calls its secrets, which it places in a partner's profile.
const WITHIN: &str = "/sftp";

/// Checks everything, and seals the secrets.
pub(super) async fn accept(
    written: WrittenSftp,
    vault: &Vault,
    scope: &Scope,
    reach: Reach,
    kept: Option<&Sftp<Sealed>>,
) -> Result<Accepted<Sftp<Sealed>>, Refusal> {
    let mut faults = Faults::default();
    faults.extend(written.problems());
    faults.server("/host", &written.host, reach).await;
    for (pointer, text) in written.secrets() {
        let name = pointer.trim_start_matches(WITHIN);
        if text == MASK && kept.is_none_or(|kept| kept.secret(name).is_none()) {
            faults.add(name, "is a mask, and no value is stored that it could keep");
        }
    }
    check_key("/private_key", &written, &mut faults);
    faults.finish(Some(()))?;
    let parameters = written.convert(&mut |pointer, text| {
        let kept = kept.and_then(|kept| kept.secret(pointer.trim_start_matches(WITHIN))).cloned();
        vault.store(scope, Secret::read(text, kept))
    })?;
    Ok(Accepted { parameters, generated: serde_json::Map::new() })
}

/// Checks a private key that somebody wrote, which stands at that JSON Pointer. It takes time, so nothing else is wrong.
pub(crate) fn check_key(at: &str, written: &WrittenSftp, faults: &mut Faults) {
    if let Some(key) = written.private_key.as_ref().filter(|key| *key != MASK && faults.is_empty()) {
        faults.check(at, check_private_key(key));
    }
}

/// The server that the secrets are sent to.
pub(crate) fn origin<S>(sftp: &Sftp<S>) -> String {
    format!("sftp://{}:{}", sftp.host.to_ascii_lowercase(), sftp.port)
}

/// As a user may see them; reads as what was written.
pub(super) fn show(parameters: &Sftp<Sealed>) -> Value {
    let Ok(masked) = parameters.clone().convert(&mut |_, _| Ok::<_, Infallible>(MASK.to_owned()));
    serde_json::to_value(masked).unwrap_or_default()
}
