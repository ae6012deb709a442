//! What each logical shard is asked for an aggregate, and how its answer is read.

use sea_query::{Alias, CaseStatement, Expr, ExprTrait, Func};

use super::exact::Exact;
use super::groups::Key;
use super::state::State;
use crate::backend::{Digits, Field, Row, double, exact_sum};
use crate::definition::ModelDef;
use crate::dialect::Dialect;
use crate::error::Result;

/// A part of an aggregate that answers of several logical shards can be merged from, with the
/// ordinal of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Partial {
    /// How many rows there are.
    Rows,
    /// How many values are not NULL.
    Count(usize),
    /// How many values are true.
    Trues(usize),
    /// Which values there are: grouped by, and read from the key of the group.
    Distinct(usize),
    /// How many there are, of a group that lies in one logical shard.
    DistinctCount(usize),
    /// The exact sum, as a text.
    Sum(usize),
    /// The sum of floats, and how many there are: where the sum is NaN, SQLite says NULL.
    Floats(usize),
    Min(usize),
    Max(usize),
    /// How many values there are, their mean and their variance, as floats.
    Moments(usize),
}

impl Partial {
    /// What is selected for it.
    pub(crate) fn columns(self, def: &'static ModelDef, dialect: Dialect) -> Vec<Expr> {
        let of = |ordinal: usize| Expr::col(Alias::new(def.columns[ordinal].name));
        match self {
            Self::Rows => vec![Expr::cust("COUNT(*)")],
            Self::Count(ordinal) => vec![of(ordinal).count()],
            Self::Trues(ordinal) => {
                let one = CaseStatement::new().case(of(ordinal), Expr::cust("1"));
                vec![Expr::from(Func::count(one))]
            }
            Self::Distinct(_) => Vec::new(),
            Self::DistinctCount(ordinal) => vec![Expr::from(Func::count_distinct(of(ordinal)))],
            Self::Sum(ordinal) => {
                vec![exact_sum(dialect, def.columns[ordinal].column_type, || {
                    of(ordinal)
                })]
            }
            Self::Floats(ordinal) => vec![double(dialect, of(ordinal)).sum(), of(ordinal).count()],
            Self::Min(ordinal) => vec![of(ordinal).min()],
            Self::Max(ordinal) => vec![of(ordinal).max()],
            Self::Moments(ordinal) => {
                let mean = Func::avg(double(dialect, of(ordinal)));
                let variance = Func::cust(Alias::new("VAR_POP")).arg(of(ordinal));
                vec![
                    of(ordinal).count(),
                    Expr::from(mean),
                    double(dialect, Expr::from(variance)),
                ]
            }
        }
    }

    /// Reads its columns, which begin at `position`, and leaves that behind them.
    pub(crate) fn read(
        self,
        def: &'static ModelDef,
        row: &Row<'_>,
        key: impl Fn(usize) -> Option<Key>,
        position: &mut usize,
    ) -> Result<State> {
        let mut next = || {
            *position += 1;
            *position - 1
        };
        let count = |position| i64::read(row, position).map(i64::unsigned_abs);
        Ok(match self {
            Self::Rows | Self::Count(_) | Self::Trues(_) => State::Count(count(next())?),
            Self::DistinctCount(_) => State::DistinctCount(count(next())?),
            Self::Distinct(ordinal) => State::Distinct(key(ordinal).into_iter().collect()),
            Self::Sum(ordinal) => {
                let text = Option::<String>::read(row, next())?;
                let sum = text.as_deref().map(Exact::parse).transpose()?;
                // Only SQLite answers in halves, which are of integers.
                let scale = def.columns[ordinal].decimal.map(Digits::scale);
                let units = scale.filter(|_| text.is_some_and(|text| text.contains(':')));
                State::Sum(match units {
                    Some(scale) => sum.map(|sum| sum.of_units(scale)),
                    None => sum,
                })
            }
            Self::Floats(_) => {
                let sum = Option::<f64>::read(row, next())?;
                let count = count(next())?;
                let of_none = if count == 0 { 0.0 } else { f64::NAN };
                State::Floats {
                    count,
                    sum: sum.unwrap_or(of_none),
                }
            }
            Self::Min(ordinal) | Self::Max(ordinal) => {
                let position = next();
                let value = if row.is_null(position)? {
                    None
                } else {
                    Some(def.columns[ordinal].read(row, position)?)
                };
                match self {
                    Self::Min(_) => State::Least(value),
                    _ => State::Greatest(value),
                }
            }
            Self::Moments(_) => {
                let count = count(next())?;
                let mean = Option::<f64>::read(row, next())?.unwrap_or(0.0);
                let variance = Option::<f64>::read(row, next())?.unwrap_or(0.0);
                State::of_moments(count, mean, variance)
            }
        })
    }

    /// Of no rows.
    pub(crate) fn empty(self) -> State {
        match self {
            Self::Rows | Self::Count(_) | Self::Trues(_) => State::Count(0),
            Self::DistinctCount(_) => State::DistinctCount(0),
            Self::Distinct(_) => State::Distinct(Default::default()),
            Self::Sum(_) => State::Sum(None),
            Self::Floats(_) => State::Floats { count: 0, sum: 0.0 },
            Self::Min(_) => State::Least(None),
            Self::Max(_) => State::Greatest(None),
            Self::Moments(_) => State::of_moments(0, 0.0, 0.0),
        }
    }
}
