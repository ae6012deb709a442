//! One value of a row as plain data, for queries and for comparing results.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::sample::Kind;

/// One value of a row.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    /// What is expected alone: a float whose last digits depend on the order in which others were added.
    Near(f64),
    Decimal(Decimal),
    Text(String),
    Bytes(Vec<u8>),
    /// In microseconds since 1970.
    Time(i64),
}

/// A row of an answer.
pub(crate) type Row = Vec<Cell>;

impl PartialEq for Cell {
    /// Zeroes are equal, whatever their sign, and NaN is equal to itself.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(two)) => one == two,
            (Self::Int(one), Self::Int(two)) => one == two,
            (Self::Float(one), Self::Float(two)) => one == two || (one.is_nan() && two.is_nan()),
            (Self::Decimal(one), Self::Decimal(two)) => one == two,
            (Self::Text(one), Self::Text(two)) => one == two,
            (Self::Bytes(one), Self::Bytes(two)) => one == two,
            (Self::Time(one), Self::Time(two)) => one == two,
            (Self::Near(near), Self::Float(float)) | (Self::Float(float), Self::Near(near)) => {
                is_near(*near, *float)
            }
            (Self::Near(near), Self::Decimal(number))
            | (Self::Decimal(number), Self::Near(near)) => is_near(*near, number.to_f64().unwrap()),
            _ => false,
        }
    }
}

fn is_near(one: f64, two: f64) -> bool {
    (one - two).abs() <= 1e-9 * one.abs().max(two.abs()).max(1.0)
}

/// What a column or an aggregate gives.
pub(crate) trait IntoCell {
    fn into_cell(self) -> Cell;
}

/// What a column is compared with.
pub(crate) trait Plain: IntoCell + Sized {
    /// The value of a cell.
    ///
    /// # Panics
    /// When the cell holds another type.
    fn of(cell: &Cell) -> Self;
}

impl<T: IntoCell> IntoCell for Option<T> {
    fn into_cell(self) -> Cell {
        self.map_or(Cell::Null, T::into_cell)
    }
}

macro_rules! integers {
    ($($rust:ty)*) => {$(
        impl IntoCell for $rust {
            fn into_cell(self) -> Cell {
                Cell::Int(self.into())
            }
        }

        impl Plain for $rust {
            fn of(cell: &Cell) -> Self {
                match cell {
                    Cell::Int(number) => (*number).try_into().unwrap(),
                    _ => panic!("{cell:?} is no integer"),
                }
            }
        }
    )*};
}

integers! { i32 i64 u64 i128 }

macro_rules! cells {
    ($($rust:ty: $variant:ident, $value:ident => $into:expr, $of:expr;)*) => {$(
        impl IntoCell for $rust {
            fn into_cell(self) -> Cell {
                let $value = self;
                Cell::$variant($into)
            }
        }

        impl Plain for $rust {
            fn of(cell: &Cell) -> Self {
                match cell {
                    Cell::$variant($value) => $of,
                    _ => panic!("{cell:?} is no {}", stringify!($rust)),
                }
            }
        }
    )*};
}

cells! {
    bool: Bool, value => value, *value;
    f64: Float, value => value, *value;
    f32: Float, value => value.into(), narrow(*value);
    Decimal: Decimal, value => value, *value;
    String: Text, value => value, value.clone();
    Vec<u8>: Bytes, value => value, value.clone();
    DateTime<Utc>: Time, value => value.timestamp_micros(), DateTime::from_timestamp_micros(*value).unwrap();
    Kind: Text, value => value.name().to_owned(), Kind::named(value);
}

/// The column holds single precision: its operands are such from the start.
#[allow(clippy::cast_possible_truncation)]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// What one row gives.
pub(crate) trait IntoRow {
    fn into_row(self) -> Row;
}

macro_rules! tuples {
    ($($name:ident)+) => {
        impl<$($name: IntoCell),+> IntoRow for ($($name,)+) {
            #[allow(non_snake_case)]
            fn into_row(self) -> Row {
                let ($($name,)+) = self;
                vec![$($name.into_cell()),+]
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);

/// All rows of an answer.
pub(crate) fn rows<T: IntoRow>(answer: Vec<T>) -> Vec<Row> {
    answer.into_iter().map(T::into_row).collect()
}
