//! The types of columns, the same for all databases.

/// The type of a column. Each database has its own type for it.
///
/// | here | PostgreSQL | MySQL/MariaDB | SQLite |
/// |---|---|---|---|
/// | `Bool` | `bool` | `bool` (`tinyint(1)`) | `boolean` |
/// | `I8`, `I16` | `smallint` | `tinyint`, `smallint` | `tinyint`, `smallint` |
/// | `I32`, `I64` | `integer`, `bigint` | `int`, `bigint` | `integer`, `bigint` |
/// | `U8`, `U16`, `U32` | `smallint`, `integer`, `bigint` | unsigned | `smallint`, `integer`, `bigint` |
/// | `U64` | `bigint` (up to `i64::MAX`) | `bigint unsigned` | `bigint` (up to `i64::MAX`) |
/// | `F32`, `F64` | `real`, `double precision` | `float`, `double` | `float`, `double` |
/// | `Text` | `text` | `longtext`, `varchar` where a length is set or an index needs one | `text` |
/// | `Bytes` | `bytea` | `longblob`, likewise `varbinary` | `blob` |
/// | `TimestampUtc` | `timestamptz` | `datetime(6)` | `text`, ISO 8601, six digits of a second |
/// | `Timestamp`, `Date`, `Time` | `timestamp`, `date`, `time` | `datetime(6)`, `date`, `time(6)` | `text`, likewise |
/// | `Uuid` | `uuid` | `binary(16)` | `blob` |
/// | `Decimal` | `numeric` | `decimal(57, 28)` | `text` |
/// | `ScaledDecimal` | `numeric(p, s)` | `decimal(p, s)` | `integer`, of the smallest unit |
/// | `Json` | `jsonb` | `json` | `text` |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum ColumnType {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
    Text,
    Bytes,
    TimestampUtc,
    Timestamp,
    Date,
    Time,
    Uuid,
    Decimal,
    /// A decimal whose model declares its digits, at most 18.
    ScaledDecimal,
    Json,
}

impl ColumnType {
    /// Returns whether it holds integers.
    pub(crate) fn is_integer(self) -> bool {
        self.is_unsigned() || matches!(self, Self::I8 | Self::I16 | Self::I32 | Self::I64)
    }

    /// Returns whether each value of a column can be read as one of this type, and is the same when it is written again.
    #[cfg(feature = "reshard")]
    pub(crate) fn has_all_values(self) -> bool {
        self.is_integer()
            || matches!(
                self,
                Self::Bool | Self::F32 | Self::F64 | Self::Text | Self::Bytes | Self::Uuid
            )
    }

    /// Returns whether it holds integers that are not negative.
    pub(crate) fn is_unsigned(self) -> bool {
        matches!(self, Self::U8 | Self::U16 | Self::U32 | Self::U64)
    }
}
