//! Conditions on groups.

use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{BitAnd, BitOr, Not};

use sea_query::Value;

use super::exact::integer;
use super::item::Aggregate;
use super::spec::Spec;
use super::value::AggregateValue;
use crate::backend::{Args, Field};
use crate::error::Result;
use crate::exec::compare;
use crate::query::combined::Combined;
use crate::query::parts::Refusal;

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
    pub(super) condition: Result<Condition, Refusal>,
    of: PhantomData<fn() -> M>,
}

/// A condition on groups, whatever the model.
pub(super) type Condition = Combined<Test>;

/// One condition on an aggregate.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Compare(Spec, Comparison, Value),
    IsNull(Spec),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Eq => ordering.is_eq(),
            Self::Ne => ordering.is_ne(),
            Self::Lt => ordering.is_lt(),
            Self::Le => ordering.is_le(),
            Self::Gt => ordering.is_gt(),
            Self::Ge => ordering.is_ge(),
        }
    }
}

impl Test {
    /// The aggregate that it names.
    pub(super) fn spec(&self) -> Spec {
        match self {
            Self::Compare(spec, ..) | Self::IsNull(spec) => *spec,
        }
    }

    /// Whether it holds for these aggregates; `None` where SQL says that it is unknown.
    pub(super) fn holds<'v>(&self, value: &impl Fn(Spec) -> Option<&'v Value>) -> Option<bool> {
        let known = value(self.spec()).filter(|value| **value != value.as_null());
        match self {
            Self::Compare(_, comparison, operand) => {
                known.map(|value| comparison.holds(compare(value, operand)))
            }
            Self::IsNull(_) => Some(known.is_none()),
        }
    }
}

impl<M> Having<M> {
    fn new(test: Result<Test>) -> Self {
        Self {
            condition: test.map(Combined::one).map_err(Refusal::from),
            of: PhantomData,
        }
    }

    fn join(
        self,
        other: Self,
        join: fn(Condition, Condition) -> Result<Condition, Refusal>,
    ) -> Self {
        Self {
            condition: match (self.condition, other.condition) {
                (Ok(one), Ok(two)) => join(one, two),
                (Err(refusal), _) | (_, Err(refusal)) => Err(refusal),
            },
            of: PhantomData,
        }
    }

    /// Both.
    pub fn and(self, other: Self) -> Self {
        self.join(other, Condition::and)
    }

    /// One of the two, or both.
    pub fn or(self, other: Self) -> Self {
        self.join(other, Condition::or)
    }
}

impl<M> Not for Having<M> {
    type Output = Self;

    fn not(self) -> Self {
        Self {
            condition: self.condition.and_then(Condition::not),
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_neither_true_nor_false() {
        let compare = |operand| {
            let operand = Value::BigUnsigned(Some(operand));
            Combined::one(Test::Compare(Spec::Count, Comparison::Gt, operand))
        };
        let null = Value::BigUnsigned(None);
        let three = Value::BigUnsigned(Some(3));
        let of =
            |condition: &Condition, value| condition.holds(&|test| test.holds(&|_| Some(value)));
        let of_null = |condition: &Condition| of(condition, &null);
        let of_three = |condition: &Condition| of(condition, &three);
        let is_null = || Combined::one(Test::IsNull(Spec::Count));
        let not_null = || is_null().not().unwrap();
        assert_eq!(of_null(&compare(1)), None);
        assert_eq!(of_null(&compare(1).not().unwrap()), None);
        assert_eq!(of_null(&compare(1).or(is_null()).unwrap()), Some(true));
        assert_eq!(of_null(&compare(1).and(is_null()).unwrap()), None);
        assert_eq!(of_null(&compare(1).and(not_null()).unwrap()), Some(false));
        assert_eq!(of_three(&compare(1).and(not_null()).unwrap()), Some(true));
        assert_eq!(of_three(&compare(3).or(is_null()).unwrap()), Some(false));
    }
}
