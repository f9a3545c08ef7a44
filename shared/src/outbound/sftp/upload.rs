//! Putting a file on a server: it appears under its name only when it is whole, and no other file is overwritten.
//!
//! An attempt whose answer was lost may have done its work. So each looks first, and each writes the same bytes to the
//! same temporary file: two at once do not hurt each other.

use super::failure::Failure;
use super::session::{Session, Status};

/// Up to here, a file that stands already is read back and compared.
const COMPARED: usize = 1024 * 1024;

/// A file to put on a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Upload<'a> {
    pub(super) directory: &'a str,
    pub(super) name: &'a str,
    pub(super) temporary: &'a str,
    /// Whether no other document has the name.
    pub(super) unique: bool,
    pub(super) body: &'a [u8],
}

/// A file's path.
pub(super) fn join(directory: &str, name: &str) -> String {
    match directory {
        "." | "" => name.to_owned(),
        directory if directory.ends_with('/') => format!("{directory}{name}"),
        directory => format!("{directory}/{name}"),
    }
}

impl Upload<'_> {
    /// Puts the file there, if it is not there yet.
    pub(super) async fn run(&self, session: &mut Session) -> Result<(), Failure> {
        let (path, temporary) = (join(self.directory, self.name), join(self.directory, self.temporary));
        if self.stands(session, &path).await? {
            // An attempt that ended in the middle of its renaming leaves both names.
            let _ = session.remove(&temporary).await?;
            return Ok(());
        }
        self.write(session, &temporary).await?;
        match session.rename(&temporary, &path).await? {
            Ok(()) => Ok(()),
            Err(status) => self.rename_failed(session, (&temporary, &path), status).await,
        }
    }

    async fn write(&self, session: &mut Session, temporary: &str) -> Result<(), Failure> {
        let handle = session.create(temporary).await?;
        session.write_all(&handle, self.body).await?;
        session.sync(&handle).await?;
        session.close(&handle).await?;
        let size = session.look_at(temporary).await?.and_then(|attributes| attributes.size);
        if size == Some(self.body.len() as u64) {
            return Ok(());
        }
        let _ = session.remove(temporary).await?;
        Err(Failure::new("the file on the server has another size than what was sent"))
    }

    /// The name may be taken, by this file or another; or the server can rename in its other way only.
    async fn rename_failed(
        &self,
        session: &mut Session,
        (temporary, path): (&str, &str),
        Status(code): Status,
    ) -> Result<(), Failure> {
        if self.stands(session, path).await? {
            let _ = session.remove(temporary).await?;
            return Ok(());
        }
        let again = match session.features.rename_over {
            true => session.rename_over(temporary, path).await?,
            false => Err(Status(code)),
        };
        again.map_err(|Status(code)| Failure::of_status("cannot rename the file", code))
    }

    /// Whether the file stands under its name already.
    ///
    /// # Errors
    /// If another one does, too.
    async fn stands(&self, session: &mut Session, path: &str) -> Result<bool, Failure> {
        let Some(standing) = session.look_at(path).await? else { return Ok(false) };
        let alike = standing.is_file() != Some(false)
            && standing.size == Some(self.body.len() as u64)
            && (self.unique && self.body.len() > COMPARED || self.is_content_of(session, path).await?);
        if alike { Ok(true) } else { Err(Failure::new("another file stands under this name")) }
    }

    async fn is_content_of(&self, session: &mut Session, path: &str) -> Result<bool, Failure> {
        let handle = session.open(path).await?;
        let content = session.read_all(&handle, self.body.len()).await?;
        session.close(&handle).await?;
        Ok(content.is_some_and(|content| content == self.body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_directory_and_a_name() {
        let paths = [("", "a"), (".", "a"), ("in", "in/a"), ("/in", "/in/a"), ("in/", "in/a"), ("/", "/a")];
        for (directory, path) in paths {
            assert_eq!(join(directory, "a"), path, "{directory}");
        }
    }
}
