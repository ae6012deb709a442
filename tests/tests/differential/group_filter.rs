//! Conditions on groups.

use proptest::prelude::*;
use proptest::sample::select;
use shard_orm::Dialect;
use shard_orm::aggregate::{Aggregate, AggregateValue, Having, HavingOperand};

use crate::aggregate::{Agg, Typed, typed};
use crate::cell::{Cell, Plain};
use crate::condition::{Comparison, compare};
use crate::sample::{Col, Sample};
use crate::sql::Sql;

/// A condition on groups.
#[derive(Debug, Clone)]
pub(crate) enum GroupFilter {
    Compare(Agg, Comparison, Cell),
    Between(Agg, Cell, Cell),
    IsNull(Agg),
    IsNotNull(Agg),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

impl GroupFilter {
    pub(crate) fn having(&self) -> Having<Sample> {
        match self {
            Self::Compare(aggregate, comparison, value) => {
                typed!(aggregate.typed(), aggregate => compared(aggregate, *comparison, value))
            }
            Self::Between(aggregate, low, high) => {
                typed!(aggregate.typed(), aggregate => between(aggregate, low, high))
            }
            Self::IsNull(aggregate) => is_null(aggregate.typed()),
            Self::IsNotNull(aggregate) => is_not_null(aggregate.typed()),
            Self::Not(inner) => !inner.having(),
            Self::And(one, two) => one.having() & two.having(),
            Self::Or(one, two) => one.having() | two.having(),
        }
    }

    pub(crate) fn sql(&self, sql: &mut Sql) {
        let named = |aggregate: &Agg| aggregate.sql(sql.dialect);
        match self {
            Self::Compare(aggregate, comparison, value) => {
                let name = named(aggregate);
                sql.push(&name).push(comparison.sql());
                operand(sql, *aggregate, value);
            }
            Self::Between(aggregate, low, high) => {
                let name = named(aggregate);
                sql.push(&name).push(" BETWEEN ");
                operand(sql, *aggregate, low);
                sql.push(" AND ");
                operand(sql, *aggregate, high);
            }
            Self::IsNull(aggregate) => {
                let name = named(aggregate);
                sql.push(&name).push(" IS NULL");
            }
            Self::IsNotNull(aggregate) => {
                let name = named(aggregate);
                sql.push(&name).push(" IS NOT NULL");
            }
            Self::Not(inner) => {
                sql.push("NOT (");
                inner.sql(sql);
                sql.push(")");
            }
            Self::And(one, two) | Self::Or(one, two) => {
                let is_and = matches!(self, Self::And(..));
                sql.push("(");
                one.sql(sql);
                sql.push(if is_and { " AND " } else { " OR " });
                two.sql(sql);
                sql.push(")");
            }
        }
    }

    /// Any condition that the database takes.
    pub(crate) fn any(dialect: Dialect) -> BoxedStrategy<Self> {
        let compared = move || {
            Agg::any().prop_flat_map(move |aggregate| (Just(aggregate), aggregate.values(dialect)))
        };
        // A count is never NULL.
        let nullable = || {
            select(vec![
                Agg::Sum(Col::Level),
                Agg::Avg(Col::Level),
                Agg::Min(Col::Note),
                Agg::Max(Col::Ratio),
                Agg::Sum(Col::Weight),
                Agg::BoolAnd(Col::Seen),
                Agg::BoolOr(Col::Seen),
            ])
        };
        let comparison = select(Comparison::ALL.to_vec());
        let leaf = prop_oneof![
            4 => (compared(), comparison).prop_map(|((aggregate, value), comparison)| {
                Self::Compare(aggregate, comparison, value)
            }),
            1 => compared()
                .prop_flat_map(move |(aggregate, low)| (Just(aggregate), Just(low), aggregate.values(dialect)))
                .prop_map(|(aggregate, low, high)| Self::Between(aggregate, low, high)),
            1 => nullable().prop_map(Self::IsNull),
            1 => nullable().prop_map(Self::IsNotNull),
        ];
        leaf.prop_recursive(2, 6, 2, |inner| {
            prop_oneof![
                inner.clone().prop_map(|inner| Self::Not(Box::new(inner))),
                (inner.clone(), inner.clone())
                    .prop_map(|(one, two)| Self::And(Box::new(one), Box::new(two))),
                (inner.clone(), inner)
                    .prop_map(|(one, two)| Self::Or(Box::new(one), Box::new(two))),
            ]
        })
        .boxed()
    }
}

fn compared<T>(aggregate: Aggregate<Sample, T>, how: Comparison, value: &Cell) -> Having<Sample>
where
    T: AggregateValue<Plain: Plain + HavingOperand<T::Plain>>,
{
    compare!(aggregate, how, T::Plain::of(value))
}

fn between<T>(aggregate: Aggregate<Sample, T>, low: &Cell, high: &Cell) -> Having<Sample>
where
    T: AggregateValue<Plain: Plain + HavingOperand<T::Plain>>,
{
    aggregate.between(T::Plain::of(low), T::Plain::of(high))
}

/// Does something with an aggregate that may be NULL.
macro_rules! nullable {
    ($typed:expr, $aggregate:ident => $body:expr) => {
        match $typed {
            Typed::Count(count) => panic!("{count:?} is never NULL"),
            Typed::Sum($aggregate) => $body,
            Typed::F64($aggregate) => $body,
            Typed::F32($aggregate) => $body,
            Typed::I32($aggregate) => $body,
            Typed::I64($aggregate) => $body,
            Typed::Text($aggregate) => $body,
            Typed::Time($aggregate) => $body,
            Typed::Bool($aggregate) => $body,
        }
    };
}

fn is_null(typed: Typed) -> Having<Sample> {
    nullable!(typed, aggregate => aggregate.is_null())
}

fn is_not_null(typed: Typed) -> Having<Sample> {
    nullable!(typed, aggregate => aggregate.is_not_null())
}

/// The value that an aggregate is compared with.
fn operand(sql: &mut Sql, aggregate: Agg, value: &Cell) {
    match value {
        // Of whatever type the database gives for the aggregate.
        Cell::Int(number) => sql.push(&number.to_string()),
        Cell::Bool(truth) => sql.push(if *truth { "TRUE" } else { "FALSE" }),
        value => match aggregate {
            Agg::Min(column) | Agg::Max(column) => sql.bind(column, value),
            _ => sql.bind(Col::Extreme, value),
        },
    };
}
