//! The model of the queries, and its columns by name.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use shard_orm::prelude::*;
use shard_orm::{Column, Field};

use crate::cell::{Cell, IntoCell, IntoRow, Plain, Row};

#[derive(Debug, Clone, Copy, PartialEq, ShardField)]
pub(crate) enum Kind {
    Food,
    Drink,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Food => "food",
            Self::Drink => "drink",
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        if name == "food" {
            Self::Food
        } else {
            Self::Drink
        }
    }
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "samples")]
pub(crate) struct Sample {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) user_id: i64,
    pub(crate) level: Option<i32>,
    /// Small enough for a sum of 64 bits.
    pub(crate) total: i64,
    /// Any integer.
    pub(crate) big: i64,
    #[shard(collation = "binary", length = 40)]
    pub(crate) name: String,
    #[shard(collation = "binary", length = 40)]
    pub(crate) note: Option<String>,
    #[shard(collation = "binary", length = 10)]
    pub(crate) kind: Kind,
    /// Such that sums are exact in any order, so that an order by one is the same everywhere.
    pub(crate) weight: f64,
    /// Any float that the database takes.
    pub(crate) extreme: f64,
    pub(crate) ratio: Option<f32>,
    pub(crate) flag: bool,
    pub(crate) seen: Option<bool>,
    pub(crate) at: DateTime<Utc>,
    pub(crate) data: Vec<u8>,
    pub(crate) price: Option<Decimal>,
}

/// A column of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Col {
    Id,
    UserId,
    Level,
    Total,
    Big,
    Name,
    Note,
    Kind,
    Weight,
    Extreme,
    Ratio,
    Flag,
    Seen,
    At,
    Data,
    Price,
}

/// Does something with the typed column of a [`Col`].
macro_rules! column {
    ($which:expr, $column:ident => $body:expr) => {
        column! { $which, $column, $body;
            Id ID, UserId USER_ID, Level LEVEL, Total TOTAL, Big BIG, Name NAME, Note NOTE, Kind KIND, Weight WEIGHT,
            Extreme EXTREME, Ratio RATIO, Flag FLAG, Seen SEEN, At AT, Data DATA, Price PRICE }
    };
    ($which:expr, $column:ident, $body:expr; $($name:ident $constant:ident),+) => {
        match $which {
            $($crate::sample::Col::$name => {
                let $column = $crate::sample::Sample::$constant;
                $body
            })+
        }
    };
}
pub(crate) use column;

/// Does something with the typed column of a [`Col`] that may be NULL.
macro_rules! nullable {
    ($which:expr, $column:ident => $body:expr) => {
        nullable! { $which, $column, $body; Level LEVEL, Note NOTE, Ratio RATIO, Seen SEEN, Price PRICE }
    };
    ($which:expr, $column:ident, $body:expr; $($name:ident $constant:ident),+) => {
        match $which {
            $($crate::sample::Col::$name => {
                let $column = $crate::sample::Sample::$constant;
                $body
            })+
            other => panic!("{other:?} is never NULL"),
        }
    };
}
pub(crate) use nullable;

impl Col {
    pub(crate) const ALL: [Self; 16] = [
        Self::Id,
        Self::UserId,
        Self::Level,
        Self::Total,
        Self::Big,
        Self::Name,
        Self::Note,
        Self::Kind,
        Self::Weight,
        Self::Extreme,
        Self::Ratio,
        Self::Flag,
        Self::Seen,
        Self::At,
        Self::Data,
        Self::Price,
    ];

    pub(crate) const NULLABLE: [Self; 5] = [
        Self::Level,
        Self::Note,
        Self::Ratio,
        Self::Seen,
        Self::Price,
    ];

    /// Its name in the database.
    pub(crate) fn name(self) -> &'static str {
        column!(self, column => column.name())
    }

    /// Whether the database compares its values by size. SQLite holds decimals as texts.
    pub(crate) fn is_ordered(self, dialect: Dialect) -> bool {
        self != Self::Price || dialect != Dialect::Sqlite
    }

    /// Those whose values are compared by size.
    pub(crate) fn ordered(dialect: Dialect) -> Vec<Self> {
        let ordered = |column: &Self| column.is_ordered(dialect);
        Self::ALL.into_iter().filter(ordered).collect()
    }
}

/// The value of a cell for a column.
pub(crate) fn plain<T: Field<Plain: Plain>>(_: Column<Sample, T>, cell: &Cell) -> T::Plain {
    T::Plain::of(cell)
}

impl Sample {
    /// A row of cells, in the order of the columns.
    pub(crate) fn of(row: &[Cell]) -> Self {
        Self {
            id: Plain::of(&row[0]),
            user_id: Plain::of(&row[1]),
            level: nullable_of(&row[2]),
            total: Plain::of(&row[3]),
            big: Plain::of(&row[4]),
            name: Plain::of(&row[5]),
            note: nullable_of(&row[6]),
            kind: Plain::of(&row[7]),
            weight: Plain::of(&row[8]),
            extreme: Plain::of(&row[9]),
            ratio: nullable_of(&row[10]),
            flag: Plain::of(&row[11]),
            seen: nullable_of(&row[12]),
            at: Plain::of(&row[13]),
            data: Plain::of(&row[14]),
            price: nullable_of(&row[15]),
        }
    }
}

fn nullable_of<T: Plain>(cell: &Cell) -> Option<T> {
    (*cell != Cell::Null).then(|| T::of(cell))
}

impl IntoRow for Sample {
    fn into_row(self) -> Row {
        vec![
            self.id.into_cell(),
            self.user_id.into_cell(),
            self.level.into_cell(),
            self.total.into_cell(),
            self.big.into_cell(),
            self.name.into_cell(),
            self.note.into_cell(),
            self.kind.into_cell(),
            self.weight.into_cell(),
            self.extreme.into_cell(),
            self.ratio.into_cell(),
            self.flag.into_cell(),
            self.seen.into_cell(),
            self.at.into_cell(),
            self.data.into_cell(),
            self.price.into_cell(),
        ]
    }
}
