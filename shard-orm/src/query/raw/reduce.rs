//! A raw SQL statement on each of several logical shards, whose results the user combines.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};

use super::{RawQuery, RawStatement, ReadRow, read};
use crate::backend::{Args, Sql};
use crate::connect::NamespaceHandle;
use crate::error::{Error, Result, ShardId};
use crate::exec::{Executor, Label, Statement, stream_as};
use crate::model::Model;
use crate::plan::{Concurrency, ConcurrencyLimiter};
use crate::query::QueryFuture;
use crate::query::scope::NamesAShard;
use crate::query::scope::private::Scope as _;
use crate::query::select::Query;
use crate::topology::Namespace;

/// The rows of one logical shard, read from the connection one by one; passed to the closure of
/// [`RawQuery::reduce`].
///
/// A [`Stream`], with its own [`try_next`](Self::try_next), so that no trait has to be imported.
/// Dropping it early closes the connection, and inside a transaction ends the transaction.
#[must_use = "rows are read when they are asked for"]
pub struct ShardRows<'e, T> {
    shard: ShardId,
    rows: BoxStream<'e, Result<T>>,
}

impl<T> ShardRows<'_, T> {
    /// Returns the logical shard of the rows.
    #[must_use]
    pub fn shard(&self) -> &ShardId {
        &self.shard
    }

    /// Returns the next row; `None` after the last one.
    ///
    /// # Errors
    /// As [`RawQuery::all`].
    pub async fn try_next(&mut self) -> Result<Option<T>> {
        self.rows.try_next().await
    }
}

impl<T> Stream for ShardRows<'_, T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        self.rows.poll_next_unpin(context)
    }
}

impl<T> fmt::Debug for ShardRows<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardRows")
            .field("shard", &self.shard)
            .finish_non_exhaustive()
    }
}

impl<M: Model, P: Send + Sync + 'static> RawQuery<M, P>
where
    Query<M, P>: NamesAShard,
{
    /// Runs the statement on each logical shard of the query, and combines the results.
    ///
    /// `each` reduces the rows of one logical shard to a partial result; `merge` combines two
    /// partial results, in the order of the shard numbers. Returns `None` if no logical shard was
    /// asked, as for `on_each` without keys.
    ///
    /// ```
    /// # use shard_orm::prelude::*;
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "orders")]
    /// # struct Order {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// #     item: String,
    /// #     quantity: i32,
    /// # }
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> shard_orm::Result<()> {
    /// # let cluster = shard_orm::testing::cluster::<Order>().await?;
    /// # let cluster = &cluster;
    /// # Order { id: 1, user_id: 42, item: "tea".into(), quantity: 3 }.insert(cluster).await?;
    /// # Order { id: 2, user_id: 43, item: "coffee".into(), quantity: 5 }.insert(cluster).await?;
    /// use std::collections::BTreeMap;
    /// use shard_orm::query::ShardRows;
    ///
    /// let pieces: Option<BTreeMap<String, i64>> = Order::scatter()
    ///     .sql("SELECT item, quantity FROM {orders} WHERE quantity > ?")
    ///     .bind(1)
    ///     .reduce(
    ///         cluster,
    ///         async |mut rows: ShardRows<'_, (String, i32)>| {
    ///             let mut pieces = BTreeMap::new();
    ///             while let Some((item, quantity)) = rows.try_next().await? {
    ///                 *pieces.entry(item).or_insert(0) += i64::from(quantity);
    ///             }
    ///             Ok(pieces)
    ///         },
    ///         |mut all, more| {
    ///             for (item, quantity) in more {
    ///                 *all.entry(item).or_insert(0) += quantity;
    ///             }
    ///             all
    ///         },
    ///     )
    ///     .await?;
    /// # let pieces = pieces.unwrap_or_default();
    /// # assert_eq!(pieces.into_iter().collect::<Vec<_>>(), [("coffee".into(), 5), ("tea".into(), 3)]);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    ///
    /// Each logical shard holds one connection until `each` has finished, and never waits for a
    /// connection that the same call holds, so a pool of one connection is enough. The number of
    /// logical shards that are read concurrently is limited; see [`FanOut`](crate::config::FanOut).
    /// Memory grows only with what `each` keeps.
    ///
    /// Like any raw SQL, it goes to primaries and is never sent twice, unless [`read`](Query::read)
    /// was called before `sql`. For several keys, it runs once on each logical shard that owns one
    /// of them, on all of its rows, so name the keys in the text. There is no common snapshot.
    ///
    /// # Errors
    /// The first error of a logical shard or of its `each`, which names the shard. It stops the
    /// others, and their rows are dropped. Otherwise as [`all`](Self::all).
    pub fn reduce<'e, T, A, F>(
        self,
        on: impl Executor<'e>,
        each: impl Fn(ShardRows<'e, T>) -> F + Send + Sync + 'e,
        merge: impl FnMut(A, A) -> A + Send + 'e,
    ) -> QueryFuture<'e, Option<A>>
    where
        T: ReadRow,
        A: Send + 'e,
        F: Future<Output = Result<A>> + Send + 'e,
    {
        let target = on.target().reading(self.query.spec.read);
        let intent = self.intent();
        let shards = self.query.shards(target);
        Box::pin(async move {
            let statement = Arc::new(RawStatement {
                def: M::def(),
                text: self.text.map_err(Error::from)?,
                values: self.values,
            });
            let tasks = shards?.into_tasks();
            let mut handles: Vec<Arc<NamespaceHandle>> =
                tasks.into_iter().map(|task| task.handle).collect();
            // Many keys of one logical shard are several tasks, and it is asked once.
            handles.dedup_by(|one, other| one.namespace.is_same_shard(&other.namespace));
            let part = |handle: &Arc<NamespaceHandle>| {
                let (handle, statement) = (Arc::clone(handle), Shared(Arc::clone(&statement)));
                let each = &each;
                async move {
                    let shard = handle.shard_id();
                    let rows = stream_as(target, Arc::clone(&handle), intent, statement, read::<T>);
                    let part = each(ShardRows { shard, rows }).await;
                    part.map_err(|error| handle.name_error(error))
                }
            };
            let mut spread = ConcurrencyLimiter::new(Concurrency::of(target));
            for (number, handle) in handles.iter().enumerate() {
                spread.push(number, handle, part(handle));
            }
            let mut spec: Vec<Option<A>> = handles.iter().map(|_| None).collect();
            while let Some((number, part)) = spread.next().await {
                spec[number] = Some(part?);
            }
            Ok(spec.into_iter().flatten().reduce(merge))
        })
    }
}

/// The statement of a call, shared by all its logical shards.
struct Shared(Arc<RawStatement>);

impl Statement for Shared {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        self.0.prepare(namespace, args)
    }

    fn is_refused_whole(&self) -> bool {
        self.0.is_refused_whole()
    }

    fn label(&self) -> Label<'_> {
        self.0.label()
    }
}
