//! Conditions on groups, by their aggregates.

use std::cmp::Ordering;

use crate::backend::compare;
use crate::plan::aggregate::AggregateSpec;
use crate::plan::condition::Condition;
use sea_query::Value;

/// A condition on groups, of any table.
pub(crate) type GroupCondition = Condition<Test>;

/// One condition on an aggregate.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Compare(AggregateSpec, Comparison, Value),
    IsNull(AggregateSpec),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
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
    pub(crate) fn spec(&self) -> AggregateSpec {
        match self {
            Self::Compare(spec, ..) | Self::IsNull(spec) => *spec,
        }
    }

    /// Whether it holds for these aggregates; `None` where SQL says that it is unknown.
    pub(crate) fn holds<'v>(
        &self,
        value: &impl Fn(AggregateSpec) -> Option<&'v Value>,
    ) -> Option<bool> {
        let known = value(self.spec()).filter(|value| **value != value.as_null());
        match self {
            Self::Compare(_, comparison, operand) => {
                known.map(|value| comparison.holds(compare(value, operand)))
            }
            Self::IsNull(_) => Some(known.is_none()),
        }
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
            Condition::one(Test::Compare(AggregateSpec::Count, Comparison::Gt, operand))
        };
        let null = Value::BigUnsigned(None);
        let three = Value::BigUnsigned(Some(3));
        let of = |condition: &GroupCondition, value| {
            condition.holds(&|test| test.holds(&|_| Some(value)))
        };
        let of_null = |condition: &GroupCondition| of(condition, &null);
        let of_three = |condition: &GroupCondition| of(condition, &three);
        let is_null = || Condition::one(Test::IsNull(AggregateSpec::Count));
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
