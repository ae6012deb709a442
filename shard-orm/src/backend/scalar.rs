//! The types that the drivers know, bound and read on each database.

use sea_query::Value;
#[allow(unused_imports)]
use sqlx::{Arguments as _, Row as _};

use super::args::Buffer;
use super::failure::not_encoded;
use super::row::RowOf;
use super::{Args, ColumnType, Field, Row};
use crate::error::{Error, Result};

/// Binds one value: collected as `$value`, or in the type of the driver.
macro_rules! put {
    ($args:expr, $value:expr, postgres: $pg:expr, mysql: $my:expr, sqlite: $lite:expr) => {{
        $args.bytes += $crate::backend::args::ROOM_OF_A_VALUE;
        match &mut $args.buffer {
            Buffer::Values(values) => {
                values.push($value);
                Ok(())
            }
            #[cfg(feature = "postgres")]
            Buffer::Postgres(args) => args.add($pg).map_err(not_encoded),
            #[cfg(feature = "postgres")]
            Buffer::PostgresColumn(column) => column.push($pg),
            #[cfg(feature = "mysql")]
            Buffer::MySql(args) => args.add($my).map_err(not_encoded),
            #[cfg(feature = "sqlite")]
            Buffer::Sqlite(args) => args.add($lite).map_err(not_encoded),
            Buffer::Unprepared => Err($crate::backend::args::takes_none()),
            Buffer::Measured => Ok(()),
        }
    }};
}

/// Reads one value in the type of the driver, and passes it to `$convert`. In a row of values it is
/// a `$variant`, which `$read` converts to the field's type.
macro_rules! take {
    ($row:expr, $ordinal:expr, $variant:ident,
        postgres: $pg:ty, mysql: $my:ty, sqlite: $lite:ty, $convert:expr) => {
        take!($row, $ordinal, $variant, |value: &_| Ok(Clone::clone(value)),
            postgres: $pg, mysql: $my, sqlite: $lite, $convert)
    };
    ($row:expr, $ordinal:expr, $variant:ident, $read:expr,
        postgres: $pg:ty, mysql: $my:ty, sqlite: $lite:ty, $convert:expr) => {
        match $row.0 {
            #[cfg(feature = "postgres")]
            RowOf::Postgres(row) => match row.try_get::<$pg, _>($ordinal) {
                Ok(value) => $convert(value),
                Err(source) => Err($row.not_decoded($ordinal, source)),
            },
            #[cfg(feature = "mysql")]
            RowOf::MySql(row) => match row.try_get::<$my, _>($ordinal) {
                Ok(value) => $convert(value),
                Err(source) => Err($row.not_decoded($ordinal, source)),
            },
            #[cfg(feature = "sqlite")]
            RowOf::Sqlite(row) => match $crate::backend::sqlite::read::<$lite>(row, $ordinal) {
                Ok(value) => $convert(value),
                Err(source) => Err($row.not_decoded($ordinal, source)),
            },
            RowOf::Values(values) => match values.get($ordinal) {
                Some(Value::$variant(Some(value))) => $read(value),
                _ => Err($row.not_decoded($ordinal, "a value of another type, or NULL")),
            },
        }
    };
}

#[cfg(any(feature = "chrono", feature = "time", feature = "decimal"))]
pub(super) use put;
#[cfg(any(feature = "chrono", feature = "time"))]
pub(super) use take;

/// Integers, each sent as a driver's integer of at least its width.
macro_rules! integers {
    ($($rust:ty, $column:ident, $value:ident, $pg:ty, $my:ty, $lite:ty;)*) => {$(
        impl Field for $rust {
            type Plain = Self;
            const TYPE: ColumnType = ColumnType::$column;

            fn bind(&self, args: &mut Args) -> Result<()> {
                put!(args, Value::$value(Some(*self)),
                    postgres: carry::<_, $pg>(*self)?,
                    mysql: carry::<_, $my>(*self)?,
                    sqlite: carry::<_, $lite>(*self)?)
            }

            fn bind_null(args: &mut Args) -> Result<()> {
                put!(args, Value::$value(None),
                    postgres: None::<$pg>, mysql: None::<$my>, sqlite: None::<$lite>)
            }

            fn read(row: &Row<'_>, ordinal: usize) -> Result<Self> {
                take!(row, ordinal, $value, postgres: $pg, mysql: $my, sqlite: $lite, |carried| {
                    Self::try_from(carried).map_err(|source| row.not_decoded(ordinal, source))
                })
            }
        }
    )*};
}

integers! {
    i8, I8, TinyInt, i16, i8, i64;
    i16, I16, SmallInt, i16, i16, i64;
    i32, I32, Int, i32, i32, i64;
    i64, I64, BigInt, i64, i64, i64;
    u8, U8, TinyUnsigned, i16, u8, i64;
    u16, U16, SmallUnsigned, i32, u16, i64;
    u32, U32, Unsigned, i64, u32, i64;
    u64, U64, BigUnsigned, i64, u64, i64;
}

/// Widens an integer to the type of the driver. A `u64` above `i64::MAX` fits MySQL alone.
#[allow(dead_code)]
fn carry<From, To>(value: From) -> Result<To>
where
    From: Copy + std::fmt::Display,
    To: TryFrom<From>,
{
    To::try_from(value).map_err(|_| {
        Error::unsupported(format!(
            "{value} is above the largest 64-bit integer of this database, {}",
            i64::MAX
        ))
    })
}

impl Field for bool {
    type Plain = Self;
    const TYPE: ColumnType = ColumnType::Bool;

    fn bind(&self, args: &mut Args) -> Result<()> {
        put!(args, Value::Bool(Some(*self)), postgres: *self, mysql: *self, sqlite: *self)
    }

    fn bind_null(args: &mut Args) -> Result<()> {
        put!(args, Value::Bool(None),
            postgres: None::<bool>, mysql: None::<bool>, sqlite: None::<bool>)
    }

    fn read(row: &Row<'_>, ordinal: usize) -> Result<Self> {
        take!(row, ordinal, Bool, postgres: bool, mysql: bool, sqlite: bool, Ok)
    }
}

/// Floats. SQLite would store NaN as NULL, and MySQL rejects infinities and NaN.
macro_rules! floats {
    ($($rust:ty, $column:ident, $value:ident;)*) => {$(
        impl Field for $rust {
            type Plain = Self;
            const TYPE: ColumnType = ColumnType::$column;

            fn bind(&self, args: &mut Args) -> Result<()> {
                put!(args, Value::$value(Some(*self)),
                    postgres: *self,
                    mysql: if self.is_finite() { *self } else {
                        return Err(Error::unsupported("MySQL and MariaDB store finite floats only"));
                    },
                    sqlite: if self.is_nan() {
                        return Err(Error::unsupported("SQLite stores no NaN: it would become NULL"));
                    } else { *self })
            }

            fn bind_null(args: &mut Args) -> Result<()> {
                put!(args, Value::$value(None),
                    postgres: None::<$rust>, mysql: None::<$rust>, sqlite: None::<$rust>)
            }

            fn read(row: &Row<'_>, ordinal: usize) -> Result<Self> {
                take!(row, ordinal, $value, postgres: $rust, mysql: f64, sqlite: f64, |carried| {
                    <$rust as Narrow>::of(f64::from(carried))
                        .ok_or_else(|| row.not_decoded(ordinal, "a number beyond the type's range"))
                })
            }
        }
    )*};
}

/// A float that the database may store with more digits.
trait Narrow: Sized {
    /// The nearest value; `None` if only infinity is near.
    fn of(wide: f64) -> Option<Self>;
}

impl Narrow for f64 {
    fn of(wide: f64) -> Option<Self> {
        Some(wide)
    }
}

impl Narrow for f32 {
    #[allow(clippy::cast_possible_truncation)]
    fn of(wide: f64) -> Option<Self> {
        let narrow = wide as Self;
        (narrow.is_finite() || !wide.is_finite()).then_some(narrow)
    }
}

floats! {
    f32, F32, Float;
    f64, F64, Double;
}

/// Binds a text. PostgreSQL alone stores no NUL character in a text.
pub(super) fn bind_text(text: &str, args: &mut Args) -> Result<()> {
    args.bytes += text.len();
    put!(args, Value::String(Some(text.to_owned())),
        postgres: if holds_nul(text) {
            return Err(Error::unsupported(
                "PostgreSQL cannot store a NUL character in a text; use a `Vec<u8>` field",
            ));
        } else { text },
        mysql: text,
        sqlite: text.to_owned())
}

/// Binds a borrowed text, for enums that are stored by name.
#[doc(hidden)]
pub fn bind_str(value: &str, args: &mut Args) -> Result<()> {
    bind_text(value, args)
}

/// Reads a text, for enums that are stored by name.
#[doc(hidden)]
pub fn read_string(row: &Row<'_>, ordinal: usize) -> Result<String> {
    String::read(row, ordinal)
}

/// Returns whether a text contains a NUL character. Hardly any does, so each block is searched to
/// its end, many bytes at once.
#[cfg(feature = "postgres")]
fn holds_nul(text: &str) -> bool {
    let within = |bytes: &[u8]| bytes.iter().fold(false, |found, byte| found | (*byte == 0));
    let (blocks, rest) = text.as_bytes().as_chunks::<16>();
    blocks.iter().any(|block| within(block)) || within(rest)
}

impl Field for String {
    type Plain = Self;
    const TYPE: ColumnType = ColumnType::Text;

    fn bind(&self, args: &mut Args) -> Result<()> {
        bind_text(self, args)
    }

    fn bind_null(args: &mut Args) -> Result<()> {
        put!(args, Value::String(None),
            postgres: None::<String>, mysql: None::<String>, sqlite: None::<String>)
    }

    fn read(row: &Row<'_>, ordinal: usize) -> Result<Self> {
        take!(row, ordinal, String, postgres: String, mysql: String, sqlite: String, Ok)
    }
}

impl Field for Vec<u8> {
    type Plain = Self;
    const TYPE: ColumnType = ColumnType::Bytes;

    fn bind(&self, args: &mut Args) -> Result<()> {
        args.bytes += self.len();
        put!(args, Value::Bytes(Some(self.clone())),
            postgres: self.as_slice(), mysql: self.as_slice(), sqlite: self.clone())
    }

    fn bind_null(args: &mut Args) -> Result<()> {
        put!(args, Value::Bytes(None),
            postgres: None::<Vec<u8>>, mysql: None::<Vec<u8>>, sqlite: None::<Vec<u8>>)
    }

    fn read(row: &Row<'_>, ordinal: usize) -> Result<Self> {
        take!(row, ordinal, Bytes, postgres: Vec<u8>, mysql: Vec<u8>, sqlite: Vec<u8>, Ok)
    }
}

#[cfg(feature = "uuid")]
impl Field for uuid::Uuid {
    type Plain = Self;
    const TYPE: ColumnType = ColumnType::Uuid;

    fn bind(&self, args: &mut Args) -> Result<()> {
        put!(args, Value::Uuid(Some(*self)), postgres: *self, mysql: *self, sqlite: *self)
    }

    fn bind_null(args: &mut Args) -> Result<()> {
        put!(args, Value::Uuid(None),
            postgres: None::<Self>, mysql: None::<Self>, sqlite: None::<Self>)
    }

    fn read(row: &Row<'_>, ordinal: usize) -> Result<Self> {
        take!(row, ordinal, Uuid, postgres: Self, mysql: Self, sqlite: Self, Ok)
    }
}

#[cfg(feature = "json")]
impl<T> Field for super::Json<T>
where
    T: serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
{
    type Plain = Self;
    const TYPE: ColumnType = ColumnType::Json;

    fn bind(&self, args: &mut Args) -> Result<()> {
        bind_json(&self.0, args)
    }

    fn bind_null(args: &mut Args) -> Result<()> {
        serde_json::Value::bind_null(args)
    }

    fn read(row: &Row<'_>, ordinal: usize) -> Result<Self> {
        use sqlx::types::Json;
        let of_value = |json: &serde_json::Value| {
            let value = serde_json::from_value(json.clone());
            value
                .map(Self)
                .map_err(|source| row.not_decoded(ordinal, source))
        };
        take!(row, ordinal, Json, of_value,
            postgres: Json<T>, mysql: Json<T>, sqlite: Json<T>,
            |json: Json<T>| Ok(Self(json.0)))
    }
}

/// Binds a value of any serde type as JSON.
#[cfg(feature = "json")]
#[doc(hidden)]
pub fn bind_json<T: serde::Serialize>(value: &T, args: &mut Args) -> Result<()> {
    use sqlx::types::Json;
    if matches!(args.buffer, Buffer::Measured) {
        let mut count = Count(0);
        serde_json::to_writer(&mut count, value).map_err(not_written)?;
        args.bytes += count.0;
    }
    put!(args,
        Value::Json(Some(Box::new(serde_json::to_value(value).map_err(not_written)?))),
        postgres: Json(value),
        mysql: {
            let text = serde_json::to_string(value).map_err(not_written)?;
            args.bytes += text.len();
            super::mysql::JsonText(text)
        },
        sqlite: Json(value))
}

#[cfg(feature = "json")]
fn not_written(source: serde_json::Error) -> Error {
    Error::unsupported("a field cannot be written as JSON").with_source(source)
}

/// Counts the written bytes and drops them.
#[cfg(feature = "json")]
struct Count(usize);

#[cfg(feature = "json")]
impl std::io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(feature = "json")]
impl Field for serde_json::Value {
    type Plain = Self;
    const TYPE: ColumnType = ColumnType::Json;

    fn bind(&self, args: &mut Args) -> Result<()> {
        bind_json(self, args)
    }

    fn bind_null(args: &mut Args) -> Result<()> {
        use sqlx::types::Json;
        put!(args, Value::Json(None),
            postgres: None::<Json<Self>>, mysql: None::<Json<Self>>, sqlite: None::<Json<Self>>)
    }

    fn read(row: &Row<'_>, ordinal: usize) -> Result<Self> {
        use sqlx::types::Json;
        take!(row, ordinal, Json, |json: &Self| Ok(json.clone()),
            postgres: Json<Self>, mysql: Json<Self>, sqlite: Json<Self>,
            |json: Json<Self>| Ok(json.0))
    }
}
