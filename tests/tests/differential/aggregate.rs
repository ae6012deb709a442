//! Aggregates.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use proptest::sample::select;
use shard_orm::Dialect;
use shard_orm::aggregate::{Aggregate, GroupOrder, count};

use crate::cell::Cell;
use crate::order::{Nulls, place_nulls};
use crate::sample::{Col, Sample, column};

/// An aggregate.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Agg {
    Count,
    CountOf(Col),
    Distinct(Col),
    Sum(Col),
    Avg(Col),
    Min(Col),
    Max(Col),
    BoolAnd(Col),
    BoolOr(Col),
    VarPop(Col),
    VarSamp(Col),
    StddevPop(Col),
    StddevSamp(Col),
}

/// An aggregate of the library, by what it gives.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Typed {
    Count(Aggregate<Sample, u64>),
    Sum(Aggregate<Sample, Option<i128>>),
    F64(Aggregate<Sample, Option<f64>>),
    F32(Aggregate<Sample, Option<f32>>),
    I32(Aggregate<Sample, Option<i32>>),
    I64(Aggregate<Sample, Option<i64>>),
    Text(Aggregate<Sample, Option<String>>),
    Time(Aggregate<Sample, Option<DateTime<Utc>>>),
    Bool(Aggregate<Sample, Option<bool>>),
}

/// Does something with a typed aggregate.
macro_rules! typed {
    ($typed:expr, $aggregate:ident => $body:expr) => {
        match $typed {
            $crate::aggregate::Typed::Count($aggregate) => $body,
            $crate::aggregate::Typed::Sum($aggregate) => $body,
            $crate::aggregate::Typed::F64($aggregate) => $body,
            $crate::aggregate::Typed::F32($aggregate) => $body,
            $crate::aggregate::Typed::I32($aggregate) => $body,
            $crate::aggregate::Typed::I64($aggregate) => $body,
            $crate::aggregate::Typed::Text($aggregate) => $body,
            $crate::aggregate::Typed::Time($aggregate) => $body,
            $crate::aggregate::Typed::Bool($aggregate) => $body,
        }
    };
}
pub(crate) use typed;

/// The least or the greatest value of a column.
macro_rules! extreme {
    ($which:expr, $function:ident) => {
        match $which {
            Col::Id => Typed::I64(Sample::ID.$function()),
            Col::Level => Typed::I32(Sample::LEVEL.$function()),
            Col::Total => Typed::I64(Sample::TOTAL.$function()),
            Col::Big => Typed::I64(Sample::BIG.$function()),
            Col::Name => Typed::Text(Sample::NAME.$function()),
            Col::Note => Typed::Text(Sample::NOTE.$function()),
            Col::Weight => Typed::F64(Sample::WEIGHT.$function()),
            Col::Extreme => Typed::F64(Sample::EXTREME.$function()),
            Col::Ratio => Typed::F32(Sample::RATIO.$function()),
            Col::At => Typed::Time(Sample::AT.$function()),
            other => panic!("no extremes of {other:?} are asked for"),
        }
    };
}

const EXTREMES: [Col; 10] = [
    Col::Id,
    Col::Level,
    Col::Total,
    Col::Big,
    Col::Name,
    Col::Note,
    Col::Weight,
    Col::Extreme,
    Col::Ratio,
    Col::At,
];

impl Agg {
    /// Those whose values are the same, to the last digit, however rows are spread.
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let column = || select(Col::ALL.to_vec());
        let number = || select(vec![Col::Level, Col::Total, Col::Weight]);
        let truth = || select(vec![Col::Flag, Col::Seen]);
        prop_oneof![
            3 => Just(Self::Count),
            1 => column().prop_map(Self::CountOf),
            2 => column().prop_map(Self::Distinct),
            3 => number().prop_map(Self::Sum),
            2 => number().prop_map(Self::Avg),
            2 => select(EXTREMES.to_vec()).prop_map(Self::Min),
            2 => select(EXTREMES.to_vec()).prop_map(Self::Max),
            1 => truth().prop_map(Self::BoolAnd),
            1 => truth().prop_map(Self::BoolOr),
        ]
    }

    pub(crate) fn typed(self) -> Typed {
        match self {
            Self::Count => Typed::Count(count()),
            Self::CountOf(which) => column!(which, column => Typed::Count(column.count())),
            Self::Distinct(which) => {
                column!(which, column => Typed::Count(column.count_distinct()))
            }
            Self::Sum(Col::Level) => Typed::Sum(Sample::LEVEL.sum()),
            Self::Sum(Col::Total) => Typed::Sum(Sample::TOTAL.sum()),
            Self::Sum(Col::Weight) => Typed::F64(Sample::WEIGHT.sum()),
            Self::Avg(Col::Level) => Typed::F64(Sample::LEVEL.avg()),
            Self::Avg(Col::Total) => Typed::F64(Sample::TOTAL.avg()),
            Self::Avg(Col::Weight) => Typed::F64(Sample::WEIGHT.avg()),
            Self::Min(which) => extreme!(which, min),
            Self::Max(which) => extreme!(which, max),
            Self::BoolAnd(Col::Flag) => Typed::Bool(Sample::FLAG.bool_and()),
            Self::BoolAnd(_) => Typed::Bool(Sample::SEEN.bool_and()),
            Self::BoolOr(Col::Flag) => Typed::Bool(Sample::FLAG.bool_or()),
            Self::BoolOr(_) => Typed::Bool(Sample::SEEN.bool_or()),
            other => panic!("{other:?} is neither compared nor ordered by"),
        }
    }

    pub(crate) fn order(self, descending: bool, nulls: Nulls) -> GroupOrder<Sample> {
        let by = typed!(self.typed(), aggregate => {
            if descending { aggregate.desc() } else { aggregate.asc() }
        });
        place_nulls!(by, nulls)
    }

    /// As the databases say it, to be compared and ordered by.
    pub(crate) fn sql(self, dialect: Dialect) -> String {
        let double = |sql: String| match dialect {
            Dialect::Postgres => format!("CAST({sql} AS double precision)"),
            Dialect::MySql => format!("({sql} + 0e0)"),
            Dialect::Sqlite => format!("({sql} * 1.0)"),
        };
        let of = |function: &str, column: Col| format!("{function}({})", column.name());
        match self {
            Self::Count => "COUNT(*)".to_owned(),
            Self::CountOf(column) => of("COUNT", column),
            Self::Distinct(column) => format!("COUNT(DISTINCT {})", column.name()),
            // PostgreSQL adds the digits of a `real` alone.
            Self::Sum(Col::Ratio) => format!("SUM({})", double("ratio".to_owned())),
            Self::Sum(column) => of("SUM", column),
            Self::Avg(Col::Weight) => of("AVG", Col::Weight),
            // What the databases give for a mean of integers has more digits or fewer.
            Self::Avg(column) => format!("{} / {}", double(of("SUM", column)), of("COUNT", column)),
            Self::Min(column) => of("MIN", column),
            Self::Max(column) => of("MAX", column),
            Self::BoolAnd(column) if dialect == Dialect::Postgres => of("BOOL_AND", column),
            Self::BoolOr(column) if dialect == Dialect::Postgres => of("BOOL_OR", column),
            Self::BoolAnd(column) => of("MIN", column),
            Self::BoolOr(column) => of("MAX", column),
            Self::VarPop(column) => double(of("VAR_POP", column)),
            Self::VarSamp(column) => double(of("VAR_SAMP", column)),
            Self::StddevPop(column) => double(of("STDDEV_POP", column)),
            Self::StddevSamp(column) => double(of("STDDEV_SAMP", column)),
        }
    }

    /// To be selected: sums of integers as texts, which have room for them.
    pub(crate) fn selected(self, dialect: Dialect) -> String {
        let sql = self.sql(dialect);
        match self {
            Self::Sum(Col::Level | Col::Total | Col::Big) if dialect == Dialect::MySql => {
                format!("CAST({sql} AS CHAR)")
            }
            Self::Sum(Col::Level | Col::Total | Col::Big) => format!("CAST({sql} AS TEXT)"),
            _ => sql,
        }
    }

    /// What is expected, by what the one database gives.
    pub(crate) fn expected(self, given: Cell) -> Cell {
        match (self, given) {
            (Self::Sum(Col::Level | Col::Total | Col::Big), Cell::Text(text)) => {
                Cell::Int(text.parse().unwrap())
            }
            (Self::Min(_) | Self::Max(_), float @ Cell::Float(_)) => float,
            (_, Cell::Float(float)) => Cell::Near(float),
            (_, given) => given,
        }
    }

    /// Values that it is compared with.
    pub(crate) fn values(self, dialect: Dialect) -> BoxedStrategy<Cell> {
        let integers = |all: &[i128]| {
            let all = all.iter().copied().map(Cell::Int);
            select(all.collect::<Vec<_>>()).boxed()
        };
        let floats = |all: &[f64]| {
            let all = all.iter().copied().map(Cell::Float);
            select(all.collect::<Vec<_>>()).boxed()
        };
        match self {
            Self::Count | Self::CountOf(_) | Self::Distinct(_) => integers(&[0, 1, 2, 3, 15, 240]),
            Self::Sum(Col::Weight) => floats(&[-7.5, 0.0, 2.0, 1_024.25]),
            Self::Sum(_) => integers(&[-5, 0, 2, 500_000_000_000, i64::MAX.into()]),
            // No mean of so few integers is one of these.
            Self::Avg(_) => floats(&[-0.7117, 0.3141, 3.0e10 + 0.3141]),
            Self::Min(column) | Self::Max(column) => column.values(dialect),
            _ => any::<bool>().prop_map(Cell::Bool).boxed(),
        }
    }
}
