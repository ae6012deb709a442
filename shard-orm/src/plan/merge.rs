//! Several sorted results as one sorted result.
//!
//! Called by queries over many logical shards: each statement gives its rows in the order that
//! was asked for, and what it is sorted by beside them.

mod key;

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

use crate::error::Result;

pub(crate) use key::{Direction, SortKey};

/// A row, and what it is sorted by.
#[derive(Debug)]
pub(crate) struct Sorted<T> {
    pub(crate) key: SortKey,
    pub(crate) row: T,
}

/// The next row of one of the results.
struct Head<T> {
    sorted: Sorted<T>,
    source: usize,
    order: Arc<[Direction]>,
}

impl<T> Ord for Head<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        // Of equal keys the first source comes first, so that the same results always merge to
        // the same rows.
        self.sorted
            .key
            .compare(&other.sorted.key, &self.order)
            .then(self.source.cmp(&other.source))
    }
}

impl<T> PartialOrd for Head<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Head<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Head<T> {}

/// Merges sorted results by a heap of their next rows (Knuth, The Art of Computer Programming 3,
/// 5.4.1): one comparison for each doubling of their number, one row of each in memory.
///
/// The first error ends it.
pub(crate) fn merge<'a, T: Send + 'a>(
    mut sources: Vec<BoxStream<'a, Result<Sorted<T>>>>,
    order: Arc<[Direction]>,
) -> BoxStream<'a, Result<Sorted<T>>> {
    if sources.len() == 1
        && let Some(only) = sources.pop()
    {
        return only;
    }
    async_stream::try_stream! {
        // All are begun before one is waited for.
        let firsts = futures_util::future::try_join_all(
            sources.iter_mut().map(TryStreamExt::try_next),
        )
        .await?;
        let mut heads: BinaryHeap<Reverse<Head<T>>> = firsts
            .into_iter()
            .enumerate()
            .filter_map(|(source, first)| {
                first.map(|sorted| Reverse(Head { sorted, source, order: Arc::clone(&order) }))
            })
            .collect();
        while let Some(Reverse(head)) = heads.pop() {
            let source = head.source;
            yield head.sorted;
            if let Some(sorted) = sources[source].try_next().await? {
                heads.push(Reverse(Head { sorted, source, order: Arc::clone(&order) }));
            }
        }
    }
    .boxed()
}
