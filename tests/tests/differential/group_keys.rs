//! Group keys: columns, and expressions derived from them.

use shard_orm::aggregate::{GroupExpr, GroupOrder};
use shard_orm::prelude::*;

use crate::order::{Nulls, place_nulls};
use crate::sample::{Col, Sample, column};

/// What rows are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupKeys {
    /// All rows are one group.
    Nothing,
    Name,
    NoteSeen,
    AtLevel,
    WeightRatio,
    DataKind,
    ExtremeBig,
    /// Each group lies in one logical shard.
    UserIdFlag,
    YearHour,
    DayMonth,
    BucketModulo,
    /// A condition, which a row meets or does not.
    HighFlag,
    /// Each group lies in one logical shard.
    UserIdYear,
}

/// One of the things that rows are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Column(Col),
    Year,
    Month,
    Day,
    Hour,
    Bucket,
    Modulo,
    High,
}

/// The width of a bucket.
pub(crate) const WIDTH: i64 = 7;
/// What is divided by for a remainder.
pub(crate) const DIVISOR: i64 = 3;
/// What is above this is high.
pub(crate) const LOW: i32 = 1;

impl GroupKeys {
    pub(crate) const ALL: [Self; 13] = [
        Self::Nothing,
        Self::Name,
        Self::NoteSeen,
        Self::AtLevel,
        Self::WeightRatio,
        Self::DataKind,
        Self::ExtremeBig,
        Self::UserIdFlag,
        Self::YearHour,
        Self::DayMonth,
        Self::BucketModulo,
        Self::HighFlag,
        Self::UserIdYear,
    ];

    pub(crate) fn keys(self) -> &'static [Key] {
        match self {
            Self::Nothing => &[],
            Self::Name => &[Key::Column(Col::Name)],
            Self::NoteSeen => &[Key::Column(Col::Note), Key::Column(Col::Seen)],
            Self::AtLevel => &[Key::Column(Col::At), Key::Column(Col::Level)],
            Self::WeightRatio => &[Key::Column(Col::Weight), Key::Column(Col::Ratio)],
            Self::DataKind => &[Key::Column(Col::Data), Key::Column(Col::Kind)],
            Self::ExtremeBig => &[Key::Column(Col::Extreme), Key::Column(Col::Big)],
            Self::UserIdFlag => &[Key::Column(Col::UserId), Key::Column(Col::Flag)],
            Self::YearHour => &[Key::Year, Key::Hour],
            Self::DayMonth => &[Key::Day, Key::Month],
            Self::BucketModulo => &[Key::Bucket, Key::Modulo],
            Self::HighFlag => &[Key::High, Key::Column(Col::Flag)],
            Self::UserIdYear => &[Key::Column(Col::UserId), Key::Year],
        }
    }

    /// Whether all are columns, of which alone there are distinct rows.
    pub(crate) fn is_of_columns(self) -> bool {
        let is_column = |key: &Key| matches!(key, Key::Column(_));
        self.keys().iter().all(is_column)
    }
}

impl Key {
    pub(crate) fn order(self, descending: bool, nulls: Nulls) -> GroupOrder<Sample> {
        macro_rules! by {
            ($item:expr) => {
                if descending {
                    $item.desc()
                } else {
                    $item.asc()
                }
            };
        }
        let by: GroupOrder<Sample> = match self {
            Self::Column(which) => column!(which, column => by!(column)).into(),
            Self::Year => by!(Sample::AT.year()),
            Self::Month => by!(Sample::AT.month()),
            Self::Day => by!(Sample::AT.day()),
            Self::Hour => by!(Sample::AT.hour()),
            Self::Bucket => by!(Sample::TOTAL.bucket(WIDTH)),
            Self::Modulo => by!(Sample::LEVEL.modulo(DIVISOR)),
            Self::High => by!(GroupExpr::from(Sample::LEVEL.gt(LOW))),
        };
        place_nulls!(by, nulls)
    }

    /// As the databases say it, in other words than the library's where they have some.
    pub(crate) fn sql(self, dialect: Dialect) -> String {
        let part = |of_postgres: &str, of_mysql: &str, of_sqlite: &str| match dialect {
            Dialect::Postgres => {
                format!("CAST(EXTRACT({of_postgres} FROM at AT TIME ZONE 'UTC') AS integer)")
            }
            Dialect::MySql => format!("CAST({of_mysql}(at) AS SIGNED)"),
            Dialect::Sqlite => format!("CAST(strftime('{of_sqlite}', at) AS INTEGER)"),
        };
        match self {
            Self::Column(column) => column.name().to_owned(),
            Self::Year => part("YEAR", "YEAR", "%Y"),
            Self::Month => part("MONTH", "MONTH", "%m"),
            Self::Day => part("DAY", "DAYOFMONTH", "%d"),
            Self::Hour => part("HOUR", "HOUR", "%H"),
            Self::Bucket => match dialect {
                Dialect::Postgres => {
                    format!("CAST(FLOOR(CAST(total AS numeric) / {WIDTH}) AS bigint)")
                }
                Dialect::MySql => format!("CAST(FLOOR(total / {WIDTH}) AS SIGNED)"),
                Dialect::Sqlite => {
                    format!("((total - ((total % {WIDTH}) + {WIDTH}) % {WIDTH}) / {WIDTH})")
                }
            },
            Self::Modulo => {
                let remainder = format!("((level % {DIVISOR}) + {DIVISOR}) % {DIVISOR}");
                match dialect {
                    Dialect::MySql => format!("CAST({remainder} AS SIGNED)"),
                    Dialect::Postgres => format!("CAST({remainder} AS bigint)"),
                    Dialect::Sqlite => format!("({remainder})"),
                }
            }
            Self::High => format!("CASE WHEN level > {LOW} THEN TRUE ELSE FALSE END"),
        }
    }
}
