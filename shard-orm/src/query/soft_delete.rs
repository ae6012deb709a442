//! Queries of models with soft delete.

use std::time::SystemTime;

use super::scope::ChangesRows;
use super::select::Query;
use super::selection::Selection;
use super::verbs::QueryFuture;
use crate::error::Error;
use crate::exec::Executor;
use crate::model::{Model, SoftDelete};
use crate::plan::{Deleted, Verb};

/// Deleted rows of a model with `#[shard(soft_delete)]`. By default, queries do not find them.
/// [`with_deleted`](Self::with_deleted) and [`only_deleted`](Self::only_deleted) apply to all verbs
/// except [`delete`](Self::delete).
impl<M: Model, P, S> Query<M, P, S> {
    /// Includes deleted rows.
    ///
    /// ```no_run
    /// # use chrono::{DateTime, Utc};
    /// # use shard_orm::prelude::*;
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "orders")]
    /// # struct Order {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// #     #[shard(soft_delete)]
    /// #     deleted_at: Option<DateTime<Utc>>,
    /// # }
    /// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
    /// let all = Order::on(42).with_deleted().all(cluster).await?;
    /// let purged = Order::on(42).only_deleted().force_delete(cluster).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_deleted(mut self) -> Self
    where
        M: SoftDelete,
    {
        self.spec.deleted = Deleted::With;
        self
    }

    /// Finds only deleted rows.
    pub fn only_deleted(mut self) -> Self
    where
        M: SoftDelete,
    {
        self.spec.deleted = Deleted::Only;
        self
    }

    /// Turns the delete of this query into an update that marks rows as deleted.
    pub(super) fn mark(&mut self) {
        if self.spec.deleted == Deleted::Only {
            self.spec.defer(Error::unsupported(
                "the rows of `only_deleted` are deleted already; `force_delete` deletes them for \
                 good",
            ));
        }
        // A row that is already deleted keeps its deletion time.
        self.spec.deleted = Deleted::Without;
        match M::def().marking_values(SystemTime::now()) {
            Ok(sets) => self.spec.sets = sets,
            Err(error) => self.spec.defer(error),
        }
    }
}

impl<M: Model, P: Send + Sync + 'static, S: Selection<M>> Query<M, P, S> {
    /// Restores the deleted rows that match the query, and returns their number.
    ///
    /// # Errors
    /// As [`delete`](Self::delete).
    pub fn restore<'e>(mut self, on: impl Executor<'e>) -> QueryFuture<'e, u64>
    where
        Self: ChangesRows,
        M: SoftDelete,
    {
        self.spec.deleted = Deleted::Only;
        match M::def().clearing_values(SystemTime::now()) {
            Ok(sets) => self.spec.sets = sets,
            Err(error) => self.spec.defer(error),
        }
        self.write(on.target(), Verb::Update)
    }

    /// Deletes the rows permanently and returns their number. Soft-deleted rows are included only
    /// with [`with_deleted`](Self::with_deleted) or [`only_deleted`](Self::only_deleted).
    ///
    /// # Errors
    /// As [`delete`](Self::delete).
    pub fn force_delete<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, u64>
    where
        Self: ChangesRows,
        M: SoftDelete,
    {
        self.write(on.target(), Verb::Delete)
    }
}
