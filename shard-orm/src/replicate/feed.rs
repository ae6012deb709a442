//! A feed of changes: which primary keys of a source have changed, in the order of commits.
//!
//! Followed by a run. `capture` has the feed that triggers write.

use std::fmt;

use futures_util::future::BoxFuture;
use sea_query::Value;

use super::position::Mark;
use crate::error::Result;

/// An entry of a feed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) mark: Mark,
    /// No further entry can appear before it.
    pub(crate) settled: bool,
    /// The primary key that has changed; `None` when any row may have, as after a TRUNCATE.
    pub(crate) key: Option<Vec<Value>>,
}

/// Tells which primary keys of a source have changed, and keeps its entries for each consumer.
pub(crate) trait ChangeFeed: fmt::Debug + Send + Sync {
    /// The end of the feed: changes committed earlier are visible to later reads of the table, and
    /// changes committed later have an entry after this mark.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) when there is no feed.
    fn end(&self) -> BoxFuture<'_, Result<Mark>>;

    /// The last entry at this moment, settled or not; the least of all marks when there is none.
    fn last(&self) -> BoxFuture<'_, Result<Mark>>;

    /// The next entries after a mark.
    fn entries_after(&self, mark: Mark, most: u64) -> BoxFuture<'_, Result<Vec<Entry>>>;

    /// The mark from which entries are kept for this consumer; `None` when it may have lost some.
    fn kept(&self) -> BoxFuture<'_, Result<Option<Mark>>>;

    /// Keeps the entries after this mark for this consumer.
    fn keep(&self, mark: Mark) -> BoxFuture<'_, Result<()>>;

    /// Deletes the entries that no consumer needs.
    fn trim(&self) -> BoxFuture<'_, Result<()>>;
}
