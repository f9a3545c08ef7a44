//! Records written many by one request.

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{StreamExt as _, stream};
use url::Url;

use super::requests::{ask, method};
use super::results::Results;
use crate::connectors::halt::Halt;
use crate::connectors::http::{HttpApi, Reply};
use crate::connectors::paged::read_content;
use crate::connectors::{Batch, ConnectorError, Record, Target, Written};
use crate::domain::pipeline::load::BatchLoad;
use crate::domain::value::Value;

/// Writes many records by one request.
pub(super) struct Batches {
    api: HttpApi,
    load: BatchLoad,
    url: Url,
    results: Option<Results>,
    concurrency: usize,
}

/// Why a request wrote nothing.
enum Refusal {
    /// The target refuses the records together; perhaps for one of them.
    Together(Written),
    /// Another reason.
    Other(Written),
}

impl Batches {
    pub(super) fn new(api: HttpApi, load: &BatchLoad, concurrency: usize) -> Result<Self, ConnectorError> {
        let url = api.url(&load.path, [])?;
        Ok(Self { url, results: Results::new(load)?, load: load.clone(), api, concurrency: concurrency.max(1) })
    }

    fn size(&self) -> usize {
        self.load.size.max(1) as usize
    }

    /// Writes records by one request. If the target refuses them together, each half is tried: one bad record must not
    /// cost the others.
    async fn some(&self, records: &[Record], halt: &Halt) -> Vec<Written> {
        let mut written = Vec::with_capacity(records.len());
        let mut rest = vec![records];
        while let Some(records) = rest.pop() {
            match self.request(records, halt).await {
                Ok(results) => written.extend(results),
                Err(Refusal::Together(_)) if records.len() > 1 => {
                    let (first, second) = records.split_at(records.len() / 2);
                    rest.extend([second, first]);
                }
                Err(Refusal::Together(all) | Refusal::Other(all)) => {
                    written.extend(std::iter::repeat_n(all, records.len()));
                }
            }
        }
        written
    }

    async fn request(&self, records: &[Record], halt: &Halt) -> Result<Vec<Written>, Refusal> {
        let sent = ask(&self.api, halt, method(self.load.method), self.url.clone(), Some(self.body(records))).await;
        let reply = sent.map_err(Refusal::Other)?;
        let status = reply.status;
        match (self.judge(&reply, records), status.is_success()) {
            (Ok(Some(written)), _) => Ok(written),
            (Ok(None), true) => Ok(vec![Written::Done; records.len()]),
            (Err(error), true) => Err(Refusal::Other(halt.set(error))),
            (_, false) => {
                let error = self.api.failure(&reply);
                match status.as_u16() {
                    400 | 413 | 422 => Err(Refusal::Together(error.written())),
                    500..=599 | 408 | 425 => Err(Refusal::Other(error.written())),
                    _ => Err(Refusal::Other(halt.set(error))),
                }
            }
        }
    }

    fn body(&self, records: &[Record]) -> Bytes {
        let mut body = Vec::with_capacity(records.len() * 512);
        if let Some(wrapper) = &self.load.wrapper {
            body.push(b'{');
            Value::String(wrapper.clone()).write(&mut body);
            body.push(b':');
        }
        body.push(b'[');
        for (index, record) in records.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            record.body.write(&mut body);
        }
        body.push(b']');
        if self.load.wrapper.is_some() {
            body.push(b'}');
        }
        body.into()
    }

    /// What a response says of each record; `None` if it says nothing of single ones.
    fn judge(&self, reply: &Reply, records: &[Record]) -> Result<Option<Vec<Written>>, ConnectorError> {
        let Some(results) = &self.results else { return Ok(None) };
        let found = results.list.take(read_content(&self.api, reply)?);
        let found = found.map_err(|why| self.api.unusable(reply, &why))?;
        // An error without results is about all records together.
        if found.is_empty() && !reply.status.is_success() {
            return Ok(None);
        }
        Ok(Some(results.judge(&found, records, &|text| self.api.hidden(text))))
    }
}

impl Target for Batches {
    fn write<'a>(&'a self, batch: &'a Batch<'a>) -> BoxFuture<'a, Result<Vec<Written>, ConnectorError>> {
        Box::pin(async move {
            let halt = Halt::default();
            let requests = batch.records.chunks(self.size()).map(|records| self.some(records, &halt));
            let requests: Vec<_> = requests.collect();
            let written: Vec<Vec<Written>> = stream::iter(requests).buffered(self.concurrency).collect().await;
            halt.finish(written.into_iter().flatten().collect())
        })
    }

    fn batch_size(&self) -> usize {
        self.size()
    }
}
