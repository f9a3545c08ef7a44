//! The master keys of the local run: a file of the data folder that only its owner may read.

use std::path::Path;

use sluice::ports::Ports;
use sluice::secrets::Keyring;

use crate::StartError;
use crate::folder::Folder;

const FILE: &str = "keys.json";

/// The ring of the folder, made where there is none.
///
/// # Errors
/// Where it cannot be read, or others can read it too.
pub(crate) fn load(folder: &Folder, ports: &Ports) -> Result<Keyring, StartError> {
    Keyring::from_json(&text(folder, ports)?).map_err(|e| StartError::new(FILE, e))
}

/// Adds a key to the ring of a folder that no process uses, and makes it current; the old ones still decrypt and
/// verify.
///
/// # Errors
/// As [`load`]'s, or where it cannot be written.
pub fn rotate(data: &Path) -> Result<(), StartError> {
    let (folder, ports) = (Folder::open(data)?, Ports::system());
    let rotated = Keyring::rotated(&text(&folder, &ports)?, &ports).map_err(|e| StartError::new(FILE, e))?;
    write(&folder, &rotated)
}

fn text(folder: &Folder, ports: &Ports) -> Result<String, StartError> {
    let Some(ring) = folder.read::<serde_json::Value>(FILE)? else {
        let new = Keyring::generate(ports);
        write(folder, &new)?;
        return Ok(new.to_string());
    };
    Ok(ring.to_string())
}

fn write(folder: &Folder, ring: &str) -> Result<(), StartError> {
    let ring: serde_json::Value = serde_json::from_str(ring).map_err(|e| StartError::new(FILE, e))?;
    folder.write(FILE, &ring)
}
