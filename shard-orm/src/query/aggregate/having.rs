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
use crate::query::parts::Refusal;

/// A condition on groups of the model `M`, made from aggregates.
///
/// Combine conditions with [`and`](Self::and), [`or`](Self::or) and `!`, or with `&` and `|`. As in
/// SQL, a comparison with NULL is neither true nor false. Conditions on the columns that are
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
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Compare(Spec, Comparison, Value),
    IsNull(Spec),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
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

impl Condition {
    /// The aggregates that it names.
    pub(super) fn each(&self, see: &mut impl FnMut(Spec)) {
        match self {
            Self::Compare(spec, ..) | Self::IsNull(spec) => see(*spec),
            Self::And(one, two) | Self::Or(one, two) => {
                one.each(see);
                two.each(see);
            }
            Self::Not(inner) => inner.each(see),
        }
    }

    /// Whether it holds for these aggregates; `None` where SQL says that it is unknown.
    pub(super) fn holds<'v>(&self, value: &impl Fn(Spec) -> Option<&'v Value>) -> Option<bool> {
        let known = |spec| value(spec).filter(|value| **value != value.as_null());
        match self {
            Self::Compare(spec, comparison, operand) => {
                known(*spec).map(|value| comparison.holds(compare(value, operand)))
            }
            Self::IsNull(spec) => Some(known(*spec).is_none()),
            Self::And(one, two) => match (one.holds(value), two.holds(value)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Or(one, two) => match (one.holds(value), two.holds(value)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Self::Not(inner) => inner.holds(value).map(|holds| !holds),
        }
    }
}

impl<M> Having<M> {
    fn new(condition: Result<Condition>) -> Self {
        Self {
            condition: condition.map_err(Refusal::from),
            of: PhantomData,
        }
    }

    fn join(self, other: Self, join: fn(Box<Condition>, Box<Condition>) -> Condition) -> Self {
        Self {
            condition: match (self.condition, other.condition) {
                (Ok(one), Ok(two)) => Ok(join(Box::new(one), Box::new(two))),
                (Err(refusal), _) | (_, Err(refusal)) => Err(refusal),
            },
            of: PhantomData,
        }
    }

    /// Both.
    pub fn and(self, other: Self) -> Self {
        self.join(other, Condition::And)
    }

    /// One of the two, or both.
    pub fn or(self, other: Self) -> Self {
        self.join(other, Condition::Or)
    }
}

impl<M> Not for Having<M> {
    type Output = Self;

    fn not(self) -> Self {
        Self {
            condition: self.condition.map(|inner| Condition::Not(Box::new(inner))),
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
        Having::new(operand.map(|value| Condition::Compare(self.spec, comparison, value)))
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
        Having::new(Ok(Condition::IsNull(self.spec)))
    }

    /// Not NULL.
    pub fn is_not_null(self) -> Having<M> {
        !self.is_null()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_neither_true_nor_false() {
        let compare = |operand| {
            let operand = Value::BigUnsigned(Some(operand));
            Box::new(Condition::Compare(Spec::Count, Comparison::Gt, operand))
        };
        let null = Value::BigUnsigned(None);
        let three = Value::BigUnsigned(Some(3));
        let of_null = |condition: &Condition| condition.holds(&|_| Some(&null));
        let of_three = |condition: &Condition| condition.holds(&|_| Some(&three));
        let is_null = || Box::new(Condition::IsNull(Spec::Count));
        assert_eq!(of_null(&compare(1)), None);
        assert_eq!(of_null(&Condition::Not(compare(1))), None);
        assert_eq!(of_null(&Condition::Or(compare(1), is_null())), Some(true));
        assert_eq!(of_null(&Condition::And(compare(1), is_null())), None);
        let not_null = || Box::new(Condition::Not(is_null()));
        assert_eq!(
            of_null(&Condition::And(compare(1), not_null())),
            Some(false)
        );
        assert_eq!(
            of_three(&Condition::And(compare(1), not_null())),
            Some(true)
        );
        assert_eq!(of_three(&Condition::Or(compare(3), is_null())), Some(false));
    }
}
