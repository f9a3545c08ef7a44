//! The messages of one worker call, one after the other.

use super::EngineError;

/// Works on each message; gives the places of those that failed.
pub(super) async fn each<'m, W>(messages: &'m [String], worker: &'static str, work: impl Fn(&'m str) -> W) -> Vec<usize>
where
    W: Future<Output = Result<(), EngineError>>,
{
    let mut failed = Vec::new();
    for (place, text) in messages.iter().enumerate() {
        if let Err(error) = work(text).await {
            tracing::error!(worker, %error, "a message failed on our side");
            failed.push(place);
        }
    }
    failed
}
