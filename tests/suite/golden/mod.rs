//! Records and messages as each release has written them: this one reads them all, and writes what the newest file says.
//!
//! A change of a format that is meant: the failing test names the file that it has written; keep it as
//! `tests/golden/v<release>/`, beside the older ones.

pub(crate) mod fixtures;
pub(crate) mod messages;
mod records;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use sluice::domain::chunk::decompress;
use sluice::domain::time::Millis;
use sluice::ports::{Clock, Ports, Random};

use crate::deploy::template::root;

/// When everything was written: late enough that nothing of it has expired.
const NOW: Millis = Millis(4_000_000_000_000);

/// A clock that stands still, and bytes that count: what is written is always the same.
#[derive(Default)]
struct Fixed(AtomicU64);

impl Clock for Fixed {
    fn now(&self) -> Millis {
        NOW
    }
}

impl Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (place, byte) in bytes.iter_mut().rev().enumerate() {
            *byte = count.iter().rev().nth(place).copied().unwrap_or_default();
        }
    }
}

fn ports() -> Ports {
    Ports::new(Fixed::default(), Fixed::default())
}

/// The files of that name, one of each release that changed it, the newest last.
fn releases(file: &str) -> Result<Vec<(String, Value)>> {
    let version = |name: &str| -> Vec<u32> {
        name.trim_start_matches('v').split('.').filter_map(|part| part.parse().ok()).collect()
    };
    let folder = root().join("tests/golden");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let (path, name) = entry.map(|entry| (entry.path().join(file), entry.file_name()))?;
        if path.is_file() {
            let name = name.into_string().ok().context("a release")?;
            found.push((name, serde_json::from_str(&std::fs::read_to_string(path)?)?));
        }
    }
    found.sort_by_key(|(name, _)| version(name));
    Ok(found)
}

/// Compares what is written now with the newest file.
fn expect_newest(file: &str, written: &Value) -> Result<()> {
    let newest = releases(file)?.pop().map(|(_, value)| value);
    if newest.as_ref().map(unpacked).as_ref() == Some(&unpacked(written)) {
        return Ok(());
    }
    let path: PathBuf = root().join("target/golden").join(file);
    std::fs::create_dir_all(path.parent().context("a folder")?)?;
    std::fs::write(&path, format!("{written:#}\n"))?;
    let part = |value: Option<&Value>| value.cloned().unwrap_or_default();
    let keys = written.as_object().context("an object")?.keys();
    let differ: Vec<&String> =
        keys.filter(|key| newest.as_ref().map(|newest| &newest[*key]) != written.get(*key)).collect();
    let first =
        differ.first().map(|key| format!("{:#}\nnow {:#}", part(newest.as_ref().map(|n| &n[*key])), written[*key]));
    anyhow::bail!(
        "{differ:?} is written otherwise than by the last release: {}\nIf that is meant and older releases can read it, \
         keep {} in the folder of the next release; if they cannot, raise VERSION too",
        first.unwrap_or_else(|| "something is missing".to_owned()),
        path.display()
    )
}

/// The same with what is compressed as text: another release of the library may compress otherwise.
fn unpacked(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.clone(), unpacked(value))).collect::<serde_json::Map<_, _>>().into()
        }
        Value::Array(list) => list.iter().map(unpacked).collect(),
        Value::String(text) => {
            let raw = BASE64.decode(text).ok().and_then(|bytes| decompress(&bytes, 1 << 20).ok());
            raw.map_or_else(|| value.clone(), |raw| json!({"compressed": String::from_utf8_lossy(&raw)}))
        }
        _ => value.clone(),
    }
}
