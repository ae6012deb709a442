//! The query builder.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::filter::Filter;
use super::operand::Assign;
use super::order::OrderBy;
use super::scope::{AllShards, OnKey, OnKeys, OnShard, OnShardOf, OnShardsOf, Unscoped};
use super::selection::{AllColumns, As, Columns, Projection, Selection};
use super::update::Update;
use crate::backend::Field;
use crate::error::Error;
use crate::model::{Column, IntoKey, Model, Sharded};
use crate::plan::{Lock, QuerySpec, Requirements, Term};
use crate::topology::Read;

/// A query of the model `M` with the scope `P`, which returns `S`.
///
/// It starts at a model, and is sent when a verb runs it: [`all`](Self::all),
/// [`first`](Self::first), [`one`](Self::one), [`count`](Self::count), [`exists`](Self::exists),
/// [`stream`](Self::stream), [`page`](Self::page), [`delete`](Self::delete), or after
/// [`set`](Self::set) [`update`](Update::update).
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
/// #     item: String,
/// #     quantity: i32,
/// # }
/// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
/// let mine: Vec<Order> = Order::on(42)
///     .filter(Order::QUANTITY.gt(1))
///     .order_by(Order::ID.desc())
///     .limit(20)
///     .all(cluster)
///     .await?;
/// let items: Vec<(i64, String)> = Order::on(42)
///     .select((Order::ID, Order::ITEM))
///     .all(cluster)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a query is sent when a verb such as `all` runs it"]
pub struct Query<M, P = Unscoped, S = AllColumns> {
    pub(crate) spec: QuerySpec,
    pub(crate) scope: P,
    of: PhantomData<fn() -> (M, S)>,
}

/// A query that names no shard yet. It can be passed around and scoped later.
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
/// #     quantity: i32,
/// # }
/// fn large() -> UnscopedQuery<Order> {
///     Order::query().filter(Order::QUANTITY.ge(10))
/// }
/// let of_one_user = large().on(42);
/// ```
pub type UnscopedQuery<M> = Query<M, Unscoped, AllColumns>;

impl<M: Model, P> Query<M, P, AllColumns> {
    pub(crate) fn new(scope: P) -> Self {
        Self {
            spec: QuerySpec::default(),
            scope,
            of: PhantomData,
        }
    }
}

impl<M: Sharded, S> Query<M, Unscoped, S> {
    /// Restricts the query to the rows of this shard key.
    pub fn on(self, key: impl IntoKey<M::Key>) -> Query<M, OnKey<M::Key>, S> {
        self.at(OnKey(key.into_key()))
    }

    /// Restricts the query to the rows of these shard keys. Each logical shard is asked only for
    /// its own keys.
    pub fn on_each<K: IntoKey<M::Key>>(
        self,
        keys: impl IntoIterator<Item = K>,
    ) -> Query<M, OnKeys<M::Key>, S> {
        let mut several = self.at(OnKeys(keys.into_iter().map(K::into_key).collect()));
        // As many arguments as there are keys: the texts are not worth keeping.
        several.spec.requirements = several.spec.requirements | Requirements::VARIABLE;
        several
    }
}

impl<M: Sharded, S> Query<M, Unscoped, S> {
    /// Queries all logical shards; see [`ShardModel::scatter`](crate::ShardModel::scatter).
    pub fn scatter(self) -> Query<M, AllShards, S> {
        self.at(AllShards)
    }

    /// Queries all rows of one logical shard, by its number; see
    /// [`ShardModel::on_shard`](crate::ShardModel::on_shard).
    pub fn on_shard(self, shard: u32) -> Query<M, OnShard, S> {
        self.at(OnShard(shard))
    }

    /// Queries all rows of the logical shard that owns this key; see
    /// [`ShardModel::on_shard_of`](crate::ShardModel::on_shard_of).
    pub fn on_shard_of(self, key: impl IntoKey<M::Key>) -> Query<M, OnShardOf<M::Key>, S> {
        self.at(OnShardOf::of(key.into_key()))
    }

    /// Queries all rows of the logical shards that own these keys; see
    /// [`ShardModel::on_shards_of`](crate::ShardModel::on_shards_of).
    pub fn on_shards_of<K: IntoKey<M::Key>>(
        self,
        keys: impl IntoIterator<Item = K>,
    ) -> Query<M, OnShardsOf<M::Key>, S> {
        self.at(OnShardsOf::of(keys.into_iter().map(K::into_key).collect()))
    }
}

impl<M: Model, P, S> Query<M, P, S> {
    fn at<Q>(self, scope: Q) -> Query<M, Q, S> {
        Query {
            spec: self.spec,
            scope,
            of: PhantomData,
        }
    }

    /// Adds a condition. Rows must meet all conditions of the query.
    pub fn filter(mut self, filter: Filter<M>) -> Self {
        self.spec.requirements = self.spec.requirements | filter.requirements;
        match filter.into_expr() {
            Ok(expr) => self.spec.filters.push(expr),
            Err(deferred) => self.spec.defer(deferred),
        }
        self
    }

    /// Adds a column to the order. A column that is already part of it keeps its position and
    /// direction.
    pub fn order_by(mut self, order: impl Into<OrderBy<M>>) -> Self {
        let order = order.into();
        self.spec.requirements = self.spec.requirements | order.requirements;
        let known = |term: &Term| term.ordinal == order.term.ordinal;
        if !self.spec.orders.iter().any(known) {
            self.spec.orders.push(order.term);
        }
        self
    }

    /// Limits the number of rows.
    pub fn limit(mut self, rows: u64) -> Self {
        self.spec.limit = Some(self.bounded(rows));
        self
    }

    /// Skips this many rows. Pages by [`page`](Self::page) are cheaper.
    pub fn offset(mut self, rows: u64) -> Self {
        self.spec.offset = Some(self.bounded(rows));
        self
    }

    /// The databases count rows in signed 64-bit integers.
    fn bounded(&self, rows: u64) -> u64 {
        rows.min(i64::MAX.unsigned_abs())
    }

    /// Locks the rows until the transaction ends (`FOR UPDATE`). Requires a transaction that
    /// writes.
    ///
    /// SQLite has no row locks; a transaction that writes has locked the whole file.
    pub fn for_update(mut self) -> Self {
        self.spec.lock = Some(Lock::Update);
        self
    }

    /// With [`for_update`](Self::for_update): skips rows that are locked by others, instead of
    /// waiting for them (`SKIP LOCKED`; PostgreSQL, MySQL 8.0, MariaDB 10.6).
    pub fn skip_locked(mut self) -> Self {
        self.spec.lock = Some(Lock::UpdateSkipLocked);
        self
    }

    /// Reads from the primary or from a replica, overriding the read policy of the group.
    pub fn read(mut self, read: Read) -> Self {
        self.spec.read = Some(read);
        self
    }

    /// Sets a deadline for the whole call: waiting for connections, the results of all logical
    /// shards, and all rows of a stream. Writes take no deadline, since they are not abandoned
    /// half-way.
    ///
    /// After the deadline, the call returns [`Timeout`](crate::ErrorKind::Timeout), and its running
    /// statements are cancelled on the servers: PostgreSQL and SQLite do so themselves, MySQL and
    /// MariaDB on a `KILL` from the connection that replaces the lost one.
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
    /// # }
    /// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
    /// use std::time::Duration;
    ///
    /// let orders = Order::scatter().deadline(Duration::from_secs(2)).count(cluster).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.spec.options.deadline = Some(deadline);
        self
    }

    /// Sends the read to a second replica if the first one takes longer than this share of the
    /// server's earlier responses, such as `0.95`, and uses the response that arrives first.
    ///
    /// For reads over several logical shards, which are as slow as their slowest server. It takes
    /// effect where reads go to replicas and a second replica is available, once this process has
    /// seen 20 responses for the same table. Streams are not hedged.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when the query runs, if the share is not
    /// between 0 and 1.
    pub fn hedge(mut self, share: f64) -> Self {
        if share > 0.0 && share < 1.0 {
            self.spec.options.hedge = Some(share);
        } else {
            self.spec.defer(Error::unsupported(format!(
                "a read is asked of a second replica after a share of the answers that is between \
                 0 and 1, as 0.95, and not {share}"
            )));
        }
        self
    }

    /// Returns only these columns: one, or a tuple of up to twelve.
    #[allow(clippy::needless_pass_by_value)] // Columns are `Copy`, tuples of them too.
    pub fn select<C: Columns<M> + Selection<M>>(self, columns: C) -> Query<M, P, C> {
        let ordinals = columns.ordinals();
        self.selecting(ordinals)
    }

    /// Returns a struct with some of the columns.
    pub fn select_as<T: Projection<Model = M>>(self) -> Query<M, P, As<T>> {
        self.selecting(T::COLUMNS.to_vec())
    }

    fn selecting<C>(mut self, ordinals: Vec<usize>) -> Query<M, P, C> {
        self.spec.columns = Some(ordinals);
        self.giving()
    }

    /// The same query, with another result type.
    pub(super) fn giving<C>(self) -> Query<M, P, C> {
        Query {
            spec: self.spec,
            scope: self.scope,
            of: PhantomData,
        }
    }

    /// Sets a column in all matching rows; sent by [`Update::update`].
    pub fn set<T: Field>(self, column: Column<M, T>, value: impl Assign<M, T>) -> Update<M, P, S> {
        Update::new(self).set(column, value)
    }

    /// Adds to a column in all matching rows; sent by [`Update::update`].
    pub fn increment<T: Field>(
        self,
        column: Column<M, T>,
        by: impl Assign<M, T>,
    ) -> Update<M, P, S> {
        Update::new(self).increment(column, by)
    }

    /// Sets a column in all matching rows to a sea-query expression; see [`Update::set_expr`]. Sent
    /// by [`Update::update`].
    pub fn set_expr<T: Field>(
        self,
        column: Column<M, T>,
        expr: impl Into<sea_query::Expr>,
    ) -> Update<M, P, S> {
        Update::new(self).set_expr(column, expr)
    }
}

impl<M, P: Clone, S> Clone for Query<M, P, S> {
    fn clone(&self) -> Self {
        Self {
            spec: self.spec.clone(),
            scope: self.scope.clone(),
            of: PhantomData,
        }
    }
}

impl<M: Model, P: fmt::Debug, S> fmt::Debug for Query<M, P, S> {
    /// Shows no values: operands are user data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("model", &M::def().name)
            .field("place", &self.scope)
            .finish_non_exhaustive()
    }
}
