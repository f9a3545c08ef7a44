//! Deletes documents that are no longer kept, as the lifecycle of the bucket does on AWS.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(6 * 3_600);

/// Looks now and then until it is stopped.
pub(crate) async fn keep(bucket: std::path::PathBuf, retention: Duration, stop: CancellationToken) {
    let mut turns = tokio::time::interval(EVERY);
    while stop.run_until_cancelled(turns.tick()).await.is_some() {
        let (bucket, now) = (bucket.clone(), SystemTime::now());
        let swept = tokio::task::spawn_blocking(move || sweep(&bucket, now.checked_sub(retention)));
        if let Ok(Err(error)) = swept.await {
            tracing::error!(%error, "documents that are no longer kept could not be deleted");
        }
    }
}

/// Deletes the files below a folder that were written before a time.
fn sweep(folder: &Path, before: Option<SystemTime>) -> std::io::Result<()> {
    let Some(before) = before else { return Ok(()) };
    for entry in fs::read_dir(folder)? {
        let (entry, path) = entry.map(|entry| (entry.metadata(), entry.path()))?;
        let entry = entry?;
        if entry.is_dir() {
            sweep(&path, Some(before))?;
        } else if entry.modified()? < before {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_goes_and_the_rest_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let below = folder.path().join("acme/p/documents");
        fs::create_dir_all(&below).expect("folders");
        for name in ["old", "new"] {
            fs::write(below.join(name), name).expect("a file");
        }
        let hour = Duration::from_secs(3_600);
        let old = fs::File::options().write(true).open(below.join("old")).expect("a file");
        old.set_modified(SystemTime::now() - 2 * hour).expect("an older time");
        sweep(folder.path(), SystemTime::now().checked_sub(hour)).expect("swept");
        assert!(!below.join("old").exists() && below.join("new").exists());
    }
}
