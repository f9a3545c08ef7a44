//! The data folder: everything that survives a restart, for its owner alone, and one process at a time.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::StartError;

/// What is not for the owner.
const OTHERS: u32 = 0o077;

/// A data folder, locked for this process.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    // Released when the process ends, however it ends.
    _lock: File,
}

impl Folder {
    /// Makes the folder where it is missing, closes it to others, and takes its lock.
    ///
    /// # Errors
    /// Where it cannot be written, is another user's, or another process has it.
    pub fn open(path: &Path) -> Result<Self, StartError> {
        let doing = format!("the data folder {} cannot be used", path.display());
        let fail = |e: &dyn std::fmt::Display| StartError::new(&doing, e);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| fail(&e))?;
        close(path).map_err(|e| fail(&e))?;
        DirBuilder::new().recursive(true).mode(0o700).create(path.join("s3")).map_err(|e| fail(&e))?;
        let lock = open(own().create(true).truncate(false).write(true), &path.join("lock")).map_err(|e| fail(&e))?;
        lock.try_lock().map_err(|_| fail(&"another process is using it"))?;
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
    /// Where it cannot be read, or others can read it too.
    pub fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Result<Option<T>, StartError> {
        let path = self.file(name);
        match read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| StartError::new(path.display(), e)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StartError::new(path.display(), error)),
        }
    }

    /// Writes a JSON file that only its owner may read: whole, or not at all.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, name: &str, content: &impl Serialize) -> Result<(), StartError> {
        let (path, draft) = (self.file(name), self.file(&format!("{name}.new")));
        let write = || -> io::Result<()> {
            let text = serde_json::to_string_pretty(content)?;
            // An earlier process may have died over it.
            fs::remove_file(&draft).or_else(|e| if e.kind() == ErrorKind::NotFound { Ok(()) } else { Err(e) })?;
            let mut file = open(own().create_new(true).write(true), &draft)?;
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&draft, &path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|e| StartError::new(path.display(), e))
    }
}

/// How files of the folder are opened: what stands in their place must be the file itself, and no link to another.
fn own() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    options
}

fn open(options: &OpenOptions, path: &Path) -> io::Result<File> {
    let is_link = |error: &io::Error| error.raw_os_error() == Some(Errno::LOOP.raw_os_error());
    options.open(path).map_err(|error| match is_link(&error) {
        true => io::Error::other(format!("{} is a link; put the file itself there", path.display())),
        false => error,
    })
}

/// Closes a folder to others, which only its owner can do.
fn close(path: &Path) -> io::Result<()> {
    let folder = File::open(path)?;
    let found = folder.metadata()?;
    check_owner(&fs::symlink_metadata(path)?)?;
    check_owner(&found)?;
    let mode = found.mode() & 0o777;
    if mode & OTHERS != 0 {
        folder.set_permissions(Permissions::from_mode(0o700))?;
        tracing::warn!(folder = %path.display(), "others could use the data folder (mode {mode:o}); now they cannot");
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = open(own().read(true), path)?;
    let found = file.metadata()?;
    check_owner(&found)?;
    let mode = found.mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(io::Error::other(format!("others may read it too (mode {mode:o}); chmod 600 it")));
    }
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok(content)
}

fn check_owner(found: &Metadata) -> io::Result<()> {
    if found.uid() == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(io::Error::other(format!("it belongs to another user (uid {})", found.uid())))
}
