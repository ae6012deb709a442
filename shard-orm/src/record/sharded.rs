//! Sharded models.

use super::ops;
use super::verbs::row_verbs;
use crate::cluster::Address;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::exec::{Executor, Target};
use crate::model::{FindById, IntoId, IntoKey, Key, ModelLocation, Sharded};
use crate::query::{
    AllShards, Columns, OnKey, OnKeys, OnShard, OnShardOf, OnShardsOf, Query, QueryFuture,
    Unscoped, UnscopedQuery,
};
use crate::schema::CreateTable;

/// A model whose rows are spread over the logical shards of a group by their shard key.
///
/// Derive it with `#[shard(group = "..", table = "..")]` on the struct and `#[shard(key)]` on the
/// shard key; see [`ShardModel`](derive@crate::ShardModel).
///
/// The argument `on` is `&cluster` or `&tx`.
///
/// ```no_run
/// use shard_orm::prelude::*;
///
/// #[derive(Debug, Clone, PartialEq, ShardModel)]
/// #[shard(group = "shop", table = "orders")]
/// struct Order {
///     #[shard(primary_key)]
///     id: i64,
///     #[shard(key)]
///     user_id: i64,
///     item: String,
/// }
///
/// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
/// let order = Order { id: 1, user_id: 42, item: "tea".into() }.insert(cluster).await?;
/// assert_eq!(Order::get(cluster, 42, 1).await?, order);
/// # Ok(())
/// # }
/// ```
pub trait ShardModel: Sharded {
    /// Starts a query that names no shard yet.
    fn query() -> UnscopedQuery<Self> {
        Query::new(Unscoped)
    }

    /// Starts a query of the rows of one shard key.
    fn on(key: impl IntoKey<Self::Key>) -> Query<Self, OnKey<Self::Key>> {
        Query::new(Unscoped).on(key)
    }

    /// Starts a query of the rows of several shard keys. Each logical shard is queried for its own
    /// keys.
    fn on_each<K: IntoKey<Self::Key>>(
        keys: impl IntoIterator<Item = K>,
    ) -> Query<Self, OnKeys<Self::Key>> {
        Query::new(Unscoped).on_each(keys)
    }

    /// Starts a query of all logical shards. Rows are merged in the requested order; the logical
    /// shards of one server are queried in one statement.
    ///
    /// There is no common snapshot: each shard is read at a different time.
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
    /// #     quantity: i32,
    /// # }
    /// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
    /// let largest: Vec<Order> = Order::scatter()
    ///     .order_by(Order::QUANTITY.desc())
    ///     .limit(10)
    ///     .all(cluster)
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    fn scatter() -> Query<Self, AllShards> {
        Query::new(AllShards)
    }

    /// Starts a query of all rows in one logical shard, regardless of their keys. For jobs that
    /// process the shards one by one.
    fn on_shard(shard: u32) -> Query<Self, OnShard> {
        Query::new(OnShard(shard))
    }

    /// Starts a query of all rows in the logical shard that owns this key, including rows of other
    /// keys. For [raw SQL](crate::query::RawQuery), which sees all of them.
    ///
    /// [`on`](Self::on) returns only the rows of the key.
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
    /// let deleted = Order::on_shard_of(42)
    ///     .sql("DELETE FROM {orders} WHERE user_id = ? AND id % 2 = 0")
    ///     .bind(42_i64)
    ///     .execute(cluster)
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    fn on_shard_of(key: impl IntoKey<Self::Key>) -> Query<Self, OnShardOf<Self::Key>> {
        Query::new(OnShardOf::of(key.into_key()))
    }

    /// Starts a query of all rows in the logical shards that own these keys; see
    /// [`on_shard_of`](Self::on_shard_of). Each shard is queried once.
    fn on_shards_of<K: IntoKey<Self::Key>>(
        keys: impl IntoIterator<Item = K>,
    ) -> Query<Self, OnShardsOf<Self::Key>> {
        let keys = keys.into_iter().map(K::into_key);
        Query::new(OnShardsOf::of(keys.collect()))
    }

    /// Returns the address of a key's logical shard, to begin a transaction.
    fn shard(key: impl IntoKey<Self::Key>) -> Address {
        Address::of_key(Self::def().location_name(), key.into_key().routing_key())
    }

    /// Returns the row with this shard key and id. The id is the primary key without the shard key,
    /// or `()` if nothing remains.
    ///
    /// Sends `SELECT .. WHERE key = ? AND id = ?`.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such row.
    fn get<'e>(
        on: impl Executor<'e>,
        key: impl IntoKey<Self::Key>,
        id: impl IntoId<Self::Id>,
    ) -> impl Future<Output = Result<Self>> + Send {
        let found = Self::find(on, key, id);
        async move { found.await?.ok_or_else(|| ops::not_found(Self::def())) }
    }

    /// Returns the row with this shard key and id, if it exists; see [`get`](Self::get).
    ///
    /// # Errors
    /// If the shard is unknown or unavailable, or the row does not fit the model.
    fn find<'e>(
        on: impl Executor<'e>,
        key: impl IntoKey<Self::Key>,
        id: impl IntoId<Self::Id>,
    ) -> impl Future<Output = Result<Option<Self>>> + Send {
        let target = on.target();
        let key = key.into_key();
        let id = id.into_id();
        let handle = key
            .routing_key()
            .and_then(|key| target.handle_of_key(Self::def(), &key));
        async move { ops::find(target, handle?, &|args| key.bind(args), &id).await }
    }

    /// Returns the row with this id, if it exists, without its shard key. The id determines the few
    /// logical shards that can hold the row. For models whose primary key is a snowflake, in groups
    /// with the strategy `hash`.
    ///
    /// Sends `SELECT .. WHERE id = ?` to the servers concurrently, with one statement per server
    /// (`UNION ALL`); on SQLite, one per logical shard.
    ///
    /// ```no_run
    /// # use shard_orm::prelude::*;
    /// #[derive(ShardModel)]
    /// #[shard(group = "shop", table = "orders")]
    /// struct Order {
    ///     #[shard(primary_key, generate = "snowflake")]
    ///     id: i64,
    ///     #[shard(key)]
    ///     user_id: i64,
    /// }
    ///
    /// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
    /// let order = Order { id: 0, user_id: 42 }.insert(cluster).await?;
    /// let found = Order::find_by_id(cluster, order.id).await?;
    /// assert_eq!(found.map(|order| order.user_id), Some(42));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for a group with another strategy;
    /// [`CrossShard`](crate::ErrorKind::CrossShard) in a transaction, if the row may be on another
    /// logical shard; [`Unique`](crate::ErrorKind::Unique) if there are two such rows.
    fn find_by_id<'e>(
        on: impl Executor<'e>,
        id: impl IntoId<Self::Id>,
    ) -> QueryFuture<'e, Option<Self>>
    where
        Self: FindById,
    {
        let target = on.target();
        let id = id.into_id();
        Box::pin(async move { super::find_by_id::find_by_id(target, &id).await })
    }

    /// As [`find_by_id`](Self::find_by_id), for a row that must exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such row; otherwise as
    /// [`find_by_id`](Self::find_by_id).
    fn get_by_id<'e>(on: impl Executor<'e>, id: impl IntoId<Self::Id>) -> QueryFuture<'e, Self>
    where
        Self: FindById,
    {
        let found = Self::find_by_id(on, id);
        Box::pin(async move {
            let found = found.await?;
            found.ok_or_else(|| super::find_by_id::not_found(Self::def()))
        })
    }

    row_verbs!((), target, row => handle(target, row));

    /// Returns the statements that create the table.
    ///
    /// # Errors
    /// If the DEFAULT of a column cannot be stored.
    fn create_table(dialect: Dialect) -> Result<CreateTable> {
        Self::def().create_table(dialect)
    }
}

impl<M: Sharded> ShardModel for M {}

/// Returns the namespace of a row.
fn handle<M: Sharded>(
    target: Target<'_>,
    row: &M,
) -> Result<std::sync::Arc<crate::connect::NamespaceHandle>> {
    debug_assert!(matches!(M::def().location, ModelLocation::Sharded(_)));
    target.handle_of_key(M::def(), &row.routing_key()?)
}
