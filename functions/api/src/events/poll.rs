//! Polls of the log for a caller, and the cursors that they continue with.

use std::sync::Arc;

use sluice::domain::export::Position;
use sluice::engine::poll::{LogPoller, Page, Poll};

use crate::http::auth::{Authenticator, Caller};
use crate::http::problem::Problem;
use crate::http::query;

/// Distinguishes these cursors from those of other lists.
const PREFIX: &str = "after/";

/// Polls the log for callers.
#[derive(Clone)]
pub(crate) struct Polls {
    poller: LogPoller,
    authenticator: Arc<Authenticator>,
}

impl Polls {
    pub(crate) fn new(poller: LogPoller, authenticator: Arc<Authenticator>) -> Self {
        Self { poller, authenticator }
    }

    /// A page for a caller whose credentials are still good after the wait.
    pub(crate) async fn page(&self, caller: &Caller, poll: Poll<'_>) -> Result<Page, Problem> {
        let page = self.poller.page(&caller.scope, poll).await?;
        self.authenticator.recheck(caller).await?;
        Ok(page)
    }
}

/// The cursor that continues at a position.
pub(super) fn cursor(position: Position) -> String {
    query::encode_cursor(&format!("{PREFIX}{position}"))
}

/// Reads the text of [`cursor`].
pub(super) fn read_cursor(text: &str) -> Result<Position, Problem> {
    let place = query::decode_cursor(text).ok();
    let position = place.and_then(|place| place.strip_prefix(PREFIX)?.parse().ok());
    position.ok_or_else(|| Problem::field("?after", "is not the `next_cursor` of a page with order=asc"))
}

#[cfg(test)]
mod fuzz {
    use proptest::prelude::*;
    use sluice::domain::ids::ChunkId;
    use sluice::domain::time::Millis;

    use super::*;

    proptest! {
        #[test]
        fn cursors_are_read_back(at in 0_i64..1 << 47, random: [u8; 5], index in 0_usize..10_000) {
            let position = Position { chunk: ChunkId::new(Millis(at), random), index };
            prop_assert_eq!(read_cursor(&cursor(position)).ok(), Some(position));
        }

        #[test]
        fn any_text_is_refused_or_a_cursor(text: String, place in "(after/)?[0-9a-v]{0,21}[.]?[0-9]{0,5}") {
            for text in [text, query::encode_cursor(&place)] {
                if let Ok(position) = read_cursor(&text) {
                    prop_assert_eq!(cursor(position), text);
                }
            }
        }
    }
}
