//! The aggregates: what makes them.

use super::item::Aggregate;
use super::number::Number;
use crate::backend::Field;
use crate::model::{Column, Model};
use crate::plan::aggregate::{AggregateSpec, Function};

/// How many rows a group has.
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

/// Aggregates. All pass over NULL, and of nothing but NULL give `None`, or a count of 0.
// What `sum` and `avg` give is a parameter of them, so that the compiler says that a text is no
// number, and not that there is no such method.
impl<M: Model, T: Field> Column<M, T> {
    fn aggregate<Out>(self, function: Function) -> Aggregate<M, Out> {
        Aggregate::new(AggregateSpec::Of(function, self.ordinal()))
    }

    /// How many values are not NULL.
    #[must_use]
    pub fn count(self) -> Aggregate<M, u64> {
        self.aggregate(Function::Count)
    }

    /// How many values there are that differ from each other, NULL left out.
    ///
    /// Exact: over several logical shards, each gives its values by group, so that as many rows are
    /// read as there are pairs of a group and a value in each. Grouped by the shard key, the
    /// databases count.
    #[must_use]
    pub fn count_distinct(self) -> Aggregate<M, u64> {
        self.aggregate(Function::CountDistinct)
    }

    /// The sum: of integers an `i128`, which does not overflow, of floats an `f64`, of decimals a
    /// `Decimal`, or an error where it has more digits than that.
    ///
    /// Decimals are not added on SQLite, which holds them as texts.
    #[must_use]
    pub fn sum<S>(self) -> Aggregate<M, Option<S>>
    where
        T::Plain: Number<Sum = S>,
    {
        self.aggregate(Function::Sum)
    }

    /// The mean: the sum by the count, of integers and floats an `f64`, of decimals a `Decimal`,
    /// rounded to the digits that it has.
    #[must_use]
    pub fn avg<S>(self) -> Aggregate<M, Option<S>>
    where
        T::Plain: Number<Mean = S>,
    {
        self.aggregate(Function::Avg)
    }

    /// The least value.
    ///
    /// Texts need `#[shard(collation = "binary")]` over several logical shards. Truth values have
    /// [`bool_and`](Self::bool_and); JSON has no order, and PostgreSQL has none for byte strings
    /// and UUIDs here.
    #[must_use]
    pub fn min(self) -> Aggregate<M, Option<T::Plain>> {
        self.aggregate(Function::Min)
    }

    /// The greatest value; as [`min`](Self::min).
    #[must_use]
    pub fn max(self) -> Aggregate<M, Option<T::Plain>> {
        self.aggregate(Function::Max)
    }

    /// The variance of the values, taken for the whole population. Not on SQLite.
    ///
    /// Over several logical shards it is made of their counts, means and variances, by the formula
    /// of Chan, Golub and LeVeque (1979), which loses no digits where the mean is large.
    #[must_use]
    pub fn var_pop(self) -> Aggregate<M, Option<f64>>
    where
        T::Plain: Number,
    {
        self.aggregate(Function::VarPop)
    }

    /// The variance of the values, taken for a sample: `None` of less than two. Not on SQLite.
    #[must_use]
    pub fn var_samp(self) -> Aggregate<M, Option<f64>>
    where
        T::Plain: Number,
    {
        self.aggregate(Function::VarSamp)
    }

    /// The standard deviation of the values, taken for the whole population. Not on SQLite.
    #[must_use]
    pub fn stddev_pop(self) -> Aggregate<M, Option<f64>>
    where
        T::Plain: Number,
    {
        self.aggregate(Function::StddevPop)
    }

    /// The standard deviation of the values, taken for a sample: `None` of less than two. Not on
    /// SQLite.
    #[must_use]
    pub fn stddev_samp(self) -> Aggregate<M, Option<f64>>
    where
        T::Plain: Number,
    {
        self.aggregate(Function::StddevSamp)
    }
}

/// Aggregates of truth values.
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
