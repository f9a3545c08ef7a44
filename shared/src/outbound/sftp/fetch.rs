//! Fetching a file from a server, and putting it aside.

use sha2::{Digest as _, Sha256};

use super::client::Connection;
use super::failure::{Failure, NO_SUCH_FILE};
use super::session::{Listing, Status};
use super::upload::join;
use crate::domain::partner::ListedFile;

/// A file that was fetched.
#[derive(Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its content.
    pub body: Vec<u8>,
    /// The digest of its content.
    pub sha256: [u8; 32],
}

impl Connection {
    /// The files of a directory, `most` of them, those that are wanted first.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn list(
        &mut self,
        directory: &str,
        most: usize,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Listing, Failure> {
        self.session.list(directory, most, wanted).await
    }

    /// Fetches a file of a directory; `None` if it is no longer as it was listed.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn fetch(&mut self, directory: &str, file: &ListedFile) -> Result<Option<Fetched>, Failure> {
        let path = join(directory, &file.name);
        if !self.is_as_listed(&path, file).await? {
            return Ok(None);
        }
        let size = usize::try_from(file.size).map_err(|_| Failure::new("the file is too large"))?;
        let handle = self.session.open(&path).await?;
        let body = self.session.read_all(&handle, size).await?;
        self.session.close(&handle).await?;
        let Some(body) = body else { return Ok(None) };
        // It may have been written while it was read.
        if !self.is_as_listed(&path, file).await? {
            return Ok(None);
        }
        let sha256 = Sha256::digest(&body).into();
        Ok(Some(Fetched { body, sha256 }))
    }

    /// Whether a path is the regular file that was listed, with the same size and time.
    async fn is_as_listed(&mut self, path: &str, file: &ListedFile) -> Result<bool, Failure> {
        let Some(now) = self.session.look_at(path).await? else { return Ok(false) };
        let same = (now.size, now.modified_at.unwrap_or_default()) == (Some(file.size), file.modified_at);
        Ok(same && now.is_file() != Some(false))
    }

    /// Deletes a file, if it is still as it was listed. `false`: it is not.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn delete(&mut self, directory: &str, file: &ListedFile) -> Result<bool, Failure> {
        let path = join(directory, &file.name);
        if !self.is_as_listed(&path, file).await? {
            return Ok(false);
        }
        match self.session.remove(&path).await? {
            // Somebody else took it away in this moment.
            Ok(()) | Err(Status(NO_SUCH_FILE)) => Ok(true),
            Err(Status(code)) => Err(Failure::of_status("cannot delete the file", code)),
        }
    }

    /// Moves a file to another directory, if it is still as it was listed. `false`: it is not. Where its name is taken,
    /// it gets `other_name`.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn set_aside(
        &mut self,
        (directory, to): (&str, &str),
        file: &ListedFile,
        other_name: &str,
    ) -> Result<bool, Failure> {
        let path = join(directory, &file.name);
        if !self.is_as_listed(&path, file).await? {
            return Ok(false);
        }
        let mut target = join(to, &file.name);
        if self.session.look_at(&target).await?.is_some() {
            target = join(to, other_name);
        }
        // Never over another file: what was put aside is kept.
        let moved = self.session.rename(&path, &target).await?;
        moved.map_err(|Status(code)| Failure::of_status("cannot move the file", code)).map(|()| true)
    }

    /// Ends the connection.
    pub async fn end(self) {
        self.close().await;
    }
}
