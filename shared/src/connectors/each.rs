//! Records written one by one, some at the same time.

use std::collections::HashSet;

use futures::{StreamExt as _, stream};

use super::{Record, Written};

/// Writes each record, so many at a time; gives what became of them, in their order. Records of one key are written one
/// after the other: the last one counts, and a record is not created twice.
pub(super) async fn each<'r, F>(
    records: &'r [Record],
    concurrency: usize,
    write: impl Fn(&'r Record) -> F,
) -> Vec<Written>
where
    F: Future<Output = Written>,
{
    let mut written = vec![Written::Done; records.len()];
    let mut rest: Vec<usize> = (0..records.len()).collect();
    while !rest.is_empty() {
        let mut keys = HashSet::new();
        let (wave, later): (Vec<usize>, Vec<usize>) =
            rest.into_iter().partition(|place| records[*place].key.as_ref().is_none_or(|key| keys.insert(key)));
        let writes: Vec<F> = wave.iter().map(|place| write(&records[*place])).collect();
        let results: Vec<Written> = stream::iter(writes).buffered(concurrency.max(1)).collect().await;
        for (place, result) in wave.into_iter().zip(results) {
            written[place] = result;
        }
        rest = later;
    }
    written
}
