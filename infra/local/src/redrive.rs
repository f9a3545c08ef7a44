//! Gives the workers their dead letters again: what an operator does on AWS with `start-message-move-task`.

use std::path::Path;

use sluice_workers::Worker;

use crate::StartError;
use crate::folder::Folder;
use crate::provision::queue_name;

/// Moves the messages of dead-letter queues back to the workers' queues, in a folder that no process uses: of this
/// worker, or of all. Returns how many each gets.
///
/// # Errors
/// Where the folder or its database cannot be used.
pub fn redrive(data: &Path, only: Option<Worker>) -> Result<Vec<(Worker, usize)>, StartError> {
    let folder = Folder::open(data)?;
    let database = folder.file("sqs.sqlite");
    let mut moved = Vec::new();
    for worker in Worker::ALL.into_iter().filter(|worker| only.is_none_or(|only| only == *worker)) {
        let messages = sluice_sqs::redrive(&database, &queue_name(worker.spec()));
        moved.push((worker, messages.map_err(|e| StartError::new(database.display(), e))?));
    }
    Ok(moved)
}
