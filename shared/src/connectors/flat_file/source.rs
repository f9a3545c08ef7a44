//! Records of all the files in a bucket, in the order of their keys.

use std::collections::VecDeque;

use futures::future::BoxFuture;
use tokio::sync::Mutex;

use super::bucket::{Bucket, File};
use super::reading::{Place, Reading, Within};
use crate::connectors::path::Path;
use crate::connectors::{Ask, ConnectorError, Page, Source};
use crate::domain::flat_file::FileFormat;
use crate::domain::value::Value;

/// The most records of a page.
const MAX_PAGE: usize = 10_000;
/// Files without a record that are passed in one page.
const MAX_EMPTY: usize = 1_000;

/// The files of a bucket.
pub(super) struct Files {
    bucket: Bucket,
    format: FileFormat,
    source_id: Path,
    /// What the last page left open, so that the next one need not begin anew.
    open: Mutex<Option<Open>>,
}

/// The file that is read, and the ones known to follow.
struct Open {
    /// The position that it stands at.
    position: String,
    state: State,
}

#[derive(Default)]
struct State {
    reading: Option<Reading>,
    /// The last file that was begun.
    last: Option<String>,
    known: VecDeque<File>,
}

impl Source for Files {
    fn read<'a>(&'a self, ask: &'a Ask<'a>) -> BoxFuture<'a, Result<Page, ConnectorError>> {
        Box::pin(self.page(ask))
    }
}

impl Files {
    pub(super) fn new(bucket: Bucket, format: FileFormat, source_id: Path) -> Self {
        Self { bucket, format, source_id, open: Mutex::default() }
    }

    async fn page(&self, ask: &Ask<'_>) -> Result<Page, ConnectorError> {
        let mut open = self.open.lock().await;
        let kept = open.take().filter(|open| Some(open.position.as_str()) == ask.position);
        let mut state = match kept {
            Some(open) => open.state,
            None => self.resume(ask.position)?,
        };
        let (mut records, size) = (Vec::new(), ask.page_size.clamp(1, MAX_PAGE));
        let more = self.fill(&mut state, &mut records, size).await;
        if !ask.source_ids.is_empty() {
            records.retain(|record| self.source_id.text(record).is_some_and(|id| ask.source_ids.contains(&id)));
        }
        // What comes before an error is given first: the next page begins with the error.
        let is_late_error = more.is_err() && !records.is_empty();
        if !more.or_else(|error| if is_late_error { Ok(true) } else { Err(error) })? {
            return Ok(Page { records, next: None });
        }
        let position = state.position()?;
        if !is_late_error {
            *open = Some(Open { position: position.clone(), state });
        }
        Ok(Page { records, next: Some(position) })
    }

    /// Reads until a page is full; `false` after the last file.
    async fn fill(&self, state: &mut State, records: &mut Vec<Value>, size: usize) -> Result<bool, ConnectorError> {
        let mut empty = 0;
        while records.len() < size && empty < MAX_EMPTY {
            if let Some(reading) = &mut state.reading {
                let room = size - records.len();
                if reading.some(&self.bucket, records, room).await? {
                    continue;
                }
                state.reading = None;
            }
            let Some(file) = self.next_file(state).await? else { return Ok(false) };
            empty += 1;
            state.last = Some(file.key.clone());
            state.reading = Some(Reading::begin(file, &self.format));
        }
        Ok(true)
    }

    /// The next file that has content. A key that ends with a slash stands for a folder.
    async fn next_file(&self, state: &mut State) -> Result<Option<File>, ConnectorError> {
        loop {
            let Some(file) = state.known.pop_front() else {
                state.known = self.bucket.list(state.last.as_deref()).await?.into();
                if state.known.is_empty() {
                    return Ok(None);
                }
                continue;
            };
            if file.size > 0 && !file.key.ends_with('/') {
                return Ok(Some(file));
            }
            state.last = Some(file.key);
        }
    }

    fn resume(&self, position: Option<&str>) -> Result<State, ConnectorError> {
        let Some(position) = position else { return Ok(State::default()) };
        let place: Place = serde_json::from_str(position)
            .map_err(|_| ConnectorError::Permanent("the position cannot be read".to_owned()))?;
        let last = Some(place.key.clone());
        let Some(Within { etag, size, checkpoint, records }) = place.within else {
            return Ok(State { last, ..State::default() });
        };
        let file = File { key: place.key, etag, size };
        let reading = Some(Reading::resume(file, &self.format, checkpoint, records));
        Ok(State { reading, last, known: VecDeque::new() })
    }
}

impl State {
    fn position(&self) -> Result<String, ConnectorError> {
        let after = || Place { key: self.last.clone().unwrap_or_default(), within: None };
        let place = self.reading.as_ref().map_or_else(after, Reading::place);
        serde_json::to_string(&place).map_err(|error| ConnectorError::Permanent(error.to_string()))
    }
}
