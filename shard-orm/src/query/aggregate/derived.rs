//! Values derived from a column, to group by: the year of a date, the bucket of a number.

use std::fmt;
use std::marker::PhantomData;

use super::fields::{DateField, IntegerField, TimeField};
use crate::backend::{DatePart, Field, read_value};
use crate::model::{Column, Model};
use crate::plan::aggregate::{Derivation, Grouping, Item};

/// A value of type `T` derived from a column of the model `M`, to group by, select and order groups
/// by.
///
/// Created by the methods of a [`Column`]: [`date`](Column::date), [`year`](Column::year),
/// [`bucket`](Column::bucket) and others. It is the same on all databases, and NULL if the column
/// is.
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
/// // How many orders are of 0 to 9 pieces, how many of 10 to 19, and so on.
/// let tens = Order::QUANTITY.bucket(10);
/// let sizes: Vec<(i64, u64)> = Order::scatter()
///     .group_by(tens)
///     .select((tens, count()))
///     .order_by(tens.desc())
///     .all(cluster)
///     .await?;
/// # Ok(())
/// # }
/// ```
pub struct Derived<M, T> {
    derivation: Derivation,
    ordinal: usize,
    of: PhantomData<fn() -> (M, T)>,
}

impl<M, T> Derived<M, T> {
    fn new<F>(derivation: Derivation, column: Column<M, F>) -> Self {
        Self {
            derivation,
            ordinal: column.ordinal(),
            of: PhantomData,
        }
    }
}

impl<M, T: Field> Derived<M, T> {
    pub(super) fn to_item(self) -> Item {
        let Self {
            derivation,
            ordinal,
            ..
        } = self;
        Item::Group(Grouping::Derived(derivation, ordinal, read_value::<T>))
    }
}

impl<M, T> Clone for Derived<M, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, T> Copy for Derived<M, T> {}

impl<M, T> fmt::Debug for Derived<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Derived")
            .field("derivation", &self.derivation)
            .field("column", &self.ordinal)
            .finish()
    }
}

/// Derived values to group by.
// What a method gives is a parameter of it, so that the compiler says which bound is not met, and
// not that there is no such method.
impl<M: Model, T: Field> Column<M, T> {
    /// The date, in UTC for a timestamp: a `NaiveDate` of `chrono`, or a `Date` of `time`.
    ///
    /// ```no_run
    /// # #[cfg(feature = "chrono")]
    /// # mod example {
    /// # use shard_orm::prelude::*;
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "orders")]
    /// # struct Order {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// #     placed_at: chrono::DateTime<chrono::Utc>,
    /// # }
    /// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
    /// use shard_orm::aggregate::count;
    ///
    /// let by_day: Vec<(chrono::NaiveDate, u64)> = Order::scatter()
    ///     .group_by(Order::PLACED_AT.date())
    ///     .select((Order::PLACED_AT.date(), count()))
    ///     .all(cluster)
    ///     .await?;
    /// # Ok(())
    /// # }
    /// # }
    /// ```
    #[must_use]
    pub fn date<D>(self) -> Derived<M, D>
    where
        T: DateField<Date = D>,
    {
        Derived::new(Derivation::Part(DatePart::Date), self)
    }

    /// The year, in UTC for a timestamp.
    #[must_use]
    pub fn year<N>(self) -> Derived<M, N>
    where
        T: DateField<Number = N>,
    {
        Derived::new(Derivation::Part(DatePart::Year), self)
    }

    /// The month, from 1 to 12, in UTC for a timestamp. Group by [`year`](Self::year) as well to
    /// distinguish months of different years.
    #[must_use]
    pub fn month<N>(self) -> Derived<M, N>
    where
        T: DateField<Number = N>,
    {
        Derived::new(Derivation::Part(DatePart::Month), self)
    }

    /// The day of the month, from 1 to 31, in UTC for a timestamp.
    #[must_use]
    pub fn day<N>(self) -> Derived<M, N>
    where
        T: DateField<Number = N>,
    {
        Derived::new(Derivation::Part(DatePart::Day), self)
    }

    /// The hour, from 0 to 23, in UTC for a timestamp.
    #[must_use]
    pub fn hour<N>(self) -> Derived<M, N>
    where
        T: TimeField<Number = N>,
    {
        Derived::new(Derivation::Part(DatePart::Hour), self)
    }

    /// The number of the bucket of this width: the quotient, rounded down. Bucket `n` contains
    /// values from `n * width` to less than `(n + 1) * width`, so `-1` is in bucket `-1`.
    ///
    /// A width below 1 is rejected ([`Unsupported`](crate::ErrorKind::Unsupported)) when the query
    /// runs.
    #[must_use]
    pub fn bucket<Q>(self, width: i64) -> Derived<M, Q>
    where
        T: IntegerField<Quotient = Q>,
    {
        Derived::new(Derivation::Bucket(width), self)
    }

    /// The remainder of the division, from 0 to `by - 1`, also for negative numbers (as
    /// [`i64::rem_euclid`]).
    ///
    /// A divisor below 1 is rejected ([`Unsupported`](crate::ErrorKind::Unsupported)) when the
    /// query runs.
    #[must_use]
    pub fn modulo<Q>(self, by: i64) -> Derived<M, Q>
    where
        T: IntegerField<Quotient = Q>,
    {
        Derived::new(Derivation::Modulo(by), self)
    }
}
