//! The constructors of aggregates.

use super::item::Aggregate;
use super::number::Number;
use crate::backend::Field;
use crate::model::{Column, Model};
use crate::plan::aggregate::{AggregateSpec, Function};

/// The number of rows in a group.
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
/// use shard_orm::aggregate::count;
///
/// let by_quantity: Vec<(i32, u64)> = Order::scatter()
///     .group_by(Order::QUANTITY)
///     .select((Order::QUANTITY, count()))
///     .all(cluster)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn count<M: Model>() -> Aggregate<M, u64> {
    Aggregate::new(AggregateSpec::Count)
}

/// Aggregates. All ignore NULL, and return `None`, or a count of 0, if there is nothing but NULL.
// What `sum` and `avg` give is a parameter of them, so that the compiler says that a text is no
// number, and not that there is no such method.
impl<M: Model, T: Field> Column<M, T> {
    fn aggregate<Out>(self, function: Function) -> Aggregate<M, Out> {
        Aggregate::new(AggregateSpec::Of(function, self.ordinal()))
    }

    /// The number of values that are not NULL.
    #[must_use]
    pub fn count(self) -> Aggregate<M, u64> {
        self.aggregate(Function::Count)
    }

    /// The number of distinct values, ignoring NULL.
    ///
    /// Exact: each of several logical shards returns its distinct values by group, so one row is
    /// read for each pair of group and value. Grouped by the shard key, the databases count.
    #[must_use]
    pub fn count_distinct(self) -> Aggregate<M, u64> {
        self.aggregate(Function::CountDistinct)
    }

    /// The sum: an `i128` for integers, which does not overflow, an `f64` for floats, and a
    /// `Decimal` for decimals, or an error if it has too many digits.
    ///
    /// Not for decimals on SQLite, which stores them as text.
    #[must_use]
    pub fn sum<S>(self) -> Aggregate<M, Option<S>>
    where
        T::Plain: Number<Sum = S>,
    {
        self.aggregate(Function::Sum)
    }

    /// The mean: an `f64` for integers and floats, and a rounded `Decimal` for decimals.
    #[must_use]
    pub fn avg<S>(self) -> Aggregate<M, Option<S>>
    where
        T::Plain: Number<Mean = S>,
    {
        self.aggregate(Function::Avg)
    }

    /// The minimum.
    ///
    /// Over several logical shards, strings require `#[shard(collation = "binary")]`. For booleans,
    /// use [`bool_and`](Self::bool_and). Not for JSON, nor for byte strings and UUIDs on
    /// PostgreSQL.
    #[must_use]
    pub fn min(self) -> Aggregate<M, Option<T::Plain>> {
        self.aggregate(Function::Min)
    }

    /// The maximum; as [`min`](Self::min).
    #[must_use]
    pub fn max(self) -> Aggregate<M, Option<T::Plain>> {
        self.aggregate(Function::Max)
    }

    /// The population variance. Not on SQLite.
    ///
    /// Over several logical shards, it is computed from their counts, means and variances by the
    /// formula of Chan, Golub and LeVeque (1979), which is numerically stable for large means.
    #[must_use]
    pub fn var_pop(self) -> Aggregate<M, Option<f64>>
    where
        T::Plain: Number,
    {
        self.aggregate(Function::VarPop)
    }

    /// The sample variance; `None` for fewer than two values. Not on SQLite.
    #[must_use]
    pub fn var_samp(self) -> Aggregate<M, Option<f64>>
    where
        T::Plain: Number,
    {
        self.aggregate(Function::VarSamp)
    }

    /// The population standard deviation. Not on SQLite.
    #[must_use]
    pub fn stddev_pop(self) -> Aggregate<M, Option<f64>>
    where
        T::Plain: Number,
    {
        self.aggregate(Function::StddevPop)
    }

    /// The sample standard deviation; `None` for fewer than two values. Not on SQLite.
    #[must_use]
    pub fn stddev_samp(self) -> Aggregate<M, Option<f64>>
    where
        T::Plain: Number,
    {
        self.aggregate(Function::StddevSamp)
    }
}

/// Aggregates of booleans.
impl<M: Model, T: Field<Plain = bool>> Column<M, T> {
    /// Whether all values are true.
    #[must_use]
    pub fn bool_and(self) -> Aggregate<M, Option<bool>> {
        self.aggregate(Function::BoolAnd)
    }

    /// Whether any value is true.
    #[must_use]
    pub fn bool_or(self) -> Aggregate<M, Option<bool>> {
        self.aggregate(Function::BoolOr)
    }
}
