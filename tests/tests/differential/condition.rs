//! Conditions on rows.

use proptest::prelude::*;
use proptest::sample::select;
use shard_orm::Filter;
use shard_orm::prelude::*;

use crate::cell::Cell;
use crate::sample::{Col, Sample, column, nullable, plain};
use crate::sql::Sql;

/// A condition on rows.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    Compare(Col, Comparison, Cell),
    Columns(Pair, Comparison),
    Between(Col, Cell, Cell),
    In(Col, Vec<Cell>),
    NotIn(Col, Vec<Cell>),
    EqOrNull(Col, Option<Cell>),
    IsNull(Col),
    IsNotNull(Col),
    Text(Col, Match, String),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Comparison {
    pub(crate) const ALL: [Self; 6] = [Self::Eq, Self::Ne, Self::Lt, Self::Le, Self::Gt, Self::Ge];

    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Eq => " = ",
            Self::Ne => " <> ",
            Self::Lt => " < ",
            Self::Le => " <= ",
            Self::Gt => " > ",
            Self::Ge => " >= ",
        }
    }
}

/// Compares a column or an aggregate with an operand.
macro_rules! compare {
    ($one:expr, $comparison:expr, $two:expr) => {
        match $comparison {
            $crate::condition::Comparison::Eq => $one.eq($two),
            $crate::condition::Comparison::Ne => $one.ne($two),
            $crate::condition::Comparison::Lt => $one.lt($two),
            $crate::condition::Comparison::Le => $one.le($two),
            $crate::condition::Comparison::Gt => $one.gt($two),
            $crate::condition::Comparison::Ge => $one.ge($two),
        }
    };
}
pub(crate) use compare;

/// Two columns that hold the same type, one of them with NULLs where there are such.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pair {
    NameNote,
    TotalBig,
    WeightExtreme,
    FlagSeen,
    IdUserId,
}

impl Pair {
    const ALL: [Self; 5] = [
        Self::NameNote,
        Self::TotalBig,
        Self::WeightExtreme,
        Self::FlagSeen,
        Self::IdUserId,
    ];

    fn columns(self) -> [&'static str; 2] {
        match self {
            Self::NameNote => ["name", "note"],
            Self::TotalBig => ["total", "big"],
            Self::WeightExtreme => ["weight", "extreme"],
            Self::FlagSeen => ["flag", "seen"],
            Self::IdUserId => ["id", "user_id"],
        }
    }
}

/// How a text is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Match {
    Like,
    StartsWith,
    EndsWith,
    Contains,
}

impl Condition {
    pub(crate) fn filter(&self) -> Filter<Sample> {
        type S = Sample;
        match self {
            Self::Compare(which, comparison, value) => {
                column!(*which, column => compare!(column, comparison, plain(column, value)))
            }
            Self::Columns(pair, comparison) => match pair {
                Pair::NameNote => compare!(S::NAME, comparison, S::NOTE),
                Pair::TotalBig => compare!(S::TOTAL, comparison, S::BIG),
                Pair::WeightExtreme => compare!(S::WEIGHT, comparison, S::EXTREME),
                Pair::FlagSeen => compare!(S::FLAG, comparison, S::SEEN),
                Pair::IdUserId => compare!(S::ID, comparison, S::USER_ID),
            },
            Self::Between(which, low, high) => {
                column!(*which, column => column.between(plain(column, low), plain(column, high)))
            }
            Self::In(which, values) => {
                column!(*which, column => column.is_in(values.iter().map(|value| plain(column, value))))
            }
            Self::NotIn(which, values) => {
                column!(*which, column => column.not_in(values.iter().map(|value| plain(column, value))))
            }
            Self::EqOrNull(which, value) => column!(*which, column => {
                column.eq_or_null(value.as_ref().map(|value| plain(column, value)))
            }),
            Self::IsNull(which) => nullable!(*which, column => column.is_null()),
            Self::IsNotNull(which) => nullable!(*which, column => column.is_not_null()),
            Self::Text(Col::Note, how, text) => match how {
                Match::Like => S::NOTE.like(text),
                Match::StartsWith => S::NOTE.starts_with(text),
                Match::EndsWith => S::NOTE.ends_with(text),
                Match::Contains => S::NOTE.contains(text),
            },
            Self::Text(_, how, text) => match how {
                Match::Like => S::NAME.like(text),
                Match::StartsWith => S::NAME.starts_with(text),
                Match::EndsWith => S::NAME.ends_with(text),
                Match::Contains => S::NAME.contains(text),
            },
            Self::Not(inner) => !inner.filter(),
            Self::And(one, two) => one.filter() & two.filter(),
            Self::Or(one, two) => one.filter() | two.filter(),
        }
    }

    pub(crate) fn sql(&self, sql: &mut Sql) {
        match self {
            Self::Compare(column, comparison, value) => {
                sql.push(column.name())
                    .push(comparison.sql())
                    .bind(*column, value);
            }
            Self::Columns(pair, comparison) => {
                let [one, two] = pair.columns();
                sql.push(one).push(comparison.sql()).push(two);
            }
            Self::Between(column, low, high) => {
                sql.push(column.name()).push(" BETWEEN ").bind(*column, low);
                sql.push(" AND ").bind(*column, high);
            }
            Self::In(_, values) if values.is_empty() => {
                sql.push("1 = 0");
            }
            Self::NotIn(_, values) if values.is_empty() => {
                sql.push("1 = 1");
            }
            Self::In(column, values) | Self::NotIn(column, values) => {
                let is_in = matches!(self, Self::In(..));
                let operator = if is_in { " IN (" } else { " NOT IN (" };
                sql.push(column.name()).push(operator);
                sql.list(values, ", ", |sql, value| {
                    sql.bind(*column, value);
                });
                sql.push(")");
            }
            Self::EqOrNull(column, Some(value)) => {
                sql.push(column.name()).push(" = ").bind(*column, value);
            }
            Self::EqOrNull(column, None) | Self::IsNull(column) => {
                sql.push(column.name()).push(" IS NULL");
            }
            Self::IsNotNull(column) => {
                sql.push(column.name()).push(" IS NOT NULL");
            }
            Self::Text(column, how, text) => how.sql(sql, *column, text),
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
        let ordered = move || {
            select(Col::ordered(dialect))
                .prop_flat_map(move |column| (Just(column), column.values(dialect)))
        };
        let several = move || {
            select(Col::ALL.to_vec()).prop_flat_map(move |column| {
                let values = proptest::collection::vec(column.values(dialect), 0..4);
                (Just(column), values)
            })
        };
        let comparison = || select(Comparison::ALL.to_vec());
        let text = || select(vec![Col::Name, Col::Note]);
        let leaf = prop_oneof![
            4 => (ordered(), comparison()).prop_map(|((column, value), comparison)| {
                Self::Compare(column, comparison, value)
            }),
            1 => (select(Pair::ALL.to_vec()), comparison())
                .prop_map(|(pair, comparison)| Self::Columns(pair, comparison)),
            2 => ordered()
                .prop_flat_map(move |(column, low)| (Just(column), Just(low), column.values(dialect)))
                .prop_map(|(column, low, high)| Self::Between(column, low, high)),
            1 => several().prop_map(|(column, values)| Self::In(column, values)),
            1 => several().prop_map(|(column, values)| Self::NotIn(column, values)),
            1 => (ordered(), any::<bool>()).prop_map(|((column, value), is_null)| {
                Self::EqOrNull(column, (!is_null).then_some(value))
            }),
            1 => select(Col::NULLABLE.to_vec()).prop_map(Self::IsNull),
            1 => select(Col::NULLABLE.to_vec()).prop_map(Self::IsNotNull),
            2 => (text(), Match::any()).prop_map(|(column, (how, text))| Self::Text(column, how, text)),
        ];
        leaf.prop_recursive(3, 8, 2, |inner| {
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

impl Match {
    fn any() -> impl Strategy<Value = (Self, String)> {
        let patterns = [
            "%",
            "a%",
            "%\u{e9}%",
            "_",
            "_e_",
            "%\\%",
            "\\_%",
            "z ",
            "",
            "%\u{1f600}",
        ];
        let parts = [
            "",
            "a",
            "T",
            "t",
            "\u{e9}",
            "%",
            "_",
            "\\",
            " ",
            "\u{1f600}",
        ];
        let owned = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        let part = || select(owned(&parts));
        prop_oneof![
            2 => select(owned(&patterns)).prop_map(|text| (Self::Like, text)),
            1 => part().prop_map(|text| (Self::StartsWith, text)),
            1 => part().prop_map(|text| (Self::EndsWith, text)),
            1 => part().prop_map(|text| (Self::Contains, text)),
        ]
    }

    /// Without patterns, but for `Like` itself.
    fn sql(self, sql: &mut Sql, column: Col, text: &str) {
        let value = Cell::Text(text.to_owned());
        let name = column.name();
        let length = text.chars().count();
        match self {
            Self::Like => {
                let escape = match sql.dialect {
                    Dialect::MySql => r" ESCAPE '\\'",
                    _ => r" ESCAPE '\'",
                };
                sql.push(name)
                    .push(" LIKE ")
                    .bind(column, &value)
                    .push(escape);
            }
            Self::StartsWith => {
                sql.push(&format!("SUBSTR({name}, 1, {length}) = "))
                    .bind(column, &value);
            }
            // A text that is too short is compared with what it has.
            Self::EndsWith => {
                let long = match sql.dialect {
                    Dialect::MySql => "CHAR_LENGTH",
                    _ => "LENGTH",
                };
                sql.push(&format!(
                    "({long}({name}) >= {length} AND SUBSTR({name}, {long}({name}) - {length} + 1) = "
                ))
                .bind(column, &value)
                .push(")");
            }
            Self::Contains => {
                let find = match sql.dialect {
                    Dialect::Postgres => "STRPOS",
                    _ => "INSTR",
                };
                sql.push(&format!("{find}({name}, "))
                    .bind(column, &value)
                    .push(") > 0");
            }
        }
    }
}
