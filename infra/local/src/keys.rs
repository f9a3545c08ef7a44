//! The master keys of the local run: a file for each ring in the data folder, which only its owner may read.

use std::path::Path;

use sluice::app::Keys;
use sluice::ports::Ports;
use sluice::rings::{Ring, RingText};
use sluice::secrets::Keyring;
use sluice::tokens::TokenRing;

use crate::StartError;
use crate::folder::Folder;

const fn file(ring: Ring) -> &'static str {
    match ring {
        Ring::Secrets => "keys.json",
        Ring::Tokens => "token-keys.json",
    }
}

/// The rings of the folder, made where there are none.
///
/// # Errors
/// Where one cannot be read, or others can read it too.
pub(crate) fn load(folder: &Folder, ports: &Ports) -> Result<Keys, StartError> {
    let ring = |ring| {
        let text = RingText::parse(&text(folder, ring, ports)?, ports.now());
        text.map_err(|e| StartError::new(file(ring), e))
    };
    let secrets = Keyring::new(&ring(Ring::Secrets)?).map_err(|e| StartError::new(file(Ring::Secrets), e))?;
    let tokens = TokenRing::new(&ring(Ring::Tokens)?).map_err(|e| StartError::new(file(Ring::Tokens), e))?;
    Ok(Keys { secrets, tokens: Some(tokens) })
}

/// Adds a key to each ring of a folder that no process uses, and makes it current; the old ones still decrypt and
/// verify.
///
/// # Errors
/// As [`load`]'s, or where it cannot be written.
pub fn rotate(data: &Path) -> Result<(), StartError> {
    let (folder, ports) = (Folder::open(data)?, Ports::system());
    for ring in [Ring::Secrets, Ring::Tokens] {
        let rotated = RingText::rotated(&text(&folder, ring, &ports)?, &ports);
        write(&folder, ring, &rotated.map_err(|e| StartError::new(file(ring), e))?)?;
    }
    Ok(())
}

fn text(folder: &Folder, of: Ring, ports: &Ports) -> Result<String, StartError> {
    let Some(ring) = folder.read::<serde_json::Value>(file(of))? else {
        let new = RingText::generate(ports);
        write(folder, of, &new)?;
        return Ok(new.to_string());
    };
    Ok(ring.to_string())
}

fn write(folder: &Folder, ring: Ring, text: &str) -> Result<(), StartError> {
    let content: serde_json::Value = serde_json::from_str(text).map_err(|e| StartError::new(file(ring), e))?;
    folder.write(file(ring), &content)
}
