//! PKCS#12 files: a key with its certificate under a password, as Windows and Java export them.

use p12_keystore::Pkcs12Archive;

use super::{Certificate, Identity, KeyError};

/// Larger than any file with a chain; a file may demand a million rounds of hashing for each entry.
const MAX_FILE: usize = 48 << 10;

pub(super) fn read(file: &[u8], password: &str) -> Result<Identity, KeyError> {
    if file.len() > MAX_FILE {
        return Err(KeyError::Pkcs12);
    }
    let archive = Pkcs12Archive::from_pkcs12(file, password).map_err(|_| KeyError::Pkcs12)?;
    // Certificates are matched by their keys: not every program marks which of them belong together.
    let mut found = Vec::new();
    let mut refused = None;
    for key in &archive.keys {
        for bag in &archive.certs {
            match Certificate::of_der(bag.cert.as_der()).and_then(|leaf| Identity::of_der(key.key.as_der(), leaf)) {
                Ok(identity) => found.push(identity),
                Err(KeyError::Mismatch | KeyError::Certificate) => {}
                Err(reason) => refused = Some(reason),
            }
        }
    }
    match (found.len(), refused) {
        (1, _) => found.pop().ok_or(KeyError::Pkcs12Keys(0)),
        (0, Some(reason)) => Err(reason),
        (count, _) => Err(KeyError::Pkcs12Keys(count)),
    }
}
