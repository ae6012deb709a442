//! The builder of queries of groups.

use std::fmt;
use std::marker::PhantomData;

use super::having::Having;
use super::item::{GroupKeys, GroupSelection};
use super::order::GroupOrder;
use crate::error::Error;
use crate::model::{IntoKey, Model, Sharded};
use crate::plan::aggregate::{GroupSpec, GroupTerm, Grouping, Item};
use crate::query::Query;
use crate::query::scope::{AllShards, OnKey, OnKeys, OnShard, Unscoped};
use crate::query::selection::{AllColumns, Selection};
use crate::topology::Read;

/// A query of groups of rows of the model `M` with the scope `P`, which returns `S` for each group.
///
/// Created by [`Query::group_by`], [`Query::aggregate`] or [`Query::distinct`]; run by
/// [`all`](Self::all), [`first`](Self::first) or [`one`](Self::one).
///
/// Each of several logical shards computes partial aggregates of its rows, and the client merges
/// them: the result is that of one database with all rows, except for the order in which floats are
/// added. Aggregates that cannot be merged are rejected: groups, distinct values, minima and maxima
/// of strings that the client cannot compare (see `#[shard(collation = "binary")]`), and variances
/// on SQLite. All groups of a query, with their distinct values, are in memory at once. There is no
/// common snapshot over the shards.
///
/// Grouped by the shard key, or in one logical shard, no group is spread over shards: the databases
/// count distinct values and apply `having`, order and limit, if they compare values as the client
/// does (not averages, variances, and sums of floats).
///
/// ```no_run
/// # use shard_orm::prelude::*;
/// # #[derive(ShardModel)]
/// # #[shard(group = "shop", table = "orders")]
/// # struct Order {
/// #     #[shard(primary_key)]
/// #     id: i64,
/// #     #[shard(key)]
/// #     user_id: i64,
/// #     #[shard(collation = "binary")]
/// #     item: String,
/// #     quantity: i32,
/// # }
/// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
/// use shard_orm::aggregate::count;
///
/// let busiest: Vec<(String, u64, Option<i128>)> = Order::scatter()
///     .group_by(Order::ITEM)
///     .select((Order::ITEM, count(), Order::QUANTITY.sum()))
///     .having(count().gt(1))
///     .order_by(count().desc())
///     .limit(10)
///     .all(cluster)
///     .await?;
///
/// // One row, also of no rows.
/// let pieces: Option<i128> = Order::scatter().aggregate(Order::QUANTITY.sum()).one(cluster).await?;
///
/// let items: Vec<String> = Order::scatter().select(Order::ITEM).distinct().all(cluster).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a query is sent when a verb such as `all` runs it"]
pub struct Grouped<M, P, S> {
    pub(super) base: Query<M, P, AllColumns>,
    pub(super) group_spec: GroupSpec,
    of: PhantomData<fn() -> S>,
}

impl<M: Model, P> Query<M, P, AllColumns> {
    /// Groups the rows by a column, by a derived value (such as
    /// [`Order::PLACED_AT.year()`](crate::Column::year)), by whether they match a
    /// [`Filter`](crate::Filter), by a [`GroupExpr`](super::GroupExpr), or by a tuple of up to
    /// twelve of these. NULL is a group of its own.
    ///
    /// Returns the keys of the groups, unless [`Grouped::select`] is called. Order, limit and
    /// offset come after it and apply to groups.
    #[allow(clippy::needless_pass_by_value)] // A key is `Copy`, or made for this.
    pub fn group_by<G: GroupKeys<M>>(self, keys: G) -> Grouped<M, P, G> {
        let selected = keys.items();
        let groups = selected.iter().filter_map(|item| match item {
            Item::Group(grouping) => Some(grouping.clone()),
            Item::Aggregate(_) => None,
        });
        Grouped::begin(self, groups.collect(), selected)
    }

    /// Treats all rows as one group, and returns an aggregate, or a tuple of up to twelve. Without
    /// rows there is still one group, with counts of 0, and NULL for everything else.
    #[allow(clippy::needless_pass_by_value)] // Aggregates are `Copy`, tuples of them too.
    pub fn aggregate<A: GroupSelection<M>>(self, aggregates: A) -> Grouped<M, P, A> {
        let selected = aggregates.items();
        Grouped::begin(self, Vec::new(), selected)
    }
}

impl<M: Model, P, S> Query<M, P, S> {
    /// Returns distinct rows of the selected columns.
    ///
    /// Order, limit and offset apply to the distinct rows.
    pub fn distinct(mut self) -> Grouped<M, P, S>
    where
        S: Selection<M> + GroupSelection<M>,
    {
        let columns = self.spec.columns.take().unwrap_or_default();
        let groups: Vec<Grouping> = columns.into_iter().map(Grouping::Column).collect();
        let terms = std::mem::take(&mut self.spec.orders);
        let group_spec = GroupSpec {
            selected: groups.iter().cloned().map(Item::Group).collect(),
            groups,
            having: None,
            orders: terms.into_iter().map(GroupTerm::of_column).collect(),
        };
        Grouped {
            base: self.giving(),
            group_spec,
            of: PhantomData,
        }
    }
}

impl<M: Model, P, S> Grouped<M, P, S> {
    fn begin(
        mut base: Query<M, P, AllColumns>,
        groups: Vec<Grouping>,
        selected: Vec<Item>,
    ) -> Self {
        if !base.spec.is_unordered() {
            base.spec.defer(Error::unsupported(
                "an order, a limit or an offset before `group_by` or `aggregate` would be one of \
                 rows; put it behind, for the groups",
            ));
        }
        Self {
            base,
            group_spec: GroupSpec {
                groups,
                selected,
                ..GroupSpec::default()
            },
            of: PhantomData,
        }
    }

    fn at<Q>(
        self,
        scope: impl FnOnce(Query<M, P, AllColumns>) -> Query<M, Q, AllColumns>,
    ) -> Grouped<M, Q, S> {
        Grouped {
            base: scope(self.base),
            group_spec: self.group_spec,
            of: PhantomData,
        }
    }

    /// Selects what is returned for each group: keys and aggregates; one, or a tuple of up to
    /// twelve.
    #[allow(clippy::needless_pass_by_value)] // An item is `Copy`, or made for this.
    pub fn select<T: GroupSelection<M>>(mut self, items: T) -> Grouped<M, P, T> {
        self.group_spec.selected = items.items();
        Grouped {
            base: self.base,
            group_spec: self.group_spec,
            of: PhantomData,
        }
    }

    /// Adds a condition on groups. Groups must meet all conditions. Its aggregates need not be
    /// selected.
    pub fn having(mut self, having: Having<M>) -> Self {
        let all = having
            .condition
            .and_then(|condition| match self.group_spec.having.take() {
                None => Ok(condition),
                Some(earlier) => earlier.and(condition),
            });
        match all {
            Ok(condition) => self.group_spec.having = Some(condition),
            Err(deferred) => self.base.spec.defer(deferred),
        }
        self
    }

    /// Adds an aggregate or a key to the order; it need not be selected. Ties, and groups without
    /// an order, are ordered by their keys.
    pub fn order_by(mut self, order: impl Into<GroupOrder<M>>) -> Self {
        let term = order.into().term;
        if !self
            .group_spec
            .orders
            .iter()
            .any(|known| known.item == term.item)
        {
            self.group_spec.orders.push(term);
        }
        self
    }

    /// Limits the number of groups.
    pub fn limit(mut self, groups: u64) -> Self {
        self.base = self.base.limit(groups);
        self
    }

    /// Skips this many groups.
    pub fn offset(mut self, groups: u64) -> Self {
        self.base = self.base.offset(groups);
        self
    }

    /// Reads from the primary or from a replica; see [`Query::read`].
    pub fn read(mut self, read: Read) -> Self {
        self.base = self.base.read(read);
        self
    }
}

impl<M: Sharded, S> Grouped<M, Unscoped, S> {
    /// Restricts the query to the rows of this shard key; see [`Query::on`].
    pub fn on(self, key: impl IntoKey<M::Key>) -> Grouped<M, OnKey<M::Key>, S> {
        self.at(|base| base.on(key))
    }

    /// Restricts the query to the rows of these shard keys; see [`Query::on_each`].
    pub fn on_each<K: IntoKey<M::Key>>(
        self,
        keys: impl IntoIterator<Item = K>,
    ) -> Grouped<M, OnKeys<M::Key>, S> {
        self.at(|base| base.on_each(keys))
    }

    /// Queries all logical shards; see [`Query::scatter`].
    pub fn scatter(self) -> Grouped<M, AllShards, S> {
        self.at(|base| base.scatter())
    }

    /// Queries all rows of one logical shard, by its number; see [`Query::on_shard`].
    pub fn on_shard(self, shard: u32) -> Grouped<M, OnShard, S> {
        self.at(|base| base.on_shard(shard))
    }
}

impl<M: Model, P: Clone, S> Clone for Grouped<M, P, S> {
    fn clone(&self) -> Self {
        Self {
            base: self.base.clone(),
            group_spec: self.group_spec.clone(),
            of: PhantomData,
        }
    }
}

impl<M: Model, P: fmt::Debug, S> fmt::Debug for Grouped<M, P, S> {
    /// Shows no value: operands are the users' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grouped")
            .field("model", &M::def().name)
            .field("place", &self.base.scope)
            .finish_non_exhaustive()
    }
}
