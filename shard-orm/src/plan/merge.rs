//! Several sorted results as one sorted result.
//!
//! Called by queries over many logical shards: each statement returns its rows in the requested order,
//! with the values that they are sorted by.

mod key;

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

use crate::backend::Run;
use crate::error::Result;
use crate::exec::Runs;

pub(crate) use key::{Direction, SortKey, prefix};

/// The numbers of a row's prefix.
pub(crate) const PREFIX: usize = 4;

/// A row, and what it is sorted by.
#[derive(Debug)]
pub(crate) struct Sorted<T> {
    /// Orders rows as far as some numbers can; equal ones are compared by the key.
    pub(crate) prefix: [u64; PREFIX],
    /// The values of which the prefix does not say all.
    pub(crate) key: SortKey,
    pub(crate) row: T,
}

impl<T> Sorted<T> {
    fn compare(&self, other: &Self, order: &[Direction]) -> Ordering {
        let by_prefix = self.prefix.cmp(&other.prefix);
        by_prefix.then_with(|| self.key.compare(&other.key, order))
    }
}

/// The next row of each result, and a heap of the results by these rows (Knuth, The Art of Computer
/// Programming 3, 5.4.1): about one comparison for each doubling of their number.
struct Heads<T> {
    order: Arc<[Direction]>,
    /// The next row of each result, unless it has ended.
    next: Vec<Option<Sorted<T>>>,
    /// The results that have not ended.
    heap: Vec<usize>,
}

impl<T> Heads<T> {
    fn new(next: Vec<Option<Sorted<T>>>, order: Arc<[Direction]>) -> Self {
        let heap = (0..next.len()).filter(|source| next[*source].is_some());
        let mut heads = Self {
            order,
            heap: heap.collect(),
            next,
        };
        for position in (0..heads.heap.len() / 2).rev() {
            heads.sift(position);
        }
        heads
    }

    /// Takes the first of all next rows, and says whose it is. [`follow`](Self::follow) is to be
    /// called then.
    fn take(&mut self) -> Option<(usize, T)> {
        let source = *self.heap.first()?;
        let sorted = self.next[source].take()?;
        Some((source, sorted.row))
    }

    /// Sets the row that follows in the result whose row was taken, or its end.
    fn follow(&mut self, source: usize, next: Option<Sorted<T>>) {
        if next.is_none() {
            self.heap.swap_remove(0);
        }
        self.next[source] = next;
        self.sift(0);
    }

    /// Whether the next row of one result comes before that of another. Of equal ones that of the
    /// first result comes first, so that the same results always merge to the same rows.
    fn is_before(&self, one: usize, other: usize) -> bool {
        match (&self.next[one], &self.next[other]) {
            (Some(a), Some(b)) => a.compare(b, &self.order).then(one.cmp(&other)).is_lt(),
            (a, _) => a.is_some(),
        }
    }

    fn sift(&mut self, mut position: usize) {
        loop {
            let mut first = position;
            for child in [2 * position + 1, 2 * position + 2] {
                if child < self.heap.len() && self.is_before(self.heap[child], self.heap[first]) {
                    first = child;
                }
            }
            if first == position {
                return;
            }
            self.heap.swap(position, first);
            position = first;
        }
    }
}

/// Merges sorted results that are in memory.
pub(crate) fn merge_all<T>(
    sources: impl Iterator<Item = Vec<Sorted<T>>>,
    order: Arc<[Direction]>,
) -> impl Iterator<Item = T> {
    let mut sources: Vec<_> = sources.map(Vec::into_iter).collect();
    let firsts = sources.iter_mut().map(Iterator::next);
    let mut heads = Heads::new(firsts.collect(), order);
    std::iter::from_fn(move || {
        let (source, row) = heads.take()?;
        heads.follow(source, sources[source].next());
        Some(row)
    })
}

/// A sorted result whose rows arrive in runs.
pub(crate) struct Source<'a, T> {
    run: Run<Result<Sorted<T>>>,
    runs: Runs<'a, Sorted<T>>,
}

impl<'a, T: Send> Source<'a, T> {
    /// Begins the result, and waits for its first rows.
    pub(crate) async fn begin(mut runs: Runs<'a, Sorted<T>>) -> Result<Self> {
        let run = runs.try_next().await?;
        Ok(Self {
            run: run.unwrap_or_else(Run::empty),
            runs,
        })
    }

    async fn next(&mut self) -> Result<Option<Sorted<T>>> {
        loop {
            if let Some(row) = self.run.next() {
                return row.map(Some);
            }
            match self.runs.try_next().await? {
                Some(run) => self.run = run,
                None => return Ok(None),
            }
        }
    }
}

/// Merges sorted results as their rows arrive, with one run of each in memory. No row waits for later ones.
///
/// The first error ends it.
pub(crate) fn merge<'a, T: Send + 'a>(
    mut sources: Vec<Source<'a, T>>,
    order: Arc<[Direction]>,
) -> BoxStream<'a, Result<Run<T>>> {
    async_stream::try_stream! {
        // All are begun before one is waited for.
        let firsts = futures_util::future::try_join_all(sources.iter_mut().map(Source::next)).await?;
        let mut heads = Heads::new(firsts, order);
        let mut merged = VecDeque::new();
        while let Some((source, row)) = heads.take() {
            merged.push_back(row);
            let next = match sources[source].run.next() {
                Some(Ok(next)) => Some(next),
                at_hand => {
                    yield Run::take(&mut merged);
                    match at_hand {
                        Some(failed) => Some(failed?),
                        None => sources[source].next().await?,
                    }
                }
            };
            heads.follow(source, next);
        }
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use sea_query::Value;

    use super::*;

    const ORDER: Direction = Direction {
        descending: false,
        nulls_first: true,
    };

    /// Rows with their key and the number of their result.
    fn merged(results: &[&[i64]]) -> Vec<(i64, usize)> {
        let rows = results.iter().enumerate().map(|(number, keys)| {
            let sorted = keys.iter().map(|key| {
                let value = Value::BigInt(Some(*key));
                Sorted {
                    // As the prefix of a text may be: not all keys differ in it.
                    prefix: [key.cast_unsigned() / 4, 0, 0, 0],
                    key: SortKey(vec![value]),
                    row: (*key, number),
                }
            });
            sorted.collect()
        });
        merge_all(rows, Arc::new([ORDER])).collect()
    }

    #[test]
    fn results_are_merged_in_order_and_equal_rows_in_the_order_of_the_results() {
        assert_eq!(merged(&[]), []);
        assert_eq!(merged(&[&[], &[]]), []);
        assert_eq!(
            merged(&[&[2, 5, 9], &[], &[1, 5, 6, 7], &[5]]),
            [
                (1, 2),
                (2, 0),
                (5, 0),
                (5, 2),
                (5, 3),
                (6, 2),
                (7, 2),
                (9, 0)
            ]
        );
    }
}
