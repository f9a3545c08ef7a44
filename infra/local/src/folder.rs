//! The data folder: everything that survives a restart, and one process at a time.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::StartError;

/// A data folder, locked for this process.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    // Released when the process ends, however it ends.
    _lock: File,
}

impl Folder {
    /// Makes the folder where it is missing, and takes its lock.
    ///
    /// # Errors
    /// Where it cannot be written, or another process has it.
    pub fn open(path: &Path) -> Result<Self, StartError> {
        let doing = format!("the data folder {} cannot be used", path.display());
        // What it holds is for its owner alone.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path.join("s3"));
        made.map_err(|e| StartError::new(&doing, e))?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join("lock"));
        let lock = lock.map_err(|e| StartError::new(&doing, e))?;
        lock.try_lock().map_err(|_| StartError::new(&doing, "another process is using it"))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// A file of the folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads a JSON file of the folder; `None` where it is not there.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Result<Option<T>, StartError> {
        let path = self.file(name);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| StartError::new(path.display(), e)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StartError::new(path.display(), error)),
        }
    }

    /// Writes a JSON file that only its owner may read: whole, or not at all.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, name: &str, content: &impl Serialize) -> Result<(), StartError> {
        let (path, draft) = (self.file(name), self.file(&format!("{name}.new")));
        let write = || -> std::io::Result<()> {
            let text = serde_json::to_string_pretty(content)?;
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&draft, &path)
        };
        write().map_err(|e| StartError::new(path.display(), e))
    }
}
