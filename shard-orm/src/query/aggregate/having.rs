//! Conditions on groups.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{BitAnd, BitOr, Not};

use sea_query::Value;

use super::item::Aggregate;
use super::value::AggregateValue;
use crate::backend::{Args, Field};
use crate::error::Result;
use crate::plan::aggregate::{Comparison, GroupCondition, Test, integer};
use crate::plan::{Condition, DeferredError};

/// A condition on groups of the model `M`, made from aggregates.
///
/// Combine conditions with [`and`](Self::and), [`or`](Self::or) and `!`, or with `&` and `|`. As in
/// SQL, a comparison with NULL is neither true nor false. They nest as those of a
/// [`Filter`](crate::Filter) do. Conditions on the columns that are
/// grouped by are conditions on rows: [`Query::filter`](crate::Query::filter).
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
/// use shard_orm::aggregate::count;
///
/// let query = Order::scatter()
///     .group_by(Order::USER_ID)
///     .having(count().gt(1) & !Order::QUANTITY.sum().between(10, 20));
/// ```
#[must_use]
pub struct Having<M> {
    pub(super) condition: Result<GroupCondition, DeferredError>,
    of: PhantomData<fn() -> M>,
}

impl<M> Having<M> {
    fn new(test: Result<Test>) -> Self {
        Self {
            condition: test.map(Condition::one).map_err(DeferredError::from),
            of: PhantomData,
        }
    }

    fn join(
        self,
        other: Self,
        join: fn(GroupCondition, GroupCondition) -> Result<GroupCondition, DeferredError>,
    ) -> Self {
        Self {
            condition: match (self.condition, other.condition) {
                (Ok(one), Ok(two)) => join(one, two),
                (Err(deferred), _) | (_, Err(deferred)) => Err(deferred),
            },
            of: PhantomData,
        }
    }

    /// Both.
    pub fn and(self, other: Self) -> Self {
        self.join(other, GroupCondition::and)
    }

    /// One of the two, or both.
    pub fn or(self, other: Self) -> Self {
        self.join(other, GroupCondition::or)
    }
}

impl<M> Not for Having<M> {
    type Output = Self;

    fn not(self) -> Self {
        Self {
            condition: self.condition.and_then(GroupCondition::not),
            of: PhantomData,
        }
    }
}

impl<M> BitAnd for Having<M> {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        self.and(other)
    }
}

impl<M> BitOr for Having<M> {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.or(other)
    }
}

impl<M> Clone for Having<M> {
    fn clone(&self) -> Self {
        Self {
            condition: self.condition.clone(),
            of: PhantomData,
        }
    }
}

impl<M> fmt::Debug for Having<M> {
    /// Shows no value: operands are the users' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Having(..)")
    }
}

/// What an aggregate is compared with: a value of its plain type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not compared with an aggregate of `{T}`",
    label = "expected `{T}`",
    note = "an aggregate that may be NULL is compared with its plain type; for NULL use `.is_null()`"
)]
pub trait HavingOperand<T> {
    #[doc(hidden)]
    fn into_value(self) -> Result<Value>;
}

impl<T: Field<Plain = T>> HavingOperand<T> for T {
    fn into_value(self) -> Result<Value> {
        Args::value(|args| self.bind(args))
    }
}

impl HavingOperand<i128> for i128 {
    fn into_value(self) -> Result<Value> {
        Ok(integer(self))
    }
}

impl HavingOperand<String> for &str {
    fn into_value(self) -> Result<Value> {
        self.to_owned().into_value()
    }
}

/// Comparisons. Each takes a value of the aggregate's plain type.
impl<M, T: AggregateValue> Aggregate<M, T> {
    fn compare(self, comparison: Comparison, operand: impl HavingOperand<T::Plain>) -> Having<M> {
        let operand = operand.into_value();
        Having::new(operand.map(|value| Test::Compare(self.spec, comparison, value)))
    }

    /// Equal to a value.
    #[allow(clippy::should_implement_trait)]
    pub fn eq(self, operand: impl HavingOperand<T::Plain>) -> Having<M> {
        self.compare(Comparison::Eq, operand)
    }

    /// Not equal to a value; groups with NULL are left out.
    #[allow(clippy::should_implement_trait)]
    pub fn ne(self, operand: impl HavingOperand<T::Plain>) -> Having<M> {
        self.compare(Comparison::Ne, operand)
    }

    /// Less than a value.
    #[allow(clippy::should_implement_trait)]
    pub fn lt(self, operand: impl HavingOperand<T::Plain>) -> Having<M> {
        self.compare(Comparison::Lt, operand)
    }

    /// Less than a value, or equal to it.
    #[allow(clippy::should_implement_trait)]
    pub fn le(self, operand: impl HavingOperand<T::Plain>) -> Having<M> {
        self.compare(Comparison::Le, operand)
    }

    /// Greater than a value.
    #[allow(clippy::should_implement_trait)]
    pub fn gt(self, operand: impl HavingOperand<T::Plain>) -> Having<M> {
        self.compare(Comparison::Gt, operand)
    }

    /// Greater than a value, or equal to it.
    #[allow(clippy::should_implement_trait)]
    pub fn ge(self, operand: impl HavingOperand<T::Plain>) -> Having<M> {
        self.compare(Comparison::Ge, operand)
    }

    /// From `low` to `high`, both included.
    pub fn between(
        self,
        low: impl HavingOperand<T::Plain>,
        high: impl HavingOperand<T::Plain>,
    ) -> Having<M> {
        self.ge(low).and(self.le(high))
    }
}

/// Conditions on aggregates that may be NULL.
impl<M, T> Aggregate<M, Option<T>> {
    /// NULL: of no row, or of nothing but NULL.
    pub fn is_null(self) -> Having<M> {
        Having::new(Ok(Test::IsNull(self.spec)))
    }

    /// Not NULL.
    pub fn is_not_null(self) -> Having<M> {
        !self.is_null()
    }
}
