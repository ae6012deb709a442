//! Values of a column by its type: read from a result, and put into a statement.
//!
//! Called for columns that are known by their description alone: by `schema`, by the merging of
//! results, and where tables are copied. A model binds and reads its own fields.

use std::mem::discriminant;

use sea_query::Value;

use super::field::read_value;
use super::{Args, ColumnType, DataType, Digits, Field, OpaqueForm, Row};
use crate::error::{Error, Result};

/// How the values of one column are read and bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Codec<'a> {
    /// The name of the column, for messages on decimals.
    #[cfg_attr(not(feature = "decimal"), allow(dead_code))]
    name: &'a str,
    form: Form,
    nullable: bool,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Known(ColumnType, Option<Digits>),
    Opaque(OpaqueForm),
}

/// The types of dates and times: of `chrono` where both crates are enabled.
#[cfg(feature = "chrono")]
mod times {
    pub(super) type TimestampUtc = chrono::DateTime<chrono::Utc>;
    pub(super) type Timestamp = chrono::NaiveDateTime;
    pub(super) type Date = chrono::NaiveDate;
    pub(super) type Time = chrono::NaiveTime;
}
#[cfg(all(feature = "time", not(feature = "chrono")))]
mod times {
    pub(super) type TimestampUtc = time::OffsetDateTime;
    pub(super) type Timestamp = time::PrimitiveDateTime;
    pub(super) type Date = time::Date;
    pub(super) type Time = time::Time;
}

/// Runs an expression with the Rust type of a column's type, if this build has it.
macro_rules! with_type {
    ($column_type:expr, $rust:ident => $do:expr) => {
        with_type!(@ $column_type, $rust, $do,
            [] Bool => bool, [] I8 => i8, [] I16 => i16, [] I32 => i32, [] I64 => i64,
            [] U8 => u8, [] U16 => u16, [] U32 => u32, [] U64 => u64,
            [] F32 => f32, [] F64 => f64, [] Text => String, [] Bytes => Vec<u8>,
            [any(feature = "chrono", feature = "time")] TimestampUtc => times::TimestampUtc,
            [any(feature = "chrono", feature = "time")] Timestamp => times::Timestamp,
            [any(feature = "chrono", feature = "time")] Date => times::Date,
            [any(feature = "chrono", feature = "time")] Time => times::Time,
            [feature = "uuid"] Uuid => uuid::Uuid,
            [feature = "decimal"] Decimal => rust_decimal::Decimal,
            [feature = "decimal"] ScaledDecimal => rust_decimal::Decimal,
            [feature = "json"] Json => serde_json::Value,
        )
    };
    (@ $column_type:expr, $rust:ident, $do:expr,
        $([$($feature:meta)?] $variant:ident => $of:ty,)*) => {
        match $column_type {
            $($(#[cfg($feature)])? ColumnType::$variant => {
                type $rust = $of;
                $do
            })*
            #[allow(unreachable_patterns)]
            other => Err(not_enabled(other)),
        }
    };
}

#[cold]
fn not_enabled(column_type: ColumnType) -> Error {
    let feature = match column_type {
        ColumnType::Uuid => "`uuid`",
        ColumnType::Decimal | ColumnType::ScaledDecimal => "`decimal`",
        ColumnType::Json => "`json`",
        _ => "`chrono` or `time`",
    };
    Error::unsupported(format!(
        "this build has no Rust type for a column of {column_type:?}; enable the feature {feature} \
         of shard-orm"
    ))
}

impl<'a> Codec<'a> {
    /// Of a column of a type that all databases have.
    pub(crate) fn known(
        name: &'a str,
        column_type: ColumnType,
        digits: Option<Digits>,
        nullable: bool,
    ) -> Self {
        Self {
            name,
            form: Form::Known(column_type, digits),
            nullable,
        }
    }

    /// Of a column of any type.
    pub(crate) fn of(name: &'a str, data_type: &DataType, nullable: bool) -> Self {
        let form = match *data_type {
            DataType::Known {
                column_type,
                digits,
                ..
            } => Form::Known(column_type, digits),
            DataType::Opaque { form, .. } => Form::Opaque(form),
        };
        Self {
            name,
            form,
            nullable,
        }
    }

    /// Reads the column of a result at a position, as a value of the column's type.
    ///
    /// # Errors
    /// [`Decode`](crate::ErrorKind::Decode) when it holds something else, or NULL where the column
    /// takes none.
    pub(crate) fn read(self, row: &Row<'_>, ordinal: usize) -> Result<Value> {
        let (column_type, digits) = match self.form {
            Form::Known(column_type, digits) => (column_type, digits),
            Form::Opaque(form) => return form.read(row, ordinal),
        };
        let declared;
        let row = match digits {
            Some(digits) => {
                declared = row.of_decimals(digits);
                &declared
            }
            None => row,
        };
        if let Some(value) = self.plain(column_type, row, ordinal) {
            return value;
        }
        let value = if self.nullable {
            with_type!(column_type, T => read_value::<Option<T>>(row, ordinal))
        } else {
            with_type!(column_type, T => read_value::<T>(row, ordinal))
        };
        self.typed(value?)
    }

    /// Reads a column that is most often one of an order or of a key, whose values are bound as they are.
    fn plain(
        self,
        column_type: ColumnType,
        row: &Row<'_>,
        ordinal: usize,
    ) -> Option<Result<Value>> {
        if self.nullable {
            return None;
        }
        Some(match column_type {
            ColumnType::I32 => i32::read(row, ordinal).map(Value::from),
            ColumnType::I64 => i64::read(row, ordinal).map(Value::from),
            ColumnType::Text => String::read(row, ordinal).map(Value::from),
            _ => return None,
        })
    }

    /// NULL in the column's type.
    pub(crate) fn null(self) -> Result<Value> {
        match self.form {
            #[cfg(feature = "decimal")]
            Form::Known(ColumnType::ScaledDecimal, _) => Ok(super::decimal::scaled_null()),
            Form::Known(column_type, _) => {
                with_type!(column_type, T => Args::value(T::bind_null))
            }
            Form::Opaque(form) => form.null(),
        }
    }

    /// A value as this column has it: a decimal with its digits.
    ///
    /// # Errors
    /// [`Check`](crate::ErrorKind::Check) for a decimal that has more.
    pub(crate) fn typed(self, value: Value) -> Result<Value> {
        #[cfg(feature = "decimal")]
        if let Form::Known(_, Some(digits)) = self.form
            && let Value::Decimal(_) | Value::Array(..) = &value
        {
            return match super::decimal_of(&value) {
                Some(decimal) => super::decimal::typed(self.name, digits, decimal),
                None => self.null(),
            };
        }
        Ok(value)
    }

    /// Whether a value is of the column's type, in the form that [`typed`](Self::typed) gives it.
    pub(crate) fn fits(self, value: &Value) -> bool {
        // Each value of SQLite has a type by itself.
        let is_dynamic = matches!(self.form, Form::Opaque(OpaqueForm::Dynamic));
        is_dynamic
            || self.null().is_ok_and(|null| {
                discriminant(&null) == discriminant(value) || are_times_alike(&null, value)
            })
    }
}

/// Whether this build has a Rust type for a column's type.
pub(crate) fn is_enabled(column_type: ColumnType) -> bool {
    with_type!(column_type, T => Ok(size_of::<T>())).is_ok()
}

/// Whether two values are of the same type of time, one of each crate.
#[cfg(all(feature = "chrono", feature = "time"))]
fn are_times_alike(chrono: &Value, time: &Value) -> bool {
    matches!(
        (chrono, time),
        (
            Value::ChronoDateTimeUtc(_),
            Value::TimeDateTimeWithTimeZone(_)
        ) | (Value::ChronoDateTime(_), Value::TimeDateTime(_))
            | (Value::ChronoDate(_), Value::TimeDate(_))
            | (Value::ChronoTime(_), Value::TimeTime(_))
    )
}

#[cfg(not(all(feature = "chrono", feature = "time")))]
fn are_times_alike(_: &Value, _: &Value) -> bool {
    false
}
