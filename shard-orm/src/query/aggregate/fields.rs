//! Which fields have a date, an hour, a quotient.

use crate::backend::Field;

/// A field that has a date: what its parts are in Rust.
///
/// Implemented for the dates and timestamps of `chrono` and `time`, and for an `Option` of each.
/// For a struct around one of them, hand on to that, as with [`Number`](super::Number).
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no date, so it has no year, month and day",
    note = "these are of dates and timestamps of `chrono` and `time`"
)]
pub trait DateField: Field {
    /// Its date.
    type Date: Field;

    /// Its year, month or day: an `i32`, or an `Option` of it.
    type Number: Field;
}

/// A field that has a time of the day: what its hour is in Rust.
///
/// Implemented for the times and timestamps of `chrono` and `time`, and for an `Option` of each.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no time of the day, so it has no hour",
    note = "these are of times and timestamps of `chrono` and `time`"
)]
pub trait TimeField: Field {
    /// Its hour: an `i32`, or an `Option` of it.
    type Number: Field;
}

/// A field that is an integer: what it gives divided.
///
/// Implemented for all integers, and for an `Option` of each. For a struct around one of them:
///
/// ```
/// use shard_orm::aggregate::IntegerField;
/// use shard_orm::prelude::*;
///
/// #[derive(ShardField)]
/// struct Cents(i64);
///
/// impl IntegerField for Cents {
///     type Quotient = i64;
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no integer, so it is not divided into buckets",
    note = "implement `shard_orm::aggregate::IntegerField` for a struct around an integer"
)]
pub trait IntegerField: Field {
    /// A quotient or a remainder of it: an `i64`, of a `u64` a `u64`, or an `Option` of it.
    type Quotient: Field;
}

impl<T: DateField + Field<Plain = T>> DateField for Option<T>
where
    T::Date: Field<Plain = T::Date>,
    T::Number: Field<Plain = T::Number>,
{
    type Date = Option<T::Date>;
    type Number = Option<T::Number>;
}

impl<T: TimeField + Field<Plain = T>> TimeField for Option<T>
where
    T::Number: Field<Plain = T::Number>,
{
    type Number = Option<T::Number>;
}

impl<T: IntegerField + Field<Plain = T>> IntegerField for Option<T>
where
    T::Quotient: Field<Plain = T::Quotient>,
{
    type Quotient = Option<T::Quotient>;
}

macro_rules! integers {
    ($($rust:ty: $quotient:ty;)*) => {$(
        impl IntegerField for $rust {
            type Quotient = $quotient;
        }
    )*};
}

integers! {
    i8: i64;
    i16: i64;
    i32: i64;
    i64: i64;
    u8: i64;
    u16: i64;
    u32: i64;
    u64: u64;
}

#[cfg(any(feature = "chrono", feature = "time"))]
macro_rules! moments {
    ($($dated:ty)*; of $date:ty; $($timed:ty)*) => {
        $(
            impl DateField for $dated {
                type Date = $date;
                type Number = i32;
            }
        )*
        $(
            impl TimeField for $timed {
                type Number = i32;
            }
        )*
    };
}

#[cfg(feature = "chrono")]
mod with_chrono {
    use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};

    use super::{DateField, TimeField};

    moments! {
        DateTime<Utc> NaiveDateTime NaiveDate; of NaiveDate; DateTime<Utc> NaiveDateTime NaiveTime
    }
}

#[cfg(feature = "time")]
mod with_time {
    use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};

    use super::{DateField, TimeField};

    moments! {
        OffsetDateTime PrimitiveDateTime Date; of Date; OffsetDateTime PrimitiveDateTime Time
    }
}
