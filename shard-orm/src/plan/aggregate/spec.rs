//! One aggregate or group column, whatever its model: what the typed edge hands to the plan.

use sea_query::Value;

use super::grouping::is_collated;
use super::partial::Partial;
use super::state::{State, float};
use crate::backend::ColumnType;
use crate::definition::ModelDef;
use crate::dialect::{Dialect, Support};
use crate::error::{Error, Result};
use crate::plan::aggregate::Grouping;

/// What a group is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    /// What is grouped by.
    Group(Grouping),
    Aggregate(AggregateSpec),
}

/// One aggregate: a function, and the ordinal of the column that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AggregateSpec {
    /// Of rows.
    Count,
    Of(Function, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    /// Of values that are not NULL.
    Count,
    CountDistinct,
    Sum,
    Avg,
    Min,
    Max,
    VarPop,
    VarSamp,
    StddevPop,
    StddevSamp,
    BoolAnd,
    BoolOr,
}

impl Function {
    /// What SQL calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Count => "COUNT",
            Self::CountDistinct => "COUNT(DISTINCT)",
            Self::Sum => "SUM",
            Self::Avg => "AVG",
            Self::Min => "MIN",
            Self::Max => "MAX",
            Self::VarPop => "VAR_POP",
            Self::VarSamp => "VAR_SAMP",
            Self::StddevPop => "STDDEV_POP",
            Self::StddevSamp => "STDDEV_SAMP",
            Self::BoolAnd => "BOOL_AND",
            Self::BoolOr => "BOOL_OR",
        }
    }

    fn is_spread(self) -> bool {
        matches!(
            self,
            Self::VarPop | Self::VarSamp | Self::StddevPop | Self::StddevSamp
        )
    }
}

/// How the numbers of a column are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// Integers and decimals, without loss.
    Exact,
    Floats,
}

impl Numbers {
    fn of(column_type: ColumnType) -> Option<Self> {
        match column_type {
            ColumnType::Decimal | ColumnType::ScaledDecimal => Some(Self::Exact),
            integer if integer.is_integer() => Some(Self::Exact),
            ColumnType::F32 | ColumnType::F64 => Some(Self::Floats),
            _ => None,
        }
    }
}

impl AggregateSpec {
    /// What each logical shard is asked for it; [`finish`](Self::finish) takes the merged states
    /// in the same order. With `whole`, no group is spread over several logical shards.
    pub(crate) fn partials(self, def: &'static ModelDef, whole: bool) -> Result<Vec<Partial>> {
        let Self::Of(function, ordinal) = self else {
            return Ok(vec![Partial::Rows]);
        };
        let numbers = || {
            Numbers::of(def.columns[ordinal].column_type).ok_or_else(|| {
                Error::unsupported(format!(
                    "{} of `{}.{}`, which holds no numbers",
                    function.name(),
                    def.table,
                    def.columns[ordinal].name
                ))
            })
        };
        Ok(match function {
            Function::Count => vec![Partial::Count(ordinal)],
            Function::CountDistinct if whole => vec![Partial::DistinctCount(ordinal)],
            Function::CountDistinct => vec![Partial::Distinct(ordinal)],
            Function::Sum | Function::Avg if numbers()? == Numbers::Floats => {
                vec![Partial::Floats(ordinal)]
            }
            Function::Sum => vec![Partial::Sum(ordinal)],
            Function::Avg => vec![Partial::Sum(ordinal), Partial::Count(ordinal)],
            Function::Min => vec![Partial::Min(ordinal)],
            Function::Max => vec![Partial::Max(ordinal)],
            Function::VarPop | Function::VarSamp | Function::StddevPop | Function::StddevSamp => {
                numbers()?;
                vec![Partial::Moments(ordinal)]
            }
            Function::BoolAnd | Function::BoolOr => {
                vec![Partial::Count(ordinal), Partial::Trues(ordinal)]
            }
        })
    }

    /// Why this database does not give the aggregate, or not one that can be merged or compared.
    pub(crate) fn check(self, def: &'static ModelDef, dialect: Dialect) -> Result<()> {
        let Self::Of(function, ordinal) = self else {
            return Ok(());
        };
        let column = &def.columns[ordinal];
        let subject = || format!("{} of `{}.{}`", function.name(), def.table, column.name);
        let capability = dialect.capability();
        let is_extreme = matches!(function, Function::Min | Function::Max);
        match column.column_type {
            _ if function.is_spread() => capability.variance,
            ColumnType::Bool if is_extreme => Support::No(
                "PostgreSQL has no such function of truth values; use `bool_and` or `bool_or`",
            ),
            ColumnType::Json if is_extreme => Support::No("JSON has no order"),
            ColumnType::Bytes | ColumnType::Uuid if is_extreme => capability.extremes_of_bytes,
            _ => Support::Yes,
        }
        .require_for(subject)
    }

    /// Whether the client can compare the values of which it takes the least or the greatest.
    pub(crate) fn check_extreme(self, def: &'static ModelDef) -> Result<()> {
        match self {
            Self::Of(Function::Min | Function::Max, ordinal)
                if def.columns[ordinal].column_type == ColumnType::Text
                    && !def.columns[ordinal].binary =>
            {
                Err(is_collated(def, ordinal))
            }
            _ => Ok(()),
        }
    }

    /// Whether decimals are compared by size, or added.
    pub(crate) fn adds_or_compares(self) -> Option<usize> {
        match self {
            Self::Count | Self::Of(Function::Count | Function::CountDistinct, _) => None,
            Self::Of(_, ordinal) => Some(ordinal),
        }
    }

    /// The aggregate of the merged states of its partials.
    pub(crate) fn finish(
        self,
        def: &'static ModelDef,
        dialect: Dialect,
        states: &[&State],
    ) -> Result<Value> {
        let function = match self {
            Self::Count => Function::Count,
            Self::Of(function, _) => function,
        };
        let (column_type, digits) = match self {
            Self::Count => (ColumnType::I64, None),
            Self::Of(_, ordinal) => {
                let column = &def.columns[ordinal];
                (column.column_type, column.decimal)
            }
        };
        let is_decimal = matches!(column_type, ColumnType::Decimal | ColumnType::ScaledDecimal);
        Ok(match (function, states) {
            (Function::Count, [State::Count(count)])
            | (Function::CountDistinct, [State::DistinctCount(count)]) => {
                Value::BigUnsigned(Some(*count))
            }
            (Function::CountDistinct, [State::Distinct(values)]) => {
                Value::BigUnsigned(u64::try_from(values.len()).ok())
            }
            (Function::Sum, [State::Sum(sum)]) => match sum {
                None => null(),
                Some(sum) if is_decimal => sum.to_decimal(digits)?,
                Some(sum) => sum.to_integer()?,
            },
            (Function::Sum, [State::Floats { count, sum }]) => {
                double(dialect, (*count > 0).then_some(*sum))
            }
            (Function::Avg, [State::Floats { count, sum }]) => {
                double(dialect, (*count > 0).then_some(*sum / float(*count)))
            }
            (Function::Avg, [State::Sum(sum), State::Count(count)]) => match sum {
                None => null(),
                Some(sum) if is_decimal => sum.to_decimal_by(*count)?,
                Some(sum) => Value::Double(Some(sum.to_float() / float(*count))),
            },
            (Function::Min | Function::Max, [State::Least(value) | State::Greatest(value)]) => {
                value.clone().unwrap_or_else(null)
            }
            (
                Function::VarPop | Function::StddevPop | Function::VarSamp | Function::StddevSamp,
                [State::Moments { count, squares, .. }],
            ) => {
                let is_sample = matches!(function, Function::VarSamp | Function::StddevSamp);
                let free = count.saturating_sub(u64::from(is_sample));
                let variance = (free > 0).then(|| squares / float(free));
                match function {
                    Function::VarPop | Function::VarSamp => Value::Double(variance),
                    _ => Value::Double(variance.map(f64::sqrt)),
                }
            }
            (Function::BoolAnd, [State::Count(count), State::Count(trues)]) => {
                Value::Bool((*count > 0).then_some(trues == count))
            }
            (Function::BoolOr, [State::Count(count), State::Count(trues)]) => {
                Value::Bool((*count > 0).then_some(*trues > 0))
            }
            // The states are those of the partials that this function asked for.
            _ => return Err(Error::decode("partial aggregates of another function")),
        })
    }
}

/// NULL, whatever its type: it is told apart before its type matters.
fn null() -> Value {
    Value::BigInt(None)
}

/// A float; NULL in place of NaN where the database has no NaN.
fn double(dialect: Dialect, value: Option<f64>) -> Value {
    Value::Double(value.filter(|value| !(dialect.capability().nan_is_null && value.is_nan())))
}
