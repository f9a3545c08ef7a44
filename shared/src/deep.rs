//! Work that recurses over what users wrote: their expressions, their schemas.
//!
//! It takes more stack than a thread of the runtime has, and over large payloads more time than one should be kept.

use std::thread::JoinHandle;

use tokio::sync::oneshot;

/// An evaluator may take 100 KB a level. It is address space only, until it is used.
const STACK: usize = 32 * 1024 * 1024;

/// The thread could not be started, or panicked.
#[derive(Debug, thiserror::Error)]
#[error("own thread: {0}")]
pub struct NoAnswer(String);

/// Runs `work` on a thread of its own, while others go on.
///
/// # Errors
/// [`NoAnswer`].
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, NoAnswer> {
    let (answer, result) = oneshot::channel();
    // The receiver is dropped if the request was cancelled.
    spawn(move || drop(answer.send(work())))?;
    result.await.map_err(|_| NoAnswer("it panicked".to_owned()))
}

fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>, NoAnswer> {
    std::thread::Builder::new().stack_size(STACK).spawn(work).map_err(|error| NoAnswer(error.to_string()))
}
